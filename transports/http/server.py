"""The plugin's side: the standard library's HTTP server on a Unix socket, a thread a connection.

The socket is private and its one client is known, so a small server is enough;
docs/http-server-choice.md has the comparison. What happens on a connection is handler.py's. Nothing
here writes to stdout, which is the handshake's, and only the plugin's log goes to stderr.
"""

import os
import socket
import socketserver
import sys
import threading
import traceback
from functools import partial
from typing import Any

from transportlab.backend import Backend
from transportlab.channel import Lifecycle, SocketEndpoint
from transportlab.errors import MAX_CALLS, TransportError
from transportlab.log import Log
from transports.http.handler import Handler
from transports.http.service import Service

STOP_SECONDS = 1.0
"""How long calls in flight may take to end once the plugin is told to stop."""

MAX_PATH = 107
"""Longest path of a Unix socket on Linux, in bytes (P-HANDSHAKE-4)."""


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """Listens on the socket as soon as it exists; serve_forever() accepts the connections."""

    daemon_threads = True
    request_queue_size = MAX_CALLS

    def __init__(self, backend: Backend, endpoint: SocketEndpoint, codec: str) -> None:
        self._service = Service(backend, codec, endpoint.secret)
        self._lock = threading.Lock()
        self._connections: set[socket.socket] = set()
        super().__init__(endpoint.path, partial(Handler, self._service))

    def server_bind(self) -> None:
        """Bind, and let only this user connect."""
        super().server_bind()
        # Nobody can connect before the socket listens, which comes after this.
        os.chmod(self.socket.getsockname(), 0o600)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Start a thread for the connection, and remember the connection for stop()."""
        with self._lock:
            self._connections.add(request)
        self._service.strangers.enter(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """End the connection, and forget it."""
        with self._lock:
            self._connections.discard(request)
        self._service.strangers.leave(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log why a connection failed, unless the client just went away (P-LOG-1)."""
        kind, error, trace = sys.exc_info()
        if kind is not None and not isinstance(error, OSError | EOFError):
            # The error's text is left out: it may hold a secret, and the redactor is the session's
            # (P-LOG-2).
            where = "".join(traceback.format_tb(trace))
            Log("http")("error", "a connection failed", error=kind.__name__, traceback=where)

    def stop(self) -> None:
        """Stop accepting, then cancel the calls, then close the connections.

        Calls have STOP_SECONDS to end.
        """
        # serve_forever() sleeps until somebody connects; this wakes it.
        self.socket.shutdown(socket.SHUT_RDWR)
        self.shutdown()
        self._service.running.stop(STOP_SECONDS)
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
