"""A transport's plugin side in a thread of the test's process, and where to reach it."""

import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from transportlab.backend import Backend
from transportlab.channel import Endpoint, StdioEndpoint
from transportlab.registry import load_transport

HANG_GUARD = 30.0
"""Seconds after which a wait is taken for a hang."""


LINGER = 5.0
"""Seconds for a thread that has nothing to do. One that is busy in a backend may never end."""


class Served:
    """A transport's serve() in a thread, and the plugin's life: a test ends it by stop()."""

    def __init__(self, transport: str, backend: Backend, endpoint: Endpoint, codec: str) -> None:
        self._of = (transport, backend, endpoint, codec)
        self._up, self._down = threading.Event(), threading.Event()
        self._failure: Exception | None = None
        self._before = set(threading.enumerate())
        self.thread = threading.Thread(target=self._run)
        self.thread.start()
        assert self._up.wait(HANG_GUARD)
        assert self._failure is None, self._failure

    def _run(self) -> None:
        transport, backend, endpoint, codec = self._of
        try:
            load_transport(transport).serve(backend, endpoint, codec=codec, life=self)
        except Exception as error:
            self._failure = error
            self._up.set()

    def ready(self) -> None:
        self._up.set()

    def wait(self) -> None:
        self._down.wait()

    def stop(self) -> None:
        self._down.set()

    def end(self) -> None:
        """Stop, and wait for the end of serve(), and of the threads that it leaves behind.

        A plugin's process ends with serve(). Here a test may close the endpoint next, on which an
        idle thread of it could still be about to wait.
        """
        self.stop()
        self.thread.join(HANG_GUARD)
        assert not self.thread.is_alive()
        for thread in set(threading.enumerate()) - self._before - {self.thread}:
            if thread.name == self._of[0]:
                thread.join(LINGER)


Serve = Callable[[str, Backend, Endpoint, str], Served]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """serve(transport, backend, endpoint, codec) serves until end(), or the end of the test."""
    with ExitStack() as stack:

        def begin(transport: str, backend: Backend, endpoint: Endpoint, codec: str) -> Served:
            served = Served(transport, backend, endpoint, codec)
            stack.callback(served.end)
            return served

        yield begin


@pytest.fixture
def socket_path() -> Iterator[str]:
    """A path for a socket, short enough, in a directory of its own."""
    folder = Path(tempfile.mkdtemp(prefix="tl-"))
    yield str(folder / "s")
    # A plugin process removes it itself, together with its socket.
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def pipes() -> Iterator[tuple[StdioEndpoint, StdioEndpoint]]:
    """Both ends of two pipes: the host's endpoint and the plugin's."""
    from_host, to_plugin = os.pipe()
    from_plugin, to_host = os.pipe()
    with (
        open(from_plugin, "rb", buffering=0) as host_reader,
        open(to_plugin, "wb", buffering=0) as host_writer,
        open(from_host, "rb", buffering=0) as plugin_reader,
        open(to_host, "wb", buffering=0) as plugin_writer,
    ):
        yield StdioEndpoint(host_reader, host_writer), StdioEndpoint(plugin_reader, plugin_writer)
