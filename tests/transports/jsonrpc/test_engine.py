"""JSON-RPC 2.0 as specified, with the methods of the specification's own examples."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonrpcserver.result import Error, Result, Success

from transportlab.errors import MAX_CALLS
from transports.jsonrpc.engine import Engine, Rpc, Unparsable, parse, refuse

CALLS: list[Any] = []


def subtract(_request: Any, minuend: int, subtrahend: int) -> Result:
    return Success(minuend - subtrahend)


def sum_(_request: Any, *numbers: int) -> Result:
    return Success(sum(numbers))


def get_data(_request: Any) -> Result:
    return Success(["hello", 5])


def note(request: Any, *_list: Any, **_members: Any) -> Result:
    CALLS.append(request)
    return Success(None)


def fail(_request: Any) -> Result:
    return Error(7, "no", {"why": "because"})


METHODS: dict[str, Rpc] = {
    "subtract": subtract,
    "sum": sum_,
    "get_data": get_data,
    "update": note,
    "notify_hello": note,
    "notify_sum": note,
    "fail": fail,
}
ENGINE = Engine(METHODS)


def respond(line: str | bytes) -> Any:
    try:
        request = parse(line.encode() if isinstance(line, str) else line)
    except Unparsable as problem:
        return json.loads(problem.reply)
    reply = ENGINE.answer(request, lambda each: each)
    return None if reply is None else json.loads(reply)


def call(id_: str, rest: str) -> str:
    return '{"jsonrpc": "2.0", "method": ' + rest + (f', "id": {id_}' if id_ else "") + "}"


def batch(*calls: str) -> str:
    return "[" + ", ".join(calls) + "]"


def result(id_: Any, value: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "result": value, "id": id_}


def error(id_: Any, code: int, message: str) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "error": {"code": code, "message": message}, "id": id_}


PARSE = error(None, -32700, "Parse error")
INVALID = error(None, -32600, "Invalid Request")

# Section 7 of the specification, in its order.
EXAMPLES = [
    (call("1", '"subtract", "params": [42, 23]'), result(1, 19)),
    (call("2", '"subtract", "params": [23, 42]'), result(2, -19)),
    (call("3", '"subtract", "params": {"subtrahend": 23, "minuend": 42}'), result(3, 19)),
    (call("4", '"subtract", "params": {"minuend": 42, "subtrahend": 23}'), result(4, 19)),
    (call("", '"update", "params": [1,2,3,4,5]'), None),
    (call("", '"foobar"'), None),
    (call('"1"', '"foobar"'), error("1", -32601, "Method not found")),
    ('{"jsonrpc": "2.0", "method": "foobar, "params": "bar", "baz]', PARSE),
    ('{"jsonrpc": "2.0", "method": 1, "params": "bar"}', INVALID),
    (
        '[{"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"},'
        ' {"jsonrpc": "2.0", "method"]',
        PARSE,
    ),
    ("[]", INVALID),
    ("[1]", [INVALID]),
    ("[1,2,3]", [INVALID, INVALID, INVALID]),
    (
        batch(
            call('"1"', '"sum", "params": [1,2,4]'),
            call("", '"notify_hello", "params": [7]'),
            call('"2"', '"subtract", "params": [42,23]'),
            '{"foo": "boo"}',
            call('"5"', '"foo.get", "params": {"name": "myself"}'),
            call('"9"', '"get_data"'),
        ),
        [
            result("1", 7),
            result("2", 19),
            INVALID,
            error("5", -32601, "Method not found"),
            result("9", ["hello", 5]),
        ],
    ),
    (
        batch(
            call("", '"notify_sum", "params": [1,2,4]'), call("", '"notify_hello", "params": [7]')
        ),
        None,
    ),
]


@pytest.mark.parametrize(("line", "reply"), EXAMPLES)
def test_each_example_of_the_specification_is_answered_as_it_says(line: str, reply: Any) -> None:
    assert respond(line) == reply


@pytest.mark.parametrize("id_", ['"7"', '""', "7", "-7", "7.5", "null", "123456789012345678901"])
def test_an_id_comes_back_as_it_was(id_: str) -> None:
    assert respond(call(id_, '"get_data"'))["id"] == json.loads(id_)


@pytest.mark.parametrize(
    "line",
    [
        call("true", '"get_data"'),
        call("[]", '"get_data"'),
        call("{}", '"get_data"'),
        call("1", '"get_data", "params": null'),
        call("1", '"get_data", "params": 1'),
        '{"method": "get_data", "id": 1}',
        '{"jsonrpc": "1.0", "method": "get_data", "id": 1}',
        '{"jsonrpc": 2.0, "method": "get_data", "id": 1}',
        '{"jsonrpc": "2.0", "id": 1}',
        '{"jsonrpc": "2.0", "result": 1, "id": 1}',
        '"get_data"',
        "1",
        "null",
        "[[]]",
        "[[" + call("1", '"get_data"') + "]]",
    ],
)
def test_what_is_no_request_is_an_invalid_request(line: str) -> None:
    assert respond(line) in (INVALID, [INVALID])


def test_unknown_members_of_a_request_do_not_matter() -> None:
    assert respond(call("1", '"get_data", "trace": "x"')) == result(1, ["hello", 5])


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        (b'{"a": 1, "b": {"c": 1, "d": 2, "c": 3}}', 'the member "c" stands twice in one object'),
        (b'{"id":1,"id":1}', 'the member "id" stands twice in one object'),
        (b'{"a\\u0062":1,"ab":1}', 'the member "ab" stands twice in one object'),
        (b'{"a": "\xff"}', "the line is not UTF-8"),
        (b'{"a": "\xed\xa0\x80"}', "the line is not UTF-8"),
        (b"[" * 100_000, "the JSON is nested too deeply"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "the JSON is nested too deeply"),
        (b"9" * 5000, "Integer value out of range"),
        (b"1e999", "Number out of range"),
        (
            b"Content-Length: 44\r",
            "Content-Length headers are not used here: "
            "send one JSON object a line, without headers",
        ),
    ],
)
def test_a_line_that_cannot_be_read_is_a_parse_error_with_its_cause(
    line: bytes, cause: str
) -> None:
    assert respond(line) == {**PARSE, "error": {**PARSE["error"], "data": cause}}


@pytest.mark.parametrize("line", [b"NaN", b"[Infinity]", b'["\\ud800]', b"{}{}", b"\xef\xbb\xbf{}"])
def test_what_is_no_json_is_a_parse_error(line: bytes) -> None:
    assert respond(line) == PARSE


@pytest.mark.parametrize("line", [b'["\\ud800"]', b'["\\udc00 "]'])
def test_an_element_with_a_lone_surrogate_is_judged_by_itself(line: bytes) -> None:
    assert respond(line) == [INVALID]


@given(st.binary(max_size=200))
def test_any_bytes_are_answered(line: bytes) -> None:
    assert respond(line) is not None


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)
MEMBERS = st.sampled_from(["jsonrpc", "method", "params", "id"])
REQUESTS = st.dictionaries(MEMBERS, st.sampled_from(["2.0", *METHODS]) | JSON)


@given(st.lists(REQUESTS | JSON, min_size=1, max_size=4))
def test_a_batch_is_answered_element_by_element(elements: list[Any]) -> None:
    alone = [respond(json.dumps(each)) for each in elements if not isinstance(each, list)]
    alone = [each for each in alone if each is not None]
    alone += [INVALID] * sum(isinstance(each, list) for each in elements)
    together = respond(json.dumps(elements)) or []
    assert sorted(map(json.dumps, together)) == sorted(map(json.dumps, alone))


def test_a_method_gets_what_was_made_of_its_own_request() -> None:
    CALLS.clear()
    respond(batch(call("5", '"update"'), call("", '"update"')))
    assert [json.loads(call("5", '"update"')), json.loads(call("", '"update"'))] == CALLS


def test_wrong_params_of_a_plain_method_are_invalid_params() -> None:
    reply = respond(call("1", '"subtract", "params": [1]'))
    assert (reply["error"]["code"], reply["error"]["message"]) == (-32602, "Invalid params")
    assert respond(call("", '"subtract", "params": [1]')) is None


def test_an_error_of_a_method_keeps_its_data() -> None:
    error = {"code": 7, "message": "no", "data": {"why": "because"}}
    assert respond(call("1", '"fail"')) == {"jsonrpc": "2.0", "error": error, "id": 1}
    assert respond(call("", '"fail"')) is None


def test_a_batch_has_as_many_elements_as_there_can_be_calls_at_once() -> None:
    one = call("1", '"get_data"')
    assert len(respond(batch(*[one] * MAX_CALLS))) == MAX_CALLS
    reply = respond(batch(*[one] * (MAX_CALLS + 1)))
    assert reply["id"] is None
    assert reply["error"]["data"]["details"]["reason"] == "TOO_MANY_CALLS"


def test_refusing_answers_each_call_and_makes_none() -> None:
    CALLS.clear()
    for name in ("update", "unknown"):
        reply = refuse(json.loads(call("1", f'"{name}", "params": [1]')))
        assert reply is not None
        assert json.loads(reply)["error"]["code"] == -32008
    assert refuse(json.loads(call("", '"update"'))) is None
    assert CALLS == []
