"""The sockets under httpx: a deadline for a whole call, and calls that another thread can end.

httpx has a timeout for each read, and no way to end a call from another thread. But httpcore lets
its user make the connections, so they are made here. Before each read or write a connection asks
for which call this thread works. It waits no longer than that call may, and is shut down if the
call is cancelled.
"""

import contextlib
import os
import re
import select
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpcore

from transportlab.context import POLL_SECONDS, Cancellation
from transportlab.errors import (
    ConnectionLost,
    ProtocolViolation,
    TransportError,
    cancelled,
    deadline_exceeded,
)
from transportlab.peer import listener_of

LONGEST_WAIT = 86400.0
"""Longest timeout of a socket, in seconds. A call's may be longer; then the wait is repeated."""

SHOWN = 256
"""How many bytes of a reply an error shows. Often they reach into the body."""

_BEGINNING = b"HTTP/1."
_INTERIM = b"HTTP/1.1 1"
_BLANK = re.compile(rb"\n\r?\n")
"""The end of a head, as h11 finds it."""


class Call:
    """How long one call may wait. deadline is on time.monotonic(), None for none.

    sent counts its bytes on the wire; received is the beginning of its reply, and body_bytes counts
    what came after the reply's head.
    """

    __slots__ = (
        "_head", "_last", "body_bytes", "connection", "deadline", "received", "sent", "switch"
    )  # fmt: skip

    def __init__(self, switch: Cancellation, deadline: float | None) -> None:
        self.switch = switch
        self.deadline = deadline
        self.connection: Connection | None = None
        self.sent = 0
        self.received = b""
        self.body_bytes = 0
        self._head: bytearray | None = bytearray()  # None once it is complete
        self._last = b""

    def wait_seconds(self) -> float | None:
        """Seconds that the next wait may take, None for any number.

        Raises RpcError CANCELLED or DEADLINE_EXCEEDED if the call should not go on.
        """
        if self.switch.cancelled:
            raise cancelled()
        if self.deadline is None:
            return None
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise deadline_exceeded()
        return min(left, LONGEST_WAIT)

    def take(self, data: bytes) -> None:
        """Note what has come for this call."""
        if len(self.received) < SHOWN:
            self.received += data[: SHOWN - len(self.received)]
        self._last = (self._last + data[-4:])[-4:]
        if self._head is None:
            self.body_bytes += len(data)
            return
        start = max(0, len(self._head) - 2)
        self._head += data
        while end := _BLANK.search(self._head, start):
            if not self._head.startswith(_INTERIM):
                self.body_bytes = len(self._head) - end.end()
                self._head = None
                return
            del self._head[: end.end()]  # such as 103 Early Hints: the reply's own head follows
            start = 0

    def ends_with_blank_line(self) -> bool:
        """Whether the last of what came can be the end of a body in chunks."""
        return self._last == b"\r\n\r\n"

    def drop_connection(self) -> None:
        """Close the call's connection, so that the pool gives it to nobody else."""
        if self.connection is not None:
            self.connection.close()

    def interrupt(self) -> None:
        """End the call's wait; from any thread."""
        connection = self.connection
        if connection is not None:
            connection.interrupt(self)

    def ended_early(self) -> TransportError:
        """The error for a connection that ended inside a reply."""
        begin = self.received[: len(_BEGINNING)]
        if begin and not _BEGINNING.startswith(begin):
            return ProtocolViolation(f"the reply is not HTTP/1.1; it begins {self.received!r}")
        return ConnectionLost("the plugin closed the connection before its reply was complete")


