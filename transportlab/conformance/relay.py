"""A relay between the suite and a plugin's wire, through which a transcript sees what passes.

It stands where the host's own code would connect: a Tap is the transport with a relay before its
connect(). So nothing of the plugin's start, its log or its end is different, and the host's code is
the same. A backend that is called in this process has no wire; there the calls are told.

A relay changes nothing that a peer could rely on. Bytes go on as they come. An end of one side's
sending goes on as that, and a closed connection as a closed one. What one side does not take is not
read from the other, so that full pipes stay full. There is one thread for each connection, and a
descriptor whose readiness tells all of them to finish.
"""

import contextlib
import os
import select
import socket
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from io import FileIO
from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace

from transportlab.backend import Backend
from transportlab.channel import (
    Channel,
    Endpoint,
    Lifecycle,
    SocketEndpoint,
    StdioEndpoint,
    Transport,
)
from transportlab.conformance.transcript import HOST, PLUGIN, Spoken, Transcript
from transportlab.context import Context
from transportlab.errors import LabError
from transportlab.host.launch import new_socket_path
from transportlab.methods import Method

Q = TypeVar("Q")
R = TypeVar("R")

CHUNK = 65536
"""Bytes that are read at once, and that wait for the other side at most."""

BACKLOG = 128
"""Connections that may wait for the relay."""

CONNECT_SECONDS = 1.0
"""How long the plugin may take to accept a connection."""

LAST_SECONDS = 0.2
"""How long close() waits for last bytes to pass, before it ends the connections."""

JOIN_SECONDS = 2.0
"""How long close() waits for a thread. None of them waits for anything but the descriptors."""

GONE = select.POLLHUP | select.POLLERR | select.POLLNVAL


class Tap(Transport):
    """A transport whose connections a transcript sees."""

    def __init__(self, transport: Transport, transcript: Transcript) -> None:
        self._transport, self._transcript = transport, transcript
        self.name, self.traits = transport.name, transport.traits

    def put_off(self) -> None:
        """See Transport.put_off."""
        self._transport.put_off()

    def prepare(self, codec: str) -> None:
        """See Transport.prepare."""
        self._transport.prepare(codec)

    def connect(self, endpoint: Any, *, codec: str) -> Channel:
        """See Transport.connect."""
        if not isinstance(endpoint, SocketEndpoint | StdioEndpoint):
            return TappedCalls(self._transport.connect(endpoint, codec=codec), self._transcript)
        if isinstance(endpoint, SocketEndpoint):
            self._transcript.hide(endpoint.secret)
        with contextlib.ExitStack() as undo:
            relay = Relay(endpoint, self._transcript)
            undo.callback(relay.close)
            channel = self._transport.connect(relay.endpoint, codec=codec)
            undo.pop_all()
        return TappedWire(channel, relay)

    def serve(self, backend: Backend, endpoint: Any, *, codec: str, life: Lifecycle) -> None:
        """See Transport.serve."""
        self._transport.serve(backend, endpoint, codec=codec, life=life)


class TappedWire(Channel):
    """A channel whose bytes go through a relay. endpoint: the relay's, for a raw wire."""

    def __init__(self, channel: Channel, relay: "Relay") -> None:
        self._channel, self._relay = channel, relay
        self.endpoint: Endpoint = relay.endpoint

    def unary(self, method: Method[Q, R], request: Q, context: Context) -> R:
        """See Channel.unary."""
        return self._channel.unary(method, request, context)

    def stream(self, method: Method[Q, R], request: Q, context: Context) -> Iterator[R]:
        """See Channel.stream."""
        return self._channel.stream(method, request, context)

    def close(self) -> None:
        """See Channel.close."""
        self._channel.close()
        self._relay.close()


class TappedCalls(Channel):
    """A channel without a wire, whose calls the transcript sees as JSON."""

    def __init__(self, channel: Channel, transcript: Transcript) -> None:
        self._channel, self._transcript = channel, transcript

    def unary(self, method: Method[Q, R], request: Q, context: Context) -> R:
        """See Channel.unary."""
        with self._told(method.name, request):
            reply = self._channel.unary(method, request, context)
        self._transcript.say(PLUGIN, f"reply {_json(reply)}")
        return reply

    def stream(self, method: Method[Q, R], request: Q, context: Context) -> Iterator[R]:
        """See Channel.stream."""
        with self._told(method.name, request):
            stream: Any = self._channel.stream(method, request, context)
            with contextlib.closing(stream) as events:
                for event in events:
                    self._transcript.say(PLUGIN, f"event {_json(event)}")
                    yield event
        self._transcript.say(PLUGIN, "end")

    @contextlib.contextmanager
    def _told(self, name: str, request: object) -> Iterator[None]:
        self._transcript.say(HOST, f"{name} {_json(request)}")
        try:
            yield
        except LabError as error:
            self._transcript.say(PLUGIN, f"{type(error).__name__}: {error}")
            raise

    def close(self) -> None:
        """See Channel.close."""
        self._channel.close()


