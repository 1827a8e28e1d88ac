"""A transport's plugin side in a thread of the test's process, on a real socket."""

import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from transportlab.backend import Backend
from transportlab.channel import SocketEndpoint
from transportlab.registry import load_transport

HANG_GUARD = 30.0
"""Seconds after which a wait is taken for a hang."""


class ThreadLife:
    """The life of a plugin that a test ends."""

    def __init__(self) -> None:
        self.up = threading.Event()
        self._down = threading.Event()

    def ready(self) -> None:
        self.up.set()

    def wait(self) -> None:
        self._down.wait()

    def stop(self) -> None:
        self._down.set()


Serving = Callable[[str, Backend, str], Callable[[], None]]


@pytest.fixture
def socket_path() -> Iterator[str]:
    """A path for a socket, short enough, in a directory of its own."""
    folder = Path(tempfile.mkdtemp(prefix="tl-"))
    yield str(folder / "s")
    # A plugin process removes it itself, together with its socket.
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def serve_http(socket_path: str) -> Iterator[Serving]:
    """serve_http(path, backend, codec) serves until the test ends or the result is called."""
    with ExitStack() as stack:

        def begin(path: str, backend: Backend, codec: str) -> Callable[[], None]:
            one = ExitStack()
            one.enter_context(_serving(path, backend, codec))
            stack.callback(one.close)
            return one.close

        yield begin


@contextmanager
def _serving(path: str, backend: Backend, codec: str) -> Iterator[None]:
    life, failures = ThreadLife(), list[Exception]()

    def run() -> None:
        try:
            endpoint = SocketEndpoint(path)
            load_transport("http").serve(backend, endpoint, codec=codec, life=life)
        except Exception as error:
            failures.append(error)
            life.up.set()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert life.up.wait(HANG_GUARD)
        assert not failures, failures
        yield
    finally:
        life.stop()
        thread.join(HANG_GUARD)
        assert not thread.is_alive()
        Path(path).unlink(missing_ok=True)
