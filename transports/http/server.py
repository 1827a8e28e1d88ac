"""The plugin's side: the standard library's HTTP server on a Unix socket, a thread a connection.

It fits because the socket is private and the one client is known; docs/http-server-choice.md has
the comparison. Nothing here writes to stdout, and to stderr only the plugin's log.
"""

import os
import socket
import socketserver
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from transportlab.backend import Backend
from transportlab.channel import Lifecycle, SocketEndpoint
from transportlab.codecs import Codec, load_codec
from transportlab.context import Cancellation
from transportlab.dispatch import Dispatcher
from transportlab.errors import MAX_CALLS, TransportError
from transportlab.log import Log
from transports.http.handler import Handler

STOP_SECONDS = 1.0
"""How long calls in flight may take to end once the plugin is told to stop."""

MAX_PATH = 107
"""Longest path of a Unix socket on Linux, in bytes (P-HANDSHAKE-4)."""


class Running:
    """The calls that are carried out. Safe to use from several threads."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._switches: set[Cancellation] = set()
        self._stopping = False

    @contextmanager
    def call(self, switch: Cancellation) -> Iterator[None]:
        """One call, whose switch is thrown when the server stops, or now if it already does."""
        with self._changed:
            if self._stopping:
                switch.cancel()
            self._switches.add(switch)
        try:
            yield
        finally:
            with self._changed:
                self._switches.discard(switch)
                self._changed.notify_all()

    def stop(self, seconds: float) -> None:
        """Cancel the calls, and wait for their end at most so many seconds."""
        with self._changed:
            self._stopping = True
            switches = list(self._switches)
        for switch in switches:
            switch.cancel()
        with self._changed:
            self._changed.wait_for(lambda: not self._switches, seconds)


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """Listens on the socket once it is made; serve_forever() then accepts connections."""

    daemon_threads = True
    request_queue_size = MAX_CALLS

    def __init__(self, backend: Backend, endpoint: SocketEndpoint, codec: str) -> None:
        self.secret = endpoint.secret
        self.dispatcher = Dispatcher(backend)
        self.running = Running()
        self._codecs = {codec: load_codec(codec)}
        self._lock = threading.Lock()
        self._connections: set[socket.socket] = set()
        super().__init__(endpoint.path, Handler)

    def codec(self, name: str) -> Codec:
        """The codec of that name; one that nobody has asked for yet is imported now."""
        codec = self._codecs.get(name)
        if codec is None:
            codec = self._codecs[name] = load_codec(name)
        return codec

    def server_bind(self) -> None:
        """As in the base class; only this user may connect."""
        super().server_bind()
        # Nobody can connect before the socket listens, which comes after this.
        os.chmod(self.socket.getsockname(), 0o600)

    def process_request(self, request: Any, client_address: Any) -> None:
        """As in the base class: a thread for the connection."""
        with self._lock:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """As in the base class: the connection's end."""
        with self._lock:
            self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no error; anything else is logged (P-LOG-1)."""
        kind, error, trace = sys.exc_info()
        if kind is not None and not isinstance(error, OSError | EOFError):
            # Without its text: nobody here knows what in it is secret (P-LOG-2).
            where = "".join(traceback.format_tb(trace))
            Log("http")("error", "a connection failed", error=kind.__name__, traceback=where)

    def stop(self) -> None:
        """End the accepting, then the calls, then the connections; bounded by STOP_SECONDS."""
        # serve_forever() sleeps until somebody connects; this wakes it as well.
        self.socket.shutdown(socket.SHUT_RDWR)
        self.shutdown()
        self.running.stop(STOP_SECONDS)
        with self._lock:
            for connection in self._connections:
                connection.shutdown(socket.SHUT_RDWR)


def serve(backend: Backend, endpoint: SocketEndpoint, codec: str, life: Lifecycle) -> None:
    """Serve on the Unix socket until life.wait() returns."""
    with _listen(backend, endpoint, codec) as server:
        accepting = threading.Thread(target=server.serve_forever, args=(None,), daemon=True)
        accepting.start()
        try:
            life.ready()
            life.wait()
        finally:
            server.stop()
            accepting.join()


def _listen(backend: Backend, endpoint: SocketEndpoint, codec: str) -> Server:
    path = endpoint.path
    size = len(os.fsencode(path))
    if not 0 < size <= MAX_PATH:
        problem = f"the path has {size} bytes; a Unix socket's has 1 to {MAX_PATH}"
        raise TransportError(f"cannot listen on {path}: {problem}")
    try:
        return Server(backend, endpoint, codec)
    except OSError as error:
        raise TransportError(f"cannot listen on {path}: {error.strerror}") from error