def _json(message: object) -> str:
    try:
        return msgspec.json.encode(message).decode()
    except (UnicodeEncodeError, TypeError):  # a lone surrogate; what a vector sends unchecked
        return repr(message)


class Side(ABC):
    """One end of what a relay connects. inlet and outlet are descriptors to poll."""

    inlet: int

    @property
    @abstractmethod
    def outlet(self) -> int:
        """The descriptor that is written to; -1 once it is closed."""

    @abstractmethod
    def read(self) -> bytes:
        """What has come; nothing at the end."""

    @abstractmethod
    def write(self, data: bytes) -> int:
        """Write without waiting, and return how many bytes. Raises OSError if nobody takes any."""

    @abstractmethod
    def end(self) -> None:
        """End this side's sending."""

    @abstractmethod
    def close(self) -> None:
        """Close it. A second time does nothing."""


class SocketSide(Side):
    """A connected socket."""

    def __init__(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        self._socket = connection
        self.inlet = connection.fileno()

    @property
    def outlet(self) -> int:
        """See Side.outlet."""
        return self.inlet

    def read(self) -> bytes:
        """See Side.read."""
        try:
            return self._socket.recv(CHUNK)
        except OSError:  # a connection that was reset has ended, too
            return b""

    def write(self, data: bytes) -> int:
        """See Side.write."""
        try:
            return self._socket.send(data)
        except BlockingIOError:
            return 0

    def end(self) -> None:
        """See Side.end."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """See Side.close."""
        self._socket.close()


class PipeSide(Side):
    """Two pipes. The reader is this side's own copy, as others may close theirs at any time.

    The writer cannot be a copy: the plugin would not see the end of its stdin.
    """

    def __init__(self, reader: FileIO, writer: FileIO) -> None:
        self._reader = FileIO(os.dup(reader.fileno()), "rb")
        self.inlet = self._reader.fileno()
        self._writer = writer
        os.set_blocking(writer.fileno(), False)

    @property
    def outlet(self) -> int:
        """See Side.outlet."""
        try:
            return self._writer.fileno()
        except ValueError:
            return -1

    def read(self) -> bytes:
        """See Side.read."""
        return self._reader.read(CHUNK) or b""

    def write(self, data: bytes) -> int:
        """See Side.write."""
        try:
            return self._writer.write(data) or 0
        except ValueError as error:  # closed
            raise BrokenPipeError from error

    def end(self) -> None:
        """See Side.end."""
        with contextlib.suppress(OSError):
            self._writer.close()

    def close(self) -> None:
        """See Side.close."""
        self.end()
        self._reader.close()


class Way:
    """One direction: what has come from its source and is not yet written to its sink.

    over: nothing more will pass.
    """

    def __init__(self, source: Side, sink: Side, spoken: Spoken) -> None:
        self.source, self.sink, self._spoken = source, sink, spoken
        self._pending = b""
        self.over = False

    def asks(self) -> tuple[int, int]:
        """The descriptor that it waits for, and what for. A closed one ends it."""
        if not self._pending:
            return self.source.inlet, select.POLLIN
        if self.sink.outlet < 0:
            self.over = True
        return self.sink.outlet, select.POLLOUT

    def move(self) -> None:
        """Read or write, whichever it waited for."""
        if not self._pending:
            self._pending = self.source.read()
            if not self._pending:
                self._spoken.end()
                self.sink.end()
                self.over = True
                return
            self._spoken.take(self._pending)
        try:
            self._pending = self._pending[self.sink.write(self._pending) :]
        except OSError:  # nobody takes it
            self._pending = b""
            self.over = True


class Relay:
    """Stands before a plugin's endpoint. endpoint: what to connect to instead."""

    def __init__(self, plugin: SocketEndpoint | StdioEndpoint, transcript: Transcript) -> None:
        self._transcript = transcript
        self._acceptor: threading.Thread | None = None
        self._connections: list[threading.Thread] = []
        self._undo = contextlib.ExitStack()
        self._stopped = os.eventfd(0)
        self._undo.callback(os.close, self._stopped)
        self.endpoint: SocketEndpoint | StdioEndpoint
        try:
            if isinstance(plugin, SocketEndpoint):
                self.endpoint = self._listen(plugin)
            else:
                self.endpoint = self._pipes(plugin)
        except BaseException:
            self.close()
            raise

    def _pipes(self, plugin: StdioEndpoint) -> StdioEndpoint:
        reader, there_out = self._pipe()
        there_in, writer = self._pipe()
        host, process = PipeSide(there_in, there_out), PipeSide(plugin.reader, plugin.writer)
        there_in.close()  # the side has a copy
        self._undo.callback(plugin.reader.close)
        self._connect(host, process, "")
        return StdioEndpoint(reader, writer)

    def _pipe(self) -> tuple[FileIO, FileIO]:
        """The ends of a new pipe: what is read, and what is written."""
        reader, writer = (FileIO(fd, mode) for fd, mode in zip(os.pipe(), "rw", strict=True))
        self._undo.callback(reader.close)
        self._undo.callback(writer.close)
        return reader, writer

    def _listen(self, plugin: SocketEndpoint) -> SocketEndpoint:
        path = new_socket_path(self._undo, "relay")
        listener = self._undo.enter_context(socket.socket(socket.AF_UNIX))
        listener.setblocking(False)
        listener.bind(path)
        self._undo.callback(os.unlink, path)
        listener.listen(BACKLOG)
        arguments = (listener, plugin.path)
        self._acceptor = threading.Thread(target=self._accept, args=arguments, daemon=True)
        self._acceptor.start()
        return replace(plugin, path=path)

    def _accept(self, listener: socket.socket, path: str) -> None:
        asked = {self._stopped: select.POLLIN, listener.fileno(): select.POLLIN}
        while self._stopped not in _ready(asked):
            try:
                host, _ = listener.accept()
            except OSError:  # it has gone again
                continue
            on = str(len(self._connections) + 1)
            plugin = socket.socket(socket.AF_UNIX)
            plugin.settimeout(CONNECT_SECONDS)
            try:
                plugin.connect(path)
            except OSError as error:
                self._transcript.say(PLUGIN, f"(takes no connection: {error})", on)
                host.close()
                plugin.close()
                continue
            self._connect(SocketSide(host), SocketSide(plugin), on)

    def _connect(self, *sides_and_name: Any) -> None:
        thread = threading.Thread(target=self._pass_on, args=sides_and_name, daemon=True)
        self._connections.append(thread)
        thread.start()

    def _pass_on(self, host: Side, plugin: Side, on: str) -> None:
        """Pass on what comes, until both directions are over or the relay is closed."""
        there = Way(host, plugin, Spoken(self._transcript, HOST, on))
        back = Way(plugin, host, Spoken(self._transcript, PLUGIN, on))
        try:
            while not (there.over and back.over):
                asked = {self._stopped: select.POLLIN}
                if not back.over:  # to hear that the host has gone
                    asked[host.outlet] = 0
                waiting = [(way, *way.asks()) for way in (there, back) if not way.over]
                for _, descriptor, event in waiting:
                    asked[descriptor] = asked.get(descriptor, 0) | event
                ready = _ready(asked)
                if self._stopped in ready:
                    return
                for way, descriptor, event in waiting:
                    if ready.get(descriptor, 0) & (event | GONE):
                        way.move()
                if ready.get(host.outlet, 0) & GONE:
                    back.over = True  # nobody is there to read
        finally:
            host.close()
            plugin.close()

    def close(self) -> None:
        """Pass on what is on its way, end the connections, and wait for the threads."""
        if self._stopped < 0:
            return
        end = time.monotonic() + LAST_SECONDS
        for thread in self._connections:
            thread.join(max(0.0, end - time.monotonic()))
        os.eventfd_write(self._stopped, 1)
        if self._acceptor is not None:
            self._acceptor.join(JOIN_SECONDS)
        for thread in self._connections:
            thread.join(JOIN_SECONDS)
        self._undo.close()
        self._stopped = -1


def _ready(asked: dict[int, int]) -> dict[int, int]:
    """Wait until a descriptor is ready. What is asked for none is told when the peer has gone."""
    poll = select.poll()
    for descriptor, events in asked.items():
        if descriptor >= 0:
            poll.register(descriptor, events)
    return dict(poll.poll())
