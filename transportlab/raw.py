"""Raw wires: bytes to and from a plugin, for what no host that is right would send.

The conformance suite has vectors of one transport's wire. It starts the plugin as a host does, and
then writes and reads by the transport's own module `raw`:

    VECTORS     the folder of its vectors
    REQUIRES    import names of the libraries that it needs
    Wire        the class of its wires, a RawWire

This module has what those share: a stream of bytes whose waits are all bounded. What a message is,
only the transport knows.
"""

import os
import select
import socket
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, BinaryIO

from transportlab.channel import SocketEndpoint, StdioEndpoint

READ_BYTES = 256 * 1024

MOST_BYTES = 80 * 1024 * 1024
"""How much may come before it is a whole message: more than the longest one (P-LIMIT-1)."""

LATE_SECONDS = 5.0
"""How long after its end a wait still takes what is there: this process may have been held up."""

CONNECT_SECONDS = 5.0

PACE_SECONDS = 0.0002
"""Pause after each byte of what is sent byte by byte, so that the plugin reads some of it alone."""

WireEndpoint = SocketEndpoint | StdioEndpoint


class Closed(Exception):
    """The plugin has ended the connection, and no whole message is left."""


class Silent(Exception):
    """Nothing whole has come within the bound, or the plugin takes no more bytes."""


class Garbled(Exception):
    """What has come is no message of the transport. The text says what is wrong with it."""


def check_size(size: int) -> None:
    """Raise Garbled if so many bytes can be no message."""
    if size > MOST_BYTES:
        raise Garbled(f"more than {MOST_BYTES} bytes came without the end of a message (P-LIMIT-1)")