class Connection(httpcore.NetworkStream):
    """One connection of httpcore's pool."""

    def __init__(self, sock: socket.socket, network: "Network") -> None:
        self._sock = sock
        self._network = network
        self._call: Call | None = None
        self._used_before = False
        self._ownership = threading.Lock()
        # Held while the socket is in use, so that it is closed only between two uses.
        self._use = threading.Lock()

    def _claim(self) -> Call:
        """The call that this thread works for. From now on it may interrupt the connection."""
        call = self._network.current()
        if self._call is not call:
            with self._ownership:
                self._used_before = self._call is not None
                self._call = call
            call.connection = self
        return call

    def interrupt(self, call: Call) -> None:
        """Shut the connection down, unless it already works for another call."""
        with self._ownership:
            if self._call is call:
                self._shutdown()

    def _shutdown(self) -> None:
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read at least one byte. The call's deadline counts, not httpcore's timeout."""
        call = self._claim()
        with self._use:
            data = self._receive(max_bytes, call)
        if not data:
            # Every reply says how long it is, so a connection's end never ends a reply.
            raise call.ended_early()
        call.take(data)
        return data

    def _receive(self, max_bytes: int, call: Call) -> bytes:
        while True:
            self._sock.settimeout(call.wait_seconds())
            try:
                return self._sock.recv(max_bytes)
            except TimeoutError:
                continue
            except OSError:
                return b""

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send all of it. The call's deadline counts, not httpcore's timeout."""
        call = self._claim()
        rest = memoryview(buffer)
        with self._use:
            while rest:
                self._sock.settimeout(call.wait_seconds())
                try:
                    count = self._sock.send(rest)
                except TimeoutError:
                    continue
                except OSError as error:
                    raise self._not_sent(call, error) from error
                call.sent += count
                rest = rest[count:]

    def _not_sent(self, call: Call, error: OSError) -> Exception:
        if self._used_before and not call.sent:
            # The plugin had closed this idle connection and saw nothing of the call. The pool takes
            # another connection.
            return httpcore.ConnectionNotAvailable()
        # After this error httpcore still reads what the plugin may have said before it closed.
        return httpcore.WriteError(str(error))

    def close(self) -> None:
        """End any wait, then close."""
        self._shutdown()
        with self._use:
            self._sock.close()

    def get_extra_info(self, info: str) -> Any:
        """Only is_readable is known: whether something came unasked, such as the end."""
        if info != "is_readable":
            return None
        number = self._sock.fileno()
        if number < 0:
            return True
        poll = select.poll()
        poll.register(number, select.POLLIN)
        return bool(poll.poll(0))


class Network(httpcore.NetworkBackend):
    """Makes the connections of one channel. Safe to use from several threads."""

    def __init__(self) -> None:
        self._thread = threading.local()

    @contextlib.contextmanager
    def working_for(self, call: Call) -> Iterator[None]:
        """Let this thread use connections for the call, within the block."""
        self._thread.call = call
        try:
            yield
        finally:
            del self._thread.call

    def current(self) -> Call:
        """The call that this thread works for."""
        call: Call = self._thread.call
        return call

    def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Any = None
    ) -> httpcore.NetworkStream:
        """Make a connection. Waits as long as the call may while the listener's queue is full."""
        call = self.current()
        while True:
            left = call.wait_seconds()
            try:
                return Connection(connect(path), self)
            except BlockingIOError:
                call.switch.wait(POLL_SECONDS if left is None else min(left, POLL_SECONDS))


def connect(path: str) -> socket.socket:
    """Return a connected socket. Raises TransportError, or BlockingIOError for a full queue."""
    try:
        sock = socket.socket(socket.AF_UNIX)
    except OSError as error:
        raise TransportError(f"no socket to be had: {error.strerror}") from error
    try:
        sock.setblocking(False)
        sock.connect(path)
    except BlockingIOError:
        sock.close()
        raise
    except OSError as error:
        sock.close()
        raise TransportError(f"cannot connect to {path}: {error.strerror or error}") from error
    listener = listener_of(sock)
    if listener is not None and listener[1] != os.geteuid():
        sock.close()
        raise TransportError(f"another user's process ({listener[0]}) listens at {path}")
    return sock
