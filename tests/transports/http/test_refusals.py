"""What the HTTP transport's plugin side does with requests that are no calls."""

import json
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from transportlab.backend import Backend
from transportlab.context import Context
from transportlab.errors import MAX_MESSAGE_BYTES
from transportlab.model import ReadReply, ReadRequest

Serve = Callable[[str, Backend, str], Callable[[], None]]

HANG_GUARD = 30.0
POST = "POST /cronix.backend.v1.Backend/Read HTTP/1.1"
TYPE = "Content-Type: application/json"
CHUNKED = "Transfer-Encoding: chunked"


class Nothing:
    """A backend that must not be called, or only with what a test expects."""

    def __init__(self) -> None:
        self.calls = 0
        self.waits = threading.Event()
        self.cancelled = threading.Event()

    def read(self, request: ReadRequest, context: Context) -> ReadReply:
        self.calls += 1
        if request.app == "wait":
            self.waits.set()
            try:
                context.wait(HANG_GUARD)
            finally:
                self.cancelled.set()
        return ReadReply()

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(name)


@pytest.fixture
def backend(serve_http: Serve, socket_path: str) -> Nothing:
    backend = Nothing()
    serve_http(socket_path, backend, "json")
    return backend


def lines(*parts: str) -> bytes:
    return "\r\n".join([*parts, "", ""]).encode()


def exchange(path: str, data: bytes, *, half_closed: bool = False) -> tuple[bytes, bytes]:
    """Head and body of all that the server says until it closes the connection."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(HANG_GUARD)
        sock.connect(path)
        answer = b""
        try:
            sock.sendall(data)
            if half_closed:
                sock.shutdown(socket.SHUT_WR)
        except BrokenPipeError:
            pass  # refused before it had read all of it
        try:
            while more := sock.recv(65536):
                answer += more
        except ConnectionResetError:
            pass  # closed, with some of the request left unread
    head, _, body = answer.partition(b"\r\n\r\n")
    return head, body


REFUSED = {
    "GET": (lines("GET / HTTP/1.1"), 405),
    "unknown HTTP method": (lines("BREW / HTTP/1.1", "Content-Length: 2") + b"{}", 405),
    "HTTP/0.9": (b"GET /\r\n\r\n", 405),
    "bad request line": (lines("hello"), 400),
    "bad version": (lines("POST / HTTQ/1.1"), 400),
    "HTTP/1.0": (lines(POST[:-1] + "0", TYPE, "Content-Length: 2") + b"{}", 505),
    "HTTP/2": (lines("POST / HTTP/2.0"), 505),
    "no colon": (lines(POST, TYPE, "no colon", "Content-Length: 2") + b"{}", 400),
    "no length": (lines(POST, TYPE), 411),
    "two lengths": (lines(POST, TYPE, "Content-Length: 2", "Content-Length: 3"), 400),
    "too long": (lines(POST, TYPE, f"Content-Length: {MAX_MESSAGE_BYTES + 1}"), 413),
    "chunks too long": (lines(POST, TYPE, CHUNKED) + b"4000001\r\n", 413),
    "bad chunk": (lines(POST, TYPE, CHUNKED) + b"zz\r\n", 400),
    "length and chunks": (lines(POST, TYPE, CHUNKED, "Content-Length: 2"), 400),
    "no type": (lines(POST, "Content-Length: 2") + b"{}", 415),
    "wrong type": (lines(POST, "Content-Type: text/plain", "Content-Length: 2") + b"{}", 415),
    "long request line": (lines(f"POST /{'x' * 70000} HTTP/1.1"), 414),
    "long header": (lines(POST, f"X: {'x' * 70000}"), 431),
    "many headers": (lines(POST, *["X: 1"] * 200), 431),
}


@pytest.mark.parametrize(("request_bytes", "status"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_call_is_refused_and_the_connection_closed(
    backend: Nothing, socket_path: str, request_bytes: bytes, status: int
) -> None:
    # What comes after a refused request might be its body: it must not be taken for a request.
    head, body = exchange(
        socket_path, request_bytes + lines(POST, TYPE, "Content-Length: 2") + b"{}"
    )
    first, *headers = head.decode().split("\r\n")
    problem = json.loads(body)
    assert first.startswith(f"HTTP/1.1 {status} ")
    assert {"Connection: close", "Content-Type: application/problem+json"} < set(headers)
    assert ("Allow: POST" in headers) is (status == 405)
    assert problem["status"] == status
    assert problem["code"] == {405: "UNIMPLEMENTED", 413: "RESOURCE_EXHAUSTED"}.get(
        status, "INVALID_ARGUMENT"
    )
    assert backend.calls == 0


def test_an_answer_to_head_has_no_body(backend: Nothing, socket_path: str) -> None:
    head, body = exchange(socket_path, lines("HEAD / HTTP/1.1"))
    assert head.startswith(b"HTTP/1.1 405 ")
    assert body == b""


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\r\n",
        b"POST /",
        lines(POST, TYPE, "Content-Length: 3") + b"{}",
        lines(POST, TYPE, CHUNKED) + b"2\r\n{",
        lines(POST, TYPE, CHUNKED),
    ],
    ids=range(6),
)
def test_a_request_that_ends_early_is_no_call(
    backend: Nothing, socket_path: str, capfd: pytest.CaptureFixture[str], data: bytes
) -> None:
    head, _ = exchange(socket_path, data, half_closed=True)
    assert not head or head.startswith(b"HTTP/1.1 400 ")
    assert backend.calls == 0
    assert capfd.readouterr() == ("", "")


def test_refusing_writes_nothing_to_stdout_or_stderr(
    backend: Nothing, socket_path: str, capfd: pytest.CaptureFixture[str]
) -> None:
    for request_bytes, _ in REFUSED.values():
        exchange(socket_path, request_bytes)
    assert capfd.readouterr() == ("", "")


def test_a_bug_of_the_server_is_logged_and_ends_only_its_connection(
    backend: Nothing,
    socket_path: str,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    request_bytes = lines(POST, TYPE, "Content-Length: 2", "Connection: close") + b"{}"
    with monkeypatch.context() as patch:
        patch.setattr("transports.http.handler.CODECS", None)
        assert exchange(socket_path, request_bytes) == (b"", b"")
    line = ""
    end = time.monotonic() + HANG_GUARD
    while not line.endswith("\n") and time.monotonic() < end:
        line += capfd.readouterr().err
    record = json.loads(line)
    assert (record["level"], record["msg"]) == ("error", "a connection failed")
    assert record["error"] in ("TypeError", "AttributeError")
    assert "transports/http/handler.py" in record["traceback"]
    assert exchange(socket_path, request_bytes)[0].startswith(b"HTTP/1.1 200 ")


def test_a_client_that_leaves_with_a_reply_unread_cancels_the_next_call(
    backend: Nothing, socket_path: str
) -> None:
    head = lines(POST, TYPE, "Content-Length: 2")
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(socket_path)
        sock.sendall(head + b"{}" + head.replace(b"2", b"14") + b'{"app":"wait"}')
        assert backend.waits.wait(HANG_GUARD)
    assert backend.cancelled.wait(HANG_GUARD / 2)
