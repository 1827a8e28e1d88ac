"""The plugin's side as a foreign host sees it: raw lines to and from the echo backend."""

import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from transportlab.backend import Backend
from transportlab.channel import Lifecycle, StdioEndpoint
from transportlab.errors import MAX_CALLS, MAX_MESSAGE_BYTES, Code, ConnectionLost
from transportlab.registry import load_backend, load_transport
from transportlab.session import PluginSession
from transports.jsonrpc.framing import MAX_LINE_BYTES

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

Serving = Callable[[Backend], tuple[StdioEndpoint, Any, threading.Thread]]


class Host:
    """Writes and reads lines, and knows nothing of the transport's code."""

    def __init__(self, endpoint: StdioEndpoint, life: Any, thread: threading.Thread) -> None:
        self.endpoint = endpoint
        self.life = life
        self.thread = thread
        self.lines: BinaryIO = os.fdopen(os.dup(endpoint.reader.fileno()), "rb")

    def send(self, *messages: Any) -> None:
        self.write(b"".join(json.dumps(message).encode() + b"\n" for message in messages))

    def write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[self.endpoint.writer.write(rest) or 0 :]

    def receive(self) -> Any:
        line = self.lines.readline()
        assert line.endswith(b"\n"), line
        return json.loads(line)

    def call(self, method: str, request: Any, number: Any = 1, **params: Any) -> Any:
        self.send(request_of(method, request, number, **params))
        return self.receive()

    def error(self, method: str, request: Any, **params: Any) -> tuple[int, str, Any]:
        error = self.call(method, request, **params)["error"]
        return error["code"], error["message"], error.get("data")

    def wait_for_the_end(self) -> None:
        self.thread.join(HANG_GUARD)
        assert not self.thread.is_alive()


def request_of(method: str, request: Any, number: Any, **params: Any) -> dict[str, Any]:
    return {
        "jsonrpc": "2.0",
        "method": method,
        "params": {"request": request, **params},
        "id": number,
    }


def cancel_of(number: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "method": "cancel", "params": {"id": number}}


@pytest.fixture
def host(serve_stdio: Serving) -> Iterator[Host]:
    plugin = load_backend("echo")
    assert plugin is not None
    host = Host(*serve_stdio(PluginSession(plugin)))
    opened = host.call("OpenSession", {"protocol_versions": [1], "config": {"faults": "requests"}})
    assert opened["result"]["protocol_version"] == 1
    with host.lines:
        yield host


@pytest.mark.parametrize("code", Code)
def test_each_code_has_its_number_and_its_name(host: Host, code: Code) -> None:
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
    host: Host, params: Any, path: str, message: str
) -> None:
    host.send({"jsonrpc": "2.0", "method": "Read", "params": params, "id": 1})
    error = host.receive()["error"]
    assert (error["code"], error["message"]) == (-32602, message)
    assert error["data"]["code"] == "INVALID_ARGUMENT"
    assert error["data"]["details"]["reason"] == "UNREADABLE_REQUEST"
    assert error["data"]["details"]["path"] == path


def test_params_may_be_absent_and_then_lack_the_request(host: Host) -> None:
    host.send({"jsonrpc": "2.0", "method": "Read", "id": 1})
    assert host.receive()["error"]["message"] == "request: missing"


def test_unknown_params_do_not_matter(host: Host) -> None:
    assert "result" in host.call("Read", {"app": "web", "more": 1}, trace="x", origin=1)


def test_an_unknown_method_is_not_found(host: Host) -> None:
    assert host.error("Explode", {}) == (-32601, "Method not found", None)


def test_a_notification_is_carried_out_and_never_answered(host: Host) -> None:
    silent = [request_of("Read", {"app": "!error:NOT_FOUND"}, 0), request_of("Explode", {}, 0)]
    silent += [request_of("Apply", {"plan": {"app": "!events:3"}}, 0)]
    for message in silent:
        del message["id"]
    host.send(*silent, silent)
    assert host.call("Read", {"app": "!echo:x"}, 9)["id"] == 9


def test_the_deadline_is_kept_and_one_in_the_past_ends_the_call(host: Host) -> None:
    for timeout, app in ((1000, "!sleep:60"), (0, "web"), (-1, "web")):
        code, message, _ = host.error("Read", {"app": app}, timeout_us=timeout)
        assert (code, message) == (-32004, "the deadline passed before the call was done")
    assert "result" in host.call("Read", {"app": "web"}, timeout_us=2**63 - 1)
    assert "result" in host.call("Read", {"app": "web"}, timeout_us=None)


