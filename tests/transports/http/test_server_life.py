"""The HTTP transport's beginnings, ends and limits."""

import os
import socket
import stat
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from transportlab.backend import Backend
from transportlab.channel import Lifecycle, SocketEndpoint
from transportlab.context import Cancellation, Context
from transportlab.errors import (
    MAX_MESSAGE_BYTES,
    Code,
    ConnectionLost,
    RpcError,
    TransportError,
)
from transportlab.methods import DRIFT, READ
from transportlab.model import DriftReply, DriftRequest, Entry, ReadReply, ReadRequest
from transportlab.registry import load_transport
from transports.http.service import Running

Serve = Callable[[str, Backend, str], Callable[[], None]]

HTTP = load_transport("http")
HANG_GUARD = 30.0


class Waiting:
    """A backend that waits, attentively or not, or answers with what it is told to."""

    def __init__(self, reply: Any = None) -> None:
        self.entered = threading.Event()
        self.release = threading.Event()
        self._reply = reply if reply is not None else ReadReply()

    def read(self, request: ReadRequest, context: Context) -> Any:
        if request.app == "attentive":
            self.entered.set()
            context.wait(HANG_GUARD)
        if request.app == "deaf":
            self.entered.set()
            self.release.wait(HANG_GUARD)
        return self._reply

    def drift(self, request: DriftRequest, context: Context) -> DriftReply:
        return DriftReply()

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(name)


class StoppedLife:
    """A life that ends at once."""

    def ready(self) -> None:
        pass

    def wait(self) -> None:
        pass

    def stop(self) -> None:
        pass


class BrokenLife(StoppedLife):
    """A host that has gone before the handshake."""

    def ready(self) -> None:
        raise BrokenPipeError


def serve_here(path: str, life: Lifecycle) -> None:
    HTTP.serve(Waiting(), SocketEndpoint(path), codec="json", life=life)


def test_only_the_user_may_connect(serve_http: Serve, socket_path: str) -> None:
    serve_http(socket_path, Waiting(), "json")
    assert stat.S_IMODE(os.stat(socket_path).st_mode) == 0o600


@pytest.mark.parametrize("size", [0, 108, 300])
def test_a_path_that_is_no_sockets_cannot_be_served(size: int) -> None:
    path = "/" + "x" * (size - 1) if size else ""
    with pytest.raises(TransportError, match=f"has {size} bytes; a Unix socket's has 1 to 107"):
        serve_here(path, StoppedLife())


def test_the_longest_path_is_served(socket_path: str) -> None:
    path = socket_path + "x" * (107 - len(socket_path))
    serve_here(path, StoppedLife())
    assert stat.S_ISSOCK(os.stat(path).st_mode)


def test_a_path_that_is_taken_cannot_be_served(socket_path: str) -> None:
    Path(socket_path).touch()
    with pytest.raises(TransportError, match=f"cannot listen on {socket_path}: Address already"):
        serve_here(socket_path, StoppedLife())


def test_the_server_ends_if_the_host_has_gone_before_the_handshake(socket_path: str) -> None:
    before = set(threading.enumerate())
    with pytest.raises(BrokenPipeError):
        serve_here(socket_path, BrokenLife())
    assert set(threading.enumerate()) <= before


@pytest.mark.parametrize("make", [None, Path.touch, Path.mkdir])
def test_connecting_to_what_nobody_serves_fails_with_the_path(
    socket_path: str, make: Callable[[Path], None] | None
) -> None:
    if make is not None:
        make(Path(socket_path))
    reason = "No such file" if make is None else "Connection refused"
    with pytest.raises(TransportError, match=f"cannot connect to {socket_path}: {reason}"):
        HTTP.connect(SocketEndpoint(socket_path), codec="json")


def test_connecting_to_a_path_that_is_too_long_fails_with_the_reason() -> None:
    with pytest.raises(TransportError, match="too long"):
        HTTP.connect(SocketEndpoint("/" + "x" * 200), codec="json")


