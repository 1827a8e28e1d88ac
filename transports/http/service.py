"""What all connections of a plugin share: its backend, secret and codecs, and who is connected."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from transportlab.backend import Backend
from transportlab.codecs import Codec, load_codec
from transportlab.context import Cancellation
from transportlab.dispatch import Dispatcher

MAX_STRANGERS = 64
"""Connections at once that have not shown the secret: each is a thread (P-AUTH-4)."""

STRANGER_SECONDS = 10.0
"""How long a connection that has not shown the secret may keep still (P-AUTH-4).

One that sends a byte from time to time ends with the first that comes after this.
"""


class Running:
    """The calls that are being carried out. Safe to use from several threads."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._switches: set[Cancellation] = set()
        self._stopping = False

    @contextmanager
    def call(self, switch: Cancellation) -> Iterator[None]:
        """One call. Its switch is thrown when the server stops, at once if it is stopping."""
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
        """Cancel the calls and wait at most so many seconds for them to end."""
        with self._changed:
            self._stopping = True
            switches = list(self._switches)
        for switch in switches:
            switch.cancel()
        with self._changed:
            self._changed.wait_for(lambda: not self._switches, seconds)


class Strangers:
    """The connections that have not shown the secret yet (P-AUTH-4). Safe to use from threads.

    They are few, and the newest stay: so one more always finds room, and that may be the host's.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connections: dict[socket.socket, None] = {}  # the oldest first

    def enter(self, connection: socket.socket) -> None:
        """A new connection. The oldest one ends if there are too many."""
        connection.settimeout(STRANGER_SECONDS)
        with self._lock:
            self._connections[connection] = None
            oldest = None
            if len(self._connections) > MAX_STRANGERS:
                oldest = next(iter(self._connections))
                del self._connections[oldest]
        if oldest is not None:
            with suppress(OSError):  # it has gone by itself
                oldest.shutdown(socket.SHUT_RDWR)

    def leave(self, connection: socket.socket) -> None:
        """The connection has shown the secret, or has ended."""
        with self._lock:
            self._connections.pop(connection, None)


class Service:
    """What the connections share: the backend, the secret, the codecs and the running calls."""

    def __init__(self, backend: Backend, codec: str, secret: str) -> None:
        self.dispatcher = Dispatcher(backend)
        self.secret = secret
        self.running = Running()
        self.strangers = Strangers()
        self._codecs = {codec: load_codec(codec)}

    def codec(self, name: str) -> Codec:
        """The codec of that name. It is imported when a request first asks for it."""
        codec = self._codecs.get(name)
        if codec is None:
            codec = self._codecs[name] = load_codec(name)
        return codec
