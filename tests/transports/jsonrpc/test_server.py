"""The plugin's side as a foreign host sees it: raw lines to and from the echo backend."""

import json
from typing import Any

import pytest

from transportlab.errors import MAX_CALLS, Code

HANG_GUARD = 30.0

DETAILS = {
    "reason": "FAULT",
    "path": "jobs/0",
    "expected": "e",
    "got": "g",
    "action": "a",
    "applied": ["a1", "a2"],
    "failed": ["f1"],
    "unattempted": ["u1"],
}


@pytest.mark.parametrize("code", Code)
def test_each_code_has_its_number_and_its_name(host: Any, code: Code) -> None:
    assert host.error("Read", {"app": f"!error:{code.name}"}) == (
        -32000 - code,
        f'fault {code.name}: "quoted" <&> é \u2028 end',
        {"code": code.name, "details": DETAILS},
    )


@pytest.mark.parametrize(
    ("params", "path", "message"),
    [
        ({"request": {"app": 1}}, "app", "app: Expected `str | null`, got `int`"),
        ({"request": []}, "", "not valid JSON: Expected `object`, got `array`"),
        ({}, "request", "request: missing"),
        ([{"app": "web"}], "params", "params: positional; name them: request, timeout_us"),
        (
            {"request": {}, "timeout_us": "1"},
            "timeout_us",
            "timeout_us: not an integer of microseconds",
        ),
        (
            {"request": {}, "timeout_us": True},
            "timeout_us",
            "timeout_us: not an integer of microseconds",
        ),
        (
            {"request": {}, "timeout_us": 2**63},
            "timeout_us",
            "timeout_us: not an integer of microseconds",
        ),
    ],
)
def test_unreadable_params_are_invalid_params_with_their_path(
    host: Any, params: Any, path: str, message: str
) -> None:
    host.send({"jsonrpc": "2.0", "method": "Read", "params": params, "id": 1})
    error = host.receive()["error"]
    assert (error["code"], error["message"]) == (-32602, message)
    assert error["data"]["code"] == "INVALID_ARGUMENT"
    assert error["data"]["details"]["reason"] == "UNREADABLE_REQUEST"
    assert error["data"]["details"]["path"] == path


def test_params_may_be_absent_and_then_lack_the_request(host: Any) -> None:
    host.send({"jsonrpc": "2.0", "method": "Read", "id": 1})
    assert host.receive()["error"]["message"] == "request: missing"


def test_unknown_params_do_not_matter(host: Any) -> None:
    assert "result" in host.call("Read", {"app": "web", "more": 1}, trace="x", origin=1)


def test_an_unknown_method_is_not_found(host: Any) -> None:
    assert host.error("Explode", {}) == (-32601, "Method not found", None)


def test_a_notification_is_carried_out_and_never_answered(host: Any) -> None:
    silent = [
        host.request_of("Read", {"app": "!error:NOT_FOUND"}, 0),
        host.request_of("Explode", {}, 0),
    ]
    silent += [host.request_of("Apply", {"plan": {"app": "!events:3"}}, 0)]
    for message in silent:
        del message["id"]
    host.send(*silent, silent)
    assert host.call("Read", {"app": "!echo:x"}, 9)["id"] == 9


def test_the_deadline_is_kept_and_one_in_the_past_ends_the_call(host: Any) -> None:
    for timeout, app in ((1000, "!sleep:60"), (0, "web"), (-1, "web")):
        code, message, _ = host.error("Read", {"app": app}, timeout_us=timeout)
        assert (code, message) == (-32004, "the deadline passed before the call was done")
    assert "result" in host.call("Read", {"app": "web"}, timeout_us=2**63 - 1)
    assert "result" in host.call("Read", {"app": "web"}, timeout_us=None)


@pytest.mark.parametrize("number", ["s", 7, 1.5, None, ""])
def test_events_carry_the_id_and_come_before_the_response(host: Any, number: Any) -> None:
    host.send(host.request_of("Apply", {"plan": {"app": "!events:3"}}, number))
    events = [host.receive() for _ in range(4)]
    assert [e["params"]["event"]["op_index"] for e in events[:3]] == [0, 1, 2]
    assert [e["params"]["event"]["kind"] for e in events] == ["started"] * 3 + ["finished"]
    for event in events:
        assert (event["jsonrpc"], event["method"]) == ("2.0", "event")
        assert event["params"]["id"] == number
        assert "id" not in event
    assert host.receive() == {"jsonrpc": "2.0", "result": None, "id": number}


def test_a_stream_that_fails_ends_with_the_error(host: Any) -> None:
    assert host.error("Apply", {"plan": {"app": "!error:ABORTED"}})[0] == -32010


def test_calls_overtake_each_other_and_are_cancelled_by_their_id(host: Any) -> None:
    host.send(
        host.request_of("Read", {"app": "!sleep:60"}, "slow"),
        host.request_of("Read", {"app": "!sleep:60"}, 1),
        host.request_of("Apply", {"plan": {"app": "!events:2:60"}}, "stream"),
        host.request_of("Read", {"app": "!echo:fast"}, "fast"),
    )
    first = [host.receive(), host.receive()]
    assert {message.get("id", "event") for message in first} == {"event", "fast"}
    host.send(host.cancel_of("none such"), host.cancel_of([]), host.cancel_of("slow"))
    assert (reply := host.receive())["id"] == "slow"
    assert reply["error"]["message"] == "the call was cancelled"
    assert reply["error"]["code"] == -32001
    host.send(host.cancel_of("stream"))
    assert host.receive()["id"] == "stream"
    host.send({**host.cancel_of(1.0), "id": "c"})
    assert {host.receive()["id"], host.receive()["id"]} == {1, "c"}


