"""How the waits of the HTTP transport's host side end: by deadline, by cancelling, by closing."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpcore
import pytest

from transportlab.channel import Channel, SocketEndpoint
from transportlab.context import Cancellation, Context
from transportlab.errors import ChannelClosed, Code, RpcError
from transportlab.methods import APPLY, READ
from transportlab.model import ApplyEvent, ApplyRequest, ReadReply, ReadRequest
from transportlab.registry import load_transport
from transports.http.network import connect

Scripted = Callable[..., Channel]

HTTP = load_transport("http")
HANG_GUARD = 30.0
SMALL, BIG = ReadRequest(), ReadRequest("x" * 8_000_000)
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
STREAM = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"
    b'd\r\n{"event":{}}\n\r\n'
)


def trickles(sock: socket.socket) -> None:
    """A server that is always about to answer."""
    sock.sendall(b"HTTP/1.1 200 OK\r\nX: ")
    while True:
        sock.sendall(b"x")
        time.sleep(0.01)


def is_left(sock: socket.socket) -> None:
    """A server that reads and never answers."""
    while sock.recv(65536):
        pass


class Deaf:
    """A server that neither reads nor answers until it is released."""

    def __init__(self) -> None:
        self.connected = threading.Event()
        self.released = threading.Event()

    def __call__(self, sock: socket.socket) -> None:
        self.connected.set()
        self.released.wait(HANG_GUARD)


@pytest.fixture
def deaf() -> Iterator[Deaf]:
    server = Deaf()
    yield server
    server.released.set()


def read(channel: Channel, request: ReadRequest = SMALL, **how: Any) -> ReadReply:
    return channel.unary(READ, request, Context(**how))


def code_of(call: Callable[[], object]) -> Code:
    with pytest.raises(RpcError) as caught:
        call()
    return caught.value.code


def test_a_deadline_is_for_the_whole_call(scripted_http: Scripted) -> None:
    channel = scripted_http(trickles)
    assert code_of(lambda: read(channel, timeout=0.5)) is Code.DEADLINE_EXCEEDED


def test_a_deadline_ends_the_sending_of_a_request(scripted_http: Scripted, deaf: Deaf) -> None:
    channel = scripted_http(deaf)
    assert code_of(lambda: read(channel, BIG, timeout=0.5)) is Code.DEADLINE_EXCEEDED
    deaf.released.set()


@pytest.mark.parametrize("request_", [ReadRequest(), BIG], ids=["receiving", "sending"])
def test_cancelling_and_closing_end_a_wait_at_once(
    scripted_http: Scripted, deaf: Deaf, request_: ReadRequest
) -> None:
    second = Deaf()
    channel, switch = scripted_http(deaf, second), Cancellation()
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(read, channel, request_, cancellation=switch)
        assert deaf.connected.wait(HANG_GUARD)
        switch.cancel()
        assert code_of(lambda: call.result(HANG_GUARD)) is Code.CANCELLED
        deaf.released.set()
        call = pool.submit(read, channel, request_)
        assert second.connected.wait(HANG_GUARD)
        channel.close()
        with pytest.raises(ChannelClosed):
            call.result(HANG_GUARD)
        second.released.set()


def test_an_answer_that_comes_before_the_request_has_gone_is_read(scripted_http: Scripted) -> None:
    body = b'{"code":"RESOURCE_EXHAUSTED","detail":"too much"}'
    head = (
        b"HTTP/1.1 413 No\r\nContent-Type: application/problem+json\r\nContent-Length: %d\r\n\r\n"
    )
    channel = scripted_http(lambda sock: sock.sendall(head % len(body) + body))
    with pytest.raises(RpcError, match="RESOURCE_EXHAUSTED: too much"):
        read(channel, BIG)


def test_an_abandoned_stream_ends_its_connection_and_the_next_call_has_another(
    scripted_http: Scripted,
) -> None:
    left = threading.Event()

    def streams(sock: socket.socket) -> None:
        sock.recv(65536)
        sock.sendall(STREAM)
        is_left(sock)
        left.set()

    channel = scripted_http(streams, lambda sock: sock.sendall(sock.recv(65536) and OK))
    stream = channel.stream(APPLY, ApplyRequest(), Context())
    assert next(stream) == ApplyEvent()
    del stream
    assert left.wait(HANG_GUARD)
    assert read(channel) == ReadReply()


def test_a_connection_that_the_server_has_closed_is_not_used_again(scripted_http: Scripted) -> None:
    closed = threading.Semaphore(0)

    def answers_once(sock: socket.socket) -> None:
        sock.recv(65536)
        sock.sendall(OK)
        sock.shutdown(socket.SHUT_RDWR)
        closed.release()

    channel = scripted_http(answers_once, answers_once, answers_once)
    for _ in range(3):
        assert read(channel) == ReadReply()
        assert closed.acquire(timeout=HANG_GUARD)


@pytest.fixture
def full(socket_path: str) -> Iterator[tuple[Channel, socket.socket]]:
    """A channel to a server that accepts nobody any more."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(socket_path)
        listener.listen(0)
        listener.settimeout(HANG_GUARD)
        # connect() leaves a closed connection behind, which takes the only place.
        with HTTP.connect(SocketEndpoint(socket_path), codec="json") as channel:
            yield channel, listener


def test_waiting_to_be_accepted_ends_by_deadline_and_by_cancelling(
    full: tuple[Channel, socket.socket],
) -> None:
    channel, _ = full
    switch = Cancellation()
    threading.Timer(0.05, switch.cancel).start()
    assert code_of(lambda: read(channel, timeout=0.05)) is Code.DEADLINE_EXCEEDED
    assert code_of(lambda: read(channel, cancellation=switch)) is Code.CANCELLED


def test_a_call_that_waits_to_be_accepted_goes_on(full: tuple[Channel, socket.socket]) -> None:
    channel, listener = full
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(read, channel)
        listener.accept()[0].close()
        with listener.accept()[0] as sock:
            sock.settimeout(HANG_GUARD)
            assert sock.recv(65536).startswith(b"POST ")
            sock.sendall(OK)
            assert call.result(HANG_GUARD) == ReadReply()


def test_a_stream_may_be_collected_while_its_thread_takes_a_connection(
    scripted_http: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    def streams(sock: socket.socket) -> None:
        sock.recv(65536)
        sock.sendall(STREAM)
        is_left(sock)

    channel = scripted_http(streams, lambda sock: sock.sendall(sock.recv(65536) and OK))
    held = [channel.stream(APPLY, ApplyRequest(), Context())]
    assert next(held[0]) == ApplyEvent()
    create = httpcore.ConnectionPool.create_connection

    def collecting(*arguments: Any) -> Any:
        held.clear()
        return create(*arguments)

    # The pool makes a connection while it holds its lock; the collector may run right there.
    monkeypatch.setattr(httpcore.ConnectionPool, "create_connection", collecting)
    assert read(channel, timeout=HANG_GUARD) == ReadReply()
    assert not held


def test_where_more_wait_than_are_accepted_a_channel_waits_as_well(socket_path: str) -> None:
    with socket.socket(socket.AF_UNIX) as listener, contextlib.ExitStack() as waiting:
        listener.bind(socket_path)
        listener.listen(0)
        with contextlib.suppress(BlockingIOError):
            while True:
                waiting.enter_context(connect(socket_path))
        channel = HTTP.connect(SocketEndpoint(socket_path, ""), codec="json")
        waiting.callback(channel.close)
        assert code_of(lambda: read(channel, timeout=0.5)) is Code.DEADLINE_EXCEEDED