def test_stopping_cancels_calls_in_flight(serve_http: Serve, socket_path: str) -> None:
    backend = Waiting()
    stop = serve_http(socket_path, backend, "json")
    with (
        HTTP.connect(SocketEndpoint(socket_path), codec="json") as channel,
        ThreadPoolExecutor(1) as pool,
    ):
        call = pool.submit(channel.unary, READ, ReadRequest("attentive"), Context())
        assert backend.entered.wait(HANG_GUARD)
        stop()
        with pytest.raises(RpcError) as caught:
            call.result(HANG_GUARD)
        assert caught.value.code is Code.CANCELLED


def test_stopping_does_not_wait_for_a_backend_that_does_not_listen(
    serve_http: Serve, socket_path: str
) -> None:
    backend = Waiting()
    stop = serve_http(socket_path, backend, "json")
    with (
        HTTP.connect(SocketEndpoint(socket_path), codec="json") as channel,
        ThreadPoolExecutor(1) as pool,
    ):
        call = pool.submit(channel.unary, READ, ReadRequest("deaf"), Context())
        assert backend.entered.wait(HANG_GUARD)
        stop()
        with pytest.raises(ConnectionLost):
            call.result(HANG_GUARD)
        backend.release.set()


def test_a_call_that_comes_while_the_server_stops_is_cancelled() -> None:
    running, switch = Running(), Cancellation()
    running.stop(0)
    with running.call(switch):
        assert switch.cancelled


def test_stopping_ends_idle_connections(serve_http: Serve, socket_path: str) -> None:
    stop = serve_http(socket_path, Waiting(), "json")
    with socket.socket(socket.AF_UNIX) as idle:
        idle.settimeout(HANG_GUARD)
        idle.connect(socket_path)
        with HTTP.connect(SocketEndpoint(socket_path), codec="json") as channel:
            channel.unary(READ, ReadRequest(), Context())
            stop()
            assert idle.recv(1) == b""
            with pytest.raises(TransportError, match=f"cannot connect to {socket_path}"):
                channel.unary(READ, ReadRequest(), Context())


def test_a_channel_finds_a_server_that_has_come_back(serve_http: Serve, socket_path: str) -> None:
    stop = serve_http(socket_path, Waiting(), "json")
    with HTTP.connect(SocketEndpoint(socket_path), codec="json") as channel:
        assert channel.unary(READ, ReadRequest(), Context()) == ReadReply()
        stop()
        serve_http(socket_path, Waiting(), "json")
        assert channel.unary(READ, ReadRequest(), Context()) == ReadReply()


@pytest.mark.slow
@pytest.mark.parametrize("codec", HTTP.traits.codecs)
def test_messages_may_have_64_mebibytes_and_no_more(
    serve_http: Serve, socket_path: str, codec: str
) -> None:
    full = MAX_MESSAGE_BYTES - 300
    backend = Waiting(ReadReply((Entry(command="x" * full),)))
    serve_http(socket_path, backend, codec)
    with HTTP.connect(SocketEndpoint(socket_path), codec=codec) as channel:
        assert len(channel.unary(READ, ReadRequest(), Context()).entries[0].command) == full
        assert channel.unary(DRIFT, DriftRequest("x" * full), Context()) == DriftReply()
        backend._reply = ReadReply((Entry(command="x" * MAX_MESSAGE_BYTES),))
        for request in (ReadRequest(), ReadRequest("x" * MAX_MESSAGE_BYTES)):
            with pytest.raises(RpcError) as caught:
                channel.unary(READ, request, Context())
            assert caught.value.code is Code.RESOURCE_EXHAUSTED
            assert caught.value.details.reason == "MESSAGE_TOO_LARGE"
        assert channel.unary(DRIFT, DriftRequest(), Context()) == DriftReply()


def test_a_reply_that_is_none_is_the_backends_bug(serve_http: Serve, socket_path: str) -> None:
    serve_http(socket_path, Waiting(object()), "protobuf")
    with (
        HTTP.connect(SocketEndpoint(socket_path), codec="protobuf") as channel,
        pytest.raises(RpcError) as caught,
    ):
        channel.unary(READ, ReadRequest(), Context())
    assert (caught.value.code, caught.value.details.reason) == (Code.INTERNAL, "PANIC")
