"""The plugin's side in a thread, and one that follows a script byte by byte."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

from transportlab.backend import Backend
from transportlab.channel import Channel, SocketEndpoint
from transportlab.registry import load_transport

HANG_GUARD = 30.0
"""Seconds after which a wait is taken for a hang."""


@pytest.fixture
def serve_http(
    socket_path: str,
    serve: Callable[..., Any],  # the server ends before its folder does
) -> Callable[[str, Backend, str], Callable[[], None]]:
    """serve_http(path, backend, codec) serves until the result is called, or the test ends."""

    def begin(path: str, backend: Backend, codec: str) -> Callable[[], None]:
        served = serve("http", backend, SocketEndpoint(path), codec)

        def stop() -> None:
            served.end()
            Path(path).unlink(missing_ok=True)

        return stop

    return begin


Script = Callable[[socket.socket], None]


@pytest.fixture
def scripted_http(socket_path: str) -> Iterator[Callable[..., Channel]]:
    """scripted_http(script, ...) gives a channel to a server that does one script a connection."""
    with socket.socket(socket.AF_UNIX) as listener, ExitStack() as stack:
        listener.bind(socket_path)
        listener.listen()
        listener.settimeout(HANG_GUARD)

        def begin(*scripts: Script) -> Channel:
            thread = threading.Thread(target=_play, args=(listener, scripts))
            thread.start()
            stack.callback(thread.join, HANG_GUARD)
            endpoint = SocketEndpoint(socket_path)
            return stack.enter_context(load_transport("http").connect(endpoint, codec="json"))

        yield begin


def _play(listener: socket.socket, scripts: tuple[Script, ...]) -> None:
    listener.accept()[0].close()  # connect() only looks whether somebody answers
    for script in scripts:
        sock, _ = listener.accept()
        sock.settimeout(HANG_GUARD)
        with sock, suppress(BrokenPipeError, ConnectionResetError):
            script(sock)
