"""JSON that is taken, and the one error, with its place, of JSON that is not."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transportlab.errors import ManifestError
from transportlab.manifest import strict_json
from transportlab.manifest.strict_json import MAX_DEPTH, Number, join, parse


def problem(data: bytes) -> str:
    with pytest.raises(ManifestError) as caught:
        parse(data, "file.json")
    assert caught.value.source == "file.json"
    (only,) = caught.value.problems
    return str(only)


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b'{"a": [1, -2, "x", true, false, null, {}]}', {"a": [1, -2, "x", True, False, None, {}]}),
        (b" \r\n\t[] ", []),
        (b'"\\u00e9 \\ud83d\\ude00 \\u2028"', "é \U0001f600 \u2028"),
        ('"é \u2028"'.encode(), "é \u2028"),
        (b"-0", 0),
        (b"9223372036854775807", 9223372036854775807),
        (b"12345678901234567890", Number("12345678901234567890")),
        (b"60.0", Number("60.0")),
        (b"1e999999999999999999999", Number("1e999999999999999999999")),
        (b'{"a": {"b": 1}, "b": {"b": 1, "a": [{"b": 2}, {"b": 3}]}}', None),
        (b'["\\"", "[", "{\\"a\\":1,\\"a\\":2}", "NaN", "\\\\"]', None),
    ],
)
def test_json_becomes_values(data: bytes, value: object) -> None:
    assert parse(data, "x") == (json.loads(data) if value is None else value)


def test_an_integer_of_any_length_is_read() -> None:
    assert parse(b"1" + b"0" * 5000, "x") == Number("1" + "0" * 5000)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "expected a JSON object, got an empty file"),
        (b" \n", "expected a JSON object, got an empty file"),
        (b"\xef\xbb\xbf{}", "expected UTF-8 without a byte order mark, got one at its start"),
        (b'{"a": "\xff"}', "expected UTF-8, got byte 0xff at offset 7"),
        ("{}".encode("utf-16"), "expected UTF-8, got byte 0xff at offset 0"),
        (b'"\xed\xa0\x80"', "expected UTF-8, got byte 0xed at offset 1"),
        (b'{"a": 1,\n "b" 2}', "not JSON: line 2, column 6: expecting ':' delimiter"),
        (b'{"a": 1', "not JSON: line 1, column 8: expecting ',' delimiter"),
        (b'{"a": "b', "not JSON: line 1, column 7: expected a closing quotation mark, got none"),
        (b'"a\\', "not JSON: line 1, column 1: expected a closing quotation mark, got none"),
        (b"{}\n{}", "not JSON: line 2, column 1: expected the end of the text, got more"),
        ('{"é": '.encode() + b"'x'}", "not JSON: line 1, column 7: expecting value"),
        (b'["a\nb"]', "not JSON: line 1, column 4: invalid control character at"),
        (b"[NaN]", "not JSON: line 1, column 2: expected a number, got NaN"),
        (b'["NaN",\n Infinity]', "not JSON: line 2, column 2: expected a number, got Infinity"),
        (b"-Infinity", "not JSON: line 1, column 1: expected a number, got -Infinity"),
    ],
)
def test_what_is_no_json_is_one_error_with_its_place(data: bytes, message: str) -> None:
    assert problem(data) == message


@pytest.mark.parametrize(
    ("data", "path", "second", "first"),
    [
        (b'{"a": 1,\n"a": 1}', "a", "line 2, column 1", "line 1, column 2"),
        (b'{"a": 1, "\\u0061": 2}', "a", "line 1, column 10", "line 1, column 2"),
        (b'[0, {"b": {"c": 1, "c": 2}}]', "1/b/c", "line 1, column 20", "line 1, column 12"),
        (b'{"a": {"x": 1}, "a": {"x": 1}}', "a", "line 1, column 17", "line 1, column 2"),
        (b'{"a": ["a", "a"], "b": "b", "b": 1}', "b", "line 1, column 29", "line 1, column 19"),
        (b'{"": 1, "": 2}', '""', "line 1, column 9", "line 1, column 2"),
        (b'{"a/b": 1, "a/b": 2', '"a/b"', "", ""),
    ],
)
def test_a_member_given_twice_is_named_with_both_places(
    data: bytes, path: str, second: str, first: str
) -> None:
    if not second:  # what is no JSON at all is reported first
        assert problem(data).startswith("not JSON")
        return
    message = f"{path}: {second}: expected each member once, got it first at {first}"
    assert problem(data) == message


@pytest.mark.parametrize(
    ("data", "place"),
    [
        (b'["\\ud800"]', "0: line 1, column 2"),
        (b'{"a": [0, "\\udc00\\ud800"]}', "a/1: line 1, column 11"),
        (b'{"a": {"b\\uD83D": 1}}', 'a/"b\\ud83d": line 1, column 8'),
        (b'"\\ud83d"', "line 1, column 1"),
    ],
)
def test_half_a_surrogate_pair_is_named_with_its_path(data: bytes, place: str) -> None:
    assert problem(data) == f"{place}: expected Unicode text, got half of a surrogate pair"


def test_an_escaped_backslash_before_u_is_no_surrogate() -> None:
    assert parse(b'"\\\\ud800"', "x") == "\\ud800"


def nested(depth: int, opening: bytes = b"[", closing: bytes = b"]") -> bytes:
    return opening * depth + b"0" * (opening != b"[") + closing * depth


def test_nesting_up_to_the_limit_is_read() -> None:
    assert parse(nested(MAX_DEPTH), "x") is not None
    assert parse(nested(MAX_DEPTH, b'{"a":', b"}"), "x") is not None
    assert parse(b"[" + b"[]," * 1000 + b"0]", "x") is not None
    assert parse(b'["' + b"[" * 1000 + b'"]', "x") == ["[" * 1000]


@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 1000, 1_000_000])
def test_deeper_nesting_is_an_error_and_no_crash(depth: int) -> None:
    expected = f"line 1, column {MAX_DEPTH + 1}: expected at most {MAX_DEPTH} levels of nesting"
    assert problem(nested(depth)) == f"{expected}, got more"
    assert problem(b"[" * depth) == f"{expected}, got more"
    assert "levels of nesting" in problem(nested(depth, b'{"a":', b"}"))


def test_a_text_over_the_limit_is_refused_and_one_at_the_limit_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(strict_json, "MAX_MESSAGE_BYTES", 10)
    assert parse(b'"12345678"', "x") == "12345678"
    assert problem(b'"123456789"') == "expected at most 10 bytes, got more"


def test_an_unclosed_string_full_of_escaped_quotes_is_scanned_once() -> None:
    # Trying anew at each quotation mark would take hours; the runner's limit would end it.
    assert problem(b'["' + b'\\"' * 500_000).startswith("not JSON: line 1, column 2")


def test_a_path_quotes_steps_that_are_no_plain_words() -> None:
    assert join("", "jobs") == "jobs"
    assert join("jobs", 0) == "jobs/0"
    assert join("headers", "X-Tenant") == "headers/X-Tenant"
    assert join("a", "b/c") == 'a/"b/c"'
    assert join("a", "") == 'a/""'


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**17), 10**17) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(JSON, st.booleans())
def test_every_json_value_comes_back(value: object, ascii_only: bool) -> None:
    data = json.dumps(value, ensure_ascii=ascii_only).encode()
    assert parse(data, "x") == value


@given(st.binary() | st.text('{}[]",:\\ua1d8-NI \n').map(str.encode))
def test_any_bytes_are_read_or_refused_with_one_problem(data: bytes) -> None:
    try:
        parse(data, "x")
    except ManifestError as error:
        caught = error
    else:
        return
    (only,) = caught.problems
    assert str(only).isprintable()