@pytest.mark.parametrize("number", ["s", 7, 1.5, None, ""])
def test_events_carry_the_id_and_come_before_the_response(host: Host, number: Any) -> None:
    host.send(request_of("Apply", {"plan": {"app": "!events:3"}}, number))
    events = [host.receive() for _ in range(4)]
    assert [e["params"]["event"]["op_index"] for e in events[:3]] == [0, 1, 2]
    assert [e["params"]["event"]["kind"] for e in events] == ["started"] * 3 + ["finished"]
    for event in events:
        assert (event["jsonrpc"], event["method"]) == ("2.0", "event")
        assert event["params"]["id"] == number
        assert "id" not in event
    assert host.receive() == {"jsonrpc": "2.0", "result": None, "id": number}


def test_a_stream_that_fails_ends_with_the_error(host: Host) -> None:
    assert host.error("Apply", {"plan": {"app": "!error:ABORTED"}})[0] == -32010


def test_calls_overtake_each_other_and_are_cancelled_by_their_id(host: Host) -> None:
    host.send(
        request_of("Read", {"app": "!sleep:60"}, "slow"),
        request_of("Read", {"app": "!sleep:60"}, 1),
        request_of("Apply", {"plan": {"app": "!events:2:60"}}, "stream"),
        request_of("Read", {"app": "!echo:fast"}, "fast"),
    )
    first = [host.receive(), host.receive()]
    assert {message.get("id", "event") for message in first} == {"event", "fast"}
    host.send(cancel_of("none such"), cancel_of([]), cancel_of("slow"))
    assert (reply := host.receive())["id"] == "slow"
    assert reply["error"]["message"] == "the call was cancelled"
    assert reply["error"]["code"] == -32001
    host.send(cancel_of("stream"))
    assert host.receive()["id"] == "stream"
    host.send({**cancel_of(1.0), "id": "c"})
    assert {host.receive()["id"], host.receive()["id"]} == {1, "c"}


def test_calls_with_one_id_are_cancelled_together(host: Host) -> None:
    host.send(*[request_of("Read", {"app": "!sleep:60"}, 5)] * 2, cancel_of(5))
    assert [host.receive()["error"]["code"] for _ in range(2)] == [-32001, -32001]


def test_a_cancellation_in_a_batch_or_with_an_escape_in_it_works_too(host: Host) -> None:
    for line in (
        json.dumps([cancel_of(1)]),
        json.dumps(cancel_of(1)).replace("cancel", "c\\u0061ncel"),
    ):
        host.send(request_of("Read", {"app": "!sleep:60"}, 1))
        host.write(line.encode() + b"\n")
        assert host.receive()["error"]["code"] == -32001


def test_a_backend_that_ignores_its_context_is_ended_between_events(host: Host) -> None:
    host.send(request_of("Apply", {"plan": {"app": "!events:100000000"}}, 1))
    assert host.receive()["method"] == "event"
    host.send(cancel_of(1))
    while "id" not in (message := host.receive()):
        assert message["method"] == "event"
    assert message["error"]["code"] == -32001
    assert host.call("Read", {"app": "!cancelled"})["result"]["entries"][0]["index"] == 1


def test_a_line_may_come_in_any_pieces(host: Host) -> None:
    line = json.dumps(request_of("Read", {"app": "!echo:é"}, 1), ensure_ascii=False).encode()
    for byte in line + b"\r\n":
        host.write(bytes([byte]))
    assert host.receive()["result"]["entries"][0]["command"] == "!echo:é"
    host.write(b"\n\r\n" + line + b"\n" + line + b"\nx\n" + line[:10])
    ids = [host.receive()["id"] for _ in range(3)]
    assert sorted(ids, key=str) == [1, 1, None]
    host.write(line[10:] + b"\n")
    assert host.receive()["id"] == 1


def test_headers_are_named_at_once(host: Host) -> None:
    host.write(b'Content-Length: 46\r\n\r\n{"jsonrpc":"2.0","method":"Read","id":1}')
    error = host.receive()["error"]
    assert error["code"] == -32700
    assert error["data"].startswith("Content-Length headers are not used here")


def test_a_batch_is_answered_in_one_line(host: Host) -> None:
    host.send(
        [
            request_of("Read", {"app": "!error:ABORTED"}, 1),
            cancel_of(1),
            1,
            request_of("Read", {"app": "web"}, 2),
            request_of("Apply", {"plan": {"app": "!events:1"}}, 3),
        ]
    )
    assert [host.receive()["params"]["id"] for _ in range(2)] == [3, 3]
    replies = host.receive()
    assert [reply["id"] for reply in replies] == [1, None, 2, 3]


def test_calls_beyond_the_limit_are_refused_and_cancellations_are_not(host: Host) -> None:
    host.send(*[request_of("Read", {"app": "!sleep:60"}, n) for n in range(MAX_CALLS)])
    for number in ("one more", "another"):
        code, _, data = host.error("Read", {"app": "web"}, number=number)
        assert code == -32008
        assert data["details"]["reason"] == "TOO_MANY_CALLS"
    host.send(*[cancel_of(n) for n in range(MAX_CALLS)])
    assert {host.receive()["id"] for _ in range(MAX_CALLS)} == set(range(MAX_CALLS))
    assert "result" in host.call("Read", {"app": "web"})


