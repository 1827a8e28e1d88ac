"""The plugin's side as a foreign host sees it: its limits and its end."""

import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import force_setattr

from transportlab.backend import Backend
from transportlab.channel import Lifecycle, StdioEndpoint
from transportlab.errors import (
    MAX_CALLS,
    MAX_MESSAGE_BYTES,
    ConnectionLost,
)
from transportlab.registry import load_backend, load_transport
from transportlab.sdk.session import PluginSession
from transports.jsonrpc.wire import MAX_LINE_BYTES

HANG_GUARD = 30.0

Serving = Callable[[Backend], tuple[StdioEndpoint, Any]]


def test_calls_beyond_the_limit_are_refused_and_cancellations_are_not(host: Any) -> None:
    host.send(*[host.request_of("Read", {"app": "!sleep:60"}, n) for n in range(MAX_CALLS)])
    for number in ("one more", "another"):
        code, _, data = host.error("Read", {"app": "web"}, number=number)
        assert code == -32008
        assert data["details"]["reason"] == "TOO_MANY_CALLS"
    host.send(*[host.cancel_of(n) for n in range(MAX_CALLS)])
    assert {host.receive()["id"] for _ in range(MAX_CALLS)} == set(range(MAX_CALLS))
    assert "result" in host.call("Read", {"app": "web"})


def test_where_no_more_threads_are_to_be_had_calls_are_answered_one_by_one(
    host: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refused)
    host.send(*[host.request_of("Read", {"app": "web"}, number) for number in range(3)])
    assert ["result" in host.receive() for _ in range(3)] == [True] * 3
    monkeypatch.undo()
    assert "result" in host.call("Read", {"app": "web"})


def padded(size: int, number: int) -> bytes:
    """A Read whose request is so many bytes long."""
    line = b'{"jsonrpc":"2.0","method":"Read","params":{"request":{"app":"%b"}},"id":%d}\n'
    return line % (b"x" * (size - len(b'{"app":""}')), number)


@pytest.mark.slow
def test_a_request_of_the_limit_passes_and_one_over_is_refused(host: Any) -> None:
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


def test_a_line_over_its_limit_is_refused_by_its_size(host: Any) -> None:
    line = padded(MAX_LINE_BYTES, 3)
    host.write(line)
    reply = host.receive()
    assert (reply["id"], reply["error"]["code"]) == (None, -32008)
    assert reply["error"]["data"]["details"]["got"] == f"{len(line) - 1} bytes"
    assert host.call("Read", {"app": "!echo:x"}, 4)["id"] == 4


def test_a_reply_over_the_limit_becomes_an_error(host: Any) -> None:
    code, _, data = host.error("Read", {"app": f"!size:{MAX_MESSAGE_BYTES}"})
    assert (code, data["details"]["reason"]) == (-32008, "MESSAGE_TOO_LARGE")


def test_the_end_of_stdin_cancels_what_goes_on_and_ends_the_server(host: Any) -> None:
    host.send(
        host.request_of("Read", {"app": "!sleep:60"}, 1), host.request_of("Read", {"app": "web"}, 2)
    )
    assert host.receive()["id"] == 2
    host.endpoint.writer.close()
    assert host.receive()["error"]["code"] == -32001
    host.wait_for_the_end()


def test_the_end_does_not_wait_for_a_call_that_ignores_it(host: Any) -> None:
    host.send(
        host.request_of("Read", {"app": "!block:3"}, 1), host.request_of("Read", {"app": "web"}, 2)
    )
    assert host.receive()["id"] == 2
    host.endpoint.writer.close()
    host.wait_for_the_end()
    assert host.receive()["id"] == 1, "it goes on in its thread and still answers"


def test_the_end_of_the_life_cancels_what_goes_on(host: Any) -> None:
    host.send(
        host.request_of("Read", {"app": "!sleep:60"}, 1), host.request_of("Read", {"app": "web"}, 2)
    )
    assert host.receive()["id"] == 2
    host.served.stop()
    assert host.receive()["error"]["code"] == -32001
    host.wait_for_the_end()


def test_a_host_that_reads_no_more_ends_the_server(host: Any) -> None:
    host.endpoint.reader.close()
    host.lines.close()
    host.send(host.request_of("Apply", {"plan": {"app": "!events:100000000"}}, 1))
    host.wait_for_the_end()


def test_neither_threads_nor_descriptors_are_left(serve_stdio: Serving) -> None:
    plugin = load_backend("echo")
    assert plugin is not None
    before = set(os.listdir("/proc/self/fd"))
    endpoint, served = serve_stdio(PluginSession(plugin))
    endpoint.writer.close()
    served.thread.join(HANG_GUARD)
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
        force_setattr(pipes[1], "reader", reader)
        _, served = serve_stdio(PluginSession(plugin))
        # Bytes that the peer has not read make the kernel reset the connection at its close.
        theirs.send(b"unread")
        ours.close()
        served.thread.join(HANG_GUARD)
        assert not served.thread.is_alive()