def test_a_plugin_that_takes_no_more_calls_still_takes_a_cancellation(host: Any) -> None:
    calls = [host.request_of("Read", {"app": "!sleep:60"}, number) for number in range(MAX_CALLS)]
    host.send(*calls, host.request_of("Read", {"app": "web"}, "more"))
    refused = host.receive()
    assert (refused["id"], refused["error"]["code"]) == ("more", -32008)
    host.send(host.cancel_of(7))
    assert (cancelled := host.receive())["id"] == 7
    assert cancelled["error"]["code"] == -32001


def test_calls_with_one_id_are_cancelled_together(host: Any) -> None:
    host.send(*[host.request_of("Read", {"app": "!sleep:60"}, 5)] * 2, host.cancel_of(5))
    assert [host.receive()["error"]["code"] for _ in range(2)] == [-32001, -32001]


def test_a_cancellation_in_a_batch_or_with_an_escape_in_it_works_too(host: Any) -> None:
    for line in (
        json.dumps([host.cancel_of(1)]),
        json.dumps(host.cancel_of(1)).replace("cancel", "c\\u0061ncel"),
    ):
        host.send(host.request_of("Read", {"app": "!sleep:60"}, 1))
        host.write(line.encode() + b"\n")
        assert host.receive()["error"]["code"] == -32001


def test_a_lone_surrogate_concerns_its_own_call(host: Any) -> None:
    lone, whole = "a\ud800", "\U0001f600"  # json.dumps escapes both
    host.send(host.request_of("Plan", {"app": whole, "jobs": [{"job": {"name": lone}}]}, 1))
    refused = host.receive()
    assert (refused["id"], refused["error"]["code"]) == (1, -32602)
    details = refused["error"]["data"]["details"]
    assert (details["reason"], details["path"]) == ("UNREADABLE_REQUEST", "jobs/0/job/name")
    calls = [host.request_of("Read", {"app": app}, app == lone) for app in (lone, whole)]
    host.send([call | {"id": number} for number, call in enumerate(calls)])
    first, second = host.receive()
    assert (first["id"], first["error"]["data"]["details"]["path"]) == (0, "app")
    assert (second["id"], second["result"]["entries"]) == (1, [])


@pytest.mark.parametrize(
    "line",
    [
        b'{"jsonrpc":"2.0","method":"Read","id":1,"params":{"request":{"app":"\\ud800"}}',
        b'{"jsonrpc":"2.0","method":"Read","id":1,"id":2,"params":{"request":{"app":"\\ud800"}}}',
        b'{"jsonrpc":"2.0","method":"Read","id":1,"\\ud800":1,"\\ud800":2}',
        b'{"jsonrpc":"2.0","method":"Read","id":NaN,"params":{"request":{"app":"\\ud800"}}}',
    ],
)
def test_a_line_with_a_lone_surrogate_is_held_to_the_same_syntax(host: Any, line: bytes) -> None:
    host.write(line + b"\n")
    answer = host.receive()
    assert (answer["id"], answer["error"]["code"]) == (None, -32700)


def test_a_backend_that_ignores_its_context_is_ended_between_events(host: Any) -> None:
    host.send(host.request_of("Apply", {"plan": {"app": "!events:100000000"}}, 1))
    assert host.receive()["method"] == "event"
    host.send(host.cancel_of(1))
    while "id" not in (message := host.receive()):
        assert message["method"] == "event"
    assert message["error"]["code"] == -32001
    assert host.call("Read", {"app": "!cancelled"})["result"]["entries"][0]["index"] == 1


def test_a_line_may_come_in_any_pieces(host: Any) -> None:
    line = json.dumps(host.request_of("Read", {"app": "!echo:é"}, 1), ensure_ascii=False).encode()
    for byte in line + b"\r\n":
        host.write(bytes([byte]))
    assert host.receive()["result"]["entries"][0]["command"] == "!echo:é"
    host.write(b"\n\r\n" + line + b"\n" + line + b"\nx\n" + line[:10])
    ids = [host.receive()["id"] for _ in range(3)]
    assert sorted(ids, key=str) == [1, 1, None]
    host.write(line[10:] + b"\n")
    assert host.receive()["id"] == 1


def test_headers_are_named_at_once(host: Any) -> None:
    host.write(b'Content-Length: 46\r\n\r\n{"jsonrpc":"2.0","method":"Read","id":1}')
    error = host.receive()["error"]
    assert error["code"] == -32700
    assert error["data"].startswith("Content-Length headers are not used here")


def test_a_batch_is_answered_in_one_line(host: Any) -> None:
    host.send(
        [
            host.request_of("Read", {"app": "!error:ABORTED"}, 1),
            host.cancel_of(1),
            1,
            host.request_of("Read", {"app": "web"}, 2),
            host.request_of("Apply", {"plan": {"app": "!events:1"}}, 3),
        ]
    )
    assert [host.receive()["params"]["id"] for _ in range(2)] == [3, 3]
    replies = host.receive()
    assert [reply["id"] for reply in replies] == [1, None, 2, 3]