def padded(size: int, number: int) -> bytes:
    """A Read whose request is so many bytes long."""
    line = b'{"jsonrpc":"2.0","method":"Read","params":{"request":{"app":"%b"}},"id":%d}\n'
    return line % (b"x" * (size - len(b'{"app":""}')), number)


def test_a_request_of_the_limit_passes_and_one_over_is_refused(host: Host) -> None:
    host.write(padded(MAX_MESSAGE_BYTES, 1))
    assert host.receive() == {
        "jsonrpc": "2.0",
        "result": {"entries": [], "malformed": []},
        "id": 1,
    }
    host.write(padded(MAX_MESSAGE_BYTES + 1, 2))
    reply = host.receive()
    assert (reply["id"], reply["error"]["code"]) == (2, -32008)
    assert reply["error"]["data"]["details"]["got"] == f"{MAX_MESSAGE_BYTES + 1} bytes"


def test_a_line_over_its_limit_is_refused_by_its_size(host: Host) -> None:
    line = padded(MAX_LINE_BYTES, 3)
    host.write(line)
    reply = host.receive()
    assert (reply["id"], reply["error"]["code"]) == (None, -32008)
    assert reply["error"]["data"]["details"]["got"] == f"{len(line) - 1} bytes"
    assert host.call("Read", {"app": "!echo:x"}, 4)["id"] == 4


def test_a_reply_over_the_limit_becomes_an_error(host: Host) -> None:
    code, _, data = host.error("Read", {"app": f"!size:{MAX_MESSAGE_BYTES}"})
    assert (code, data["details"]["reason"]) == (-32008, "MESSAGE_TOO_LARGE")


def test_the_end_of_stdin_cancels_what_goes_on_and_ends_the_server(host: Host) -> None:
    host.send(request_of("Read", {"app": "!sleep:60"}, 1), request_of("Read", {"app": "web"}, 2))
    assert host.receive()["id"] == 2
    host.endpoint.writer.close()
    assert host.receive()["error"]["code"] == -32001
    host.wait_for_the_end()


def test_the_end_does_not_wait_for_a_call_that_ignores_it(host: Host) -> None:
    host.send(request_of("Read", {"app": "!block:3"}, 1), request_of("Read", {"app": "web"}, 2))
    assert host.receive()["id"] == 2
    host.endpoint.writer.close()
    host.wait_for_the_end()
    assert host.receive()["id"] == 1, "it goes on in its thread and still answers"


def test_the_end_of_the_life_cancels_what_goes_on(host: Host) -> None:
    host.send(request_of("Read", {"app": "!sleep:60"}, 1), request_of("Read", {"app": "web"}, 2))
    assert host.receive()["id"] == 2
    host.life.stop()
    assert host.receive()["error"]["code"] == -32001
    host.wait_for_the_end()


def test_a_host_that_reads_no_more_ends_the_server(host: Host) -> None:
    host.endpoint.reader.close()
    host.lines.close()
    host.send(request_of("Apply", {"plan": {"app": "!events:100000000"}}, 1))
    host.wait_for_the_end()


def test_neither_threads_nor_descriptors_are_left(serve_stdio: Serving) -> None:
    plugin = load_backend("echo")
    assert plugin is not None
    before = set(os.listdir("/proc/self/fd"))
    endpoint, _, thread = serve_stdio(PluginSession(plugin))
    endpoint.writer.close()
    thread.join(HANG_GUARD)
    for other in threading.enumerate():
        if other.name == "jsonrpc":
            other.join(HANG_GUARD)
    assert set(os.listdir("/proc/self/fd")) < before


def test_a_file_is_no_stdin(tmp_path: Path, pipes: Any) -> None:
    plugin = load_backend("echo")
    assert plugin is not None
    path = tmp_path / "requests"
    path.write_bytes(b"{}\n")
    life: Lifecycle = NeverReady()
    with path.open("rb", buffering=0) as file, pytest.raises(ConnectionLost, match="neither"):
        load_transport("jsonrpc").serve(
            PluginSession(plugin), StdioEndpoint(file, pipes[1].writer), codec="json", life=life
        )


class NeverReady:
    def ready(self) -> None:
        raise AssertionError

    wait = stop = ready


def test_a_connection_that_breaks_is_the_end(serve_stdio: Serving, pipes: Any) -> None:
    plugin = load_backend("echo")
    assert plugin is not None
    ours, theirs = socket.socketpair()
    with ours, theirs, open(os.dup(theirs.fileno()), "rb", buffering=0) as reader:
        pipes[1].reader.close()
        object.__setattr__(pipes[1], "reader", reader)
        _, _, thread = serve_stdio(PluginSession(plugin))
        # Bytes that the peer has not read make the kernel reset the connection at its close.
        theirs.send(b"unread")
        ours.close()
        thread.join(HANG_GUARD)
        assert not thread.is_alive()