class Carriage:
    """A stream of bytes in both directions. `unread` holds what has come and is not yet taken.

    What comes is also read while something is sent, so that two full pipes block nobody. A plugin
    that never stops sending is given up: after `LATE_SECONDS` by Silent, after `MOST_BYTES` that
    nobody takes by Garbled.
    """

    def __init__(self, endpoint: WireEndpoint) -> None:
        self.unread = bytearray()
        self.ended = False
        self._socket: socket.socket | None = None
        # Whoever stops the plugin closes its pipes, and a number may then be another plugin's.
        self._reader: BinaryIO | None = None
        self._writer: BinaryIO | None = None
        if isinstance(endpoint, SocketEndpoint):
            self._socket = _connected(endpoint.path)
            self._in = self._out = self._socket.fileno()
        else:
            self._reader, self._writer = endpoint.reader, endpoint.writer
            self._in, self._out = endpoint.reader.fileno(), endpoint.writer.fileno()
            os.set_blocking(self._out, False)

    def write(self, data: bytes, end: float) -> None:
        """Send the bytes before `end`. A plugin that has closed takes them all.

        Raises Silent and Garbled.
        """
        rest = memoryview(data)
        while rest and not (self._writer and self._writer.closed):
            readable, writable = self._wait(end, write=True)
            if readable:
                self._take()
            if writable:
                try:
                    rest = rest[os.write(self._out, rest) :]
                except BlockingIOError:
                    continue
                except (BrokenPipeError, ConnectionResetError):
                    return

    def fill(self, end: float) -> None:
        """Wait until more has come. Raises Closed, Silent and Garbled."""
        if self.ended or (self._reader and self._reader.closed):
            raise Closed
        self._wait(end)
        self._take()
        if self.ended:
            raise Closed

    def take(self, size: int) -> bytes:
        """Take so many bytes of what is unread."""
        data = bytes(self.unread[:size])
        del self.unread[:size]
        return data

    def line(self, end: float, stop: bytes) -> bytes:
        """Take what is there up to `stop`, and `stop` itself, which is left out of the result."""
        searched = 0
        while (found := self.unread.find(stop, searched)) < 0:
            searched = max(0, len(self.unread) - len(stop) + 1)
            self.fill(end)
        data = self.take(found)
        self.take(len(stop))
        return data

    def exactly(self, size: int, end: float) -> bytes:
        """Take exactly so many bytes."""
        while len(self.unread) < size:
            self.fill(end)
        return self.take(size)

    def half_close(self) -> None:
        """End this side of a socket; a pipe stays as it is, as its end is the session's."""
        if self._socket is not None:
            self._socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Close a socket. The pipes are the session's."""
        if self._socket is not None:
            self._socket.close()

    def _wait(self, end: float, *, write: bool = False) -> tuple[bool, bool]:
        poll = select.poll()
        if not self.ended:
            poll.register(self._in, select.POLLIN)
        if write:
            asked = select.POLLOUT
            if self._in == self._out and not self.ended:
                asked |= select.POLLIN
            poll.register(self._out, asked)
        found = poll.poll(max(0.0, end - time.monotonic()) * 1000)
        if not found or time.monotonic() > end + LATE_SECONDS:
            raise Silent
        readable = any(fd == self._in and event != select.POLLOUT for fd, event in found)
        writable = any(fd == self._out and event != select.POLLIN for fd, event in found)
        return readable and not self.ended, writable and write

    def _take(self) -> None:
        try:
            data = os.read(self._in, READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        self.unread += data
        self.ended = not data
        check_size(len(self.unread))


def _connected(path: str) -> socket.socket:
    """A socket that does not block.

    Raises Silent if the plugin accepts no more connections, Closed if it listens no more.
    """
    made = socket.socket(socket.AF_UNIX)
    made.setblocking(False)
    end = time.monotonic() + CONNECT_SECONDS
    while True:
        try:
            made.connect(path)
        except BlockingIOError:  # so many wait to be accepted as the plugin lets wait
            if time.monotonic() > end:
                made.close()
                raise Silent from None
            time.sleep(PACE_SECONDS)
        except (ConnectionError, FileNotFoundError):
            made.close()
            raise Closed from None
        except OSError:
            made.close()
            raise
        else:
            return made


class RawWire(ABC):
    """One plugin's wire. On a socket it has any number of connections, by the names of a vector.

    A connection is made when its name is first used.
    """

    def __init__(self, endpoint: WireEndpoint) -> None:
        self.endpoint = endpoint
        self._carriages: dict[str, Carriage] = {}

    def carriage(self, name: str) -> Carriage:
        """The connection of that name."""
        if name not in self._carriages:
            self._carriages[name] = Carriage(self.endpoint)
        return self._carriages[name]

    def words(self) -> Mapping[str, str]:
        """What the transport's vectors may say in braces, beside the words of all."""
        return {}

    def head(self, lines: list[str], length: int) -> bytes:
        """The bytes of a message's head, before so many bytes of its body."""
        raise ValueError("messages of this transport have no head")

    def write(self, name: str, data: bytes, end: float, *, bytewise: bool = False) -> None:
        """Send bytes. Raises Silent and Garbled."""
        carriage = self.carriage(name)
        if not bytewise:
            carriage.write(data, end)
            return
        for number in range(len(data)):
            carriage.write(data[number : number + 1], end)
            time.sleep(PACE_SECONDS)

    def frame(self, name: str, form: Mapping[str, Any], end: float) -> None:
        """Send what the transport has a form of its own for."""
        raise ValueError("this transport has no frames")

    @abstractmethod
    def message(self, name: str, end: float) -> Any:
        """Take the next message as plain values. Raises Closed, Silent, Garbled."""

    def quiet(self, name: str, end: float) -> bytes:
        """Wait until `end`. Returns what has come, or was left: nothing, if all is well."""
        end = max(end, time.monotonic())
        try:
            carriage = self.carriage(name)
            while not carriage.unread:
                carriage.fill(end)
        except (Silent, Closed):
            pass
        return bytes(self._carriages[name].unread) if name in self._carriages else b""

    def half_close(self, name: str) -> None:
        """End this side of the connection."""
        self.carriage(name).half_close()

    def drop(self, name: str) -> None:
        """Close the connection at once; its name then stands for a new one."""
        self._carriages.pop(name).close()

    def left(self) -> bytes:
        """What has come on any connection and was not asked for, without waiting for more."""
        return b"".join(self.quiet(name, 0.0) for name in self._carriages)

    def close(self) -> None:
        """Close the connections."""
        for carriage in self._carriages.values():
            carriage.close()
        self._carriages.clear()
