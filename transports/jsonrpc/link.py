"""The host's end of the two pipes: who waits for a reply, reads.

There is no reader thread. Of the threads that wait on a link one leads: it polls both pipes,
writes what did not fit before, reads lines and puts each into the inbox of its call. The others
sleep, each at its call's gate. When the leader has what it waits for it leaves, and opens the gate
of another, who then leads. A lone caller therefore costs one write, one poll and one read, and no
thread is switched.

The leader polls for writing as well as for reading, so that a plugin that first wants its replies
taken cannot deadlock with a host that first wants its request taken. A thread that must look again
for another reason (a cancellation, close()) is woken by its gate, or by an eventfd in the leader's
poll.

A link that has failed stays failed: each later use raises what it failed with.
"""

import os
import select
import threading
from typing import Any, BinaryIO

from transportlab.errors import (
    ChannelClosed,
    ConnectionLost,
    ProtocolViolation,
    TransportError,
    cancelled,
    deadline_exceeded,
)
from transports.jsonrpc.call import MAX_POLL_SECONDS, Call
from transports.jsonrpc.messages import Incoming, Reply, cancel_line, parse, parse_reply, violation
from transports.jsonrpc.outbox import Outbox
from transports.jsonrpc.wire import LineReader, Oversized, excerpt

READ_BYTES = 64 * 1024
"""Asked for in one read: what a pipe holds unless it was made larger."""


Failure = tuple[type[TransportError], str]


class Link:
    """See the module. Safe to use from several threads."""

    def __init__(self, reader: BinaryIO, writer: BinaryIO) -> None:
        self._files = (reader, writer)
        self._in, self._out = reader.fileno(), writer.fileno()
        os.set_blocking(self._out, False)
        self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._to_read, self._to_read_and_write = select.poll(), select.poll()
        for poll in (self._to_read, self._to_read_and_write):
            poll.register(self._in, select.POLLIN)
            poll.register(self._wake, select.POLLIN)
        self._to_read_and_write.register(self._out, select.POLLOUT)
        self._lines = LineReader()
        self._outbox = Outbox(self._out)
        # Reentrant, because a signal handler may cancel a call in the thread that holds it.
        self._mutex = threading.RLock()
        self._calls: dict[int, Call] = {}
        self._abandoned: set[int] = set()
        self._followers: dict[int, Call] = {}
        self._leading = False
        self._failure: Failure | None = None
        self._closed = False

    def send(self, call: Call, line: bytes) -> None:
        """Register a call and write its line, or as much of it as the pipe takes now."""
        with self._mutex:
            if self._failure is not None:
                raise self._error(self._failure)
            self._calls[call.id] = call
            self._post(call.id, line)

    def receive(self, call: Call) -> Incoming | Reply[Any]:
        """The next message for the call. Raises RpcError for its deadline and its cancellation."""
        while not call.inbox:
            left = call.left()
            with self._mutex:
                if call.inbox:
                    break
                if self._failure is not None:
                    raise self._error(self._failure)
                if call.cancelled:
                    raise cancelled()
                if left is not None and left <= 0:
                    raise deadline_exceeded()
                leads = not self._leading
                if leads:
                    self._leading = True
                else:
                    self._follow(call)
            if leads:
                self._lead(call)
            else:
                call.sleep(left)
        return call.inbox.popleft()

    def finish(self, call: Call) -> None:
        """Forget a call; one that has had no response is cancelled at the plugin (P-CANCEL-1)."""
        if call.id not in self._calls and not self._followers:
            return
        with self._mutex:
            self._followers.pop(call.id, None)
            self._promote()
            unanswered = self._calls.pop(call.id, None) is not None
            if not unanswered or self._failure is not None or self._outbox.withdraw(call.id):
                return
            self._abandoned.add(call.id)
            self._post(0, cancel_line(call.id))

    def wake(self, call: Call) -> None:
        """Make the call's thread look again."""
        with self._mutex:
            if self._followers.pop(call.id, None) is not None:
                call.open()
            else:
                self._wake_leader()

    def close(self) -> None:
        """Close both pipes; calls in flight raise ChannelClosed."""
        with self._mutex:
            if self._closed:
                return
            self._closed = True
            self._fail(ChannelClosed, "the channel is closed")
            if not self._leading:
                self._close_files()

    # ---- what follows is called with the mutex held, unless it says otherwise

    @staticmethod
    def _error(failure: Failure) -> TransportError:
        # A new one each time: an exception that several threads raise mixes up their tracebacks.
        kind, text = failure
        return kind(text)

    def _post(self, owner: int, line: bytes) -> None:
        try:
            self._outbox.push(owner, line)
        except OSError as error:
            self._fail(ConnectionLost, f"the plugin does not read any more: {error}")
        if self._outbox.queue:
            self._wake_leader()

    def _follow(self, call: Call) -> None:
        call.prepare()
        self._followers[call.id] = call

    def _promote(self) -> None:
        if not self._leading and self._followers:
            self._followers.popitem()[1].open()

    def _wake_leader(self) -> None:
        if self._leading:
            os.eventfd_write(self._wake, 1)

    def _fail(self, kind: type[TransportError], text: str) -> None:
        if self._failure is None or kind is ChannelClosed:
            self._failure = (kind, text)
        while self._followers:
            self._followers.popitem()[1].open()
        self._wake_leader()

    def _close_files(self) -> None:
        for file in self._files:
            file.close()
        os.close(self._wake)

    # ---- the leader's part: without the mutex

    def _lead(self, call: Call) -> None:
        try:
            while not (call.inbox or call.cancelled or self._failure):
                left = call.left()
                if left is not None and left <= 0:
                    return
                self._turn(call, left)
        finally:
            with self._mutex:
                self._leading = False
                if self._closed:
                    self._close_files()
                if self._followers:
                    self._promote()

    def _turn(self, call: Call, left: float | None) -> None:
        """One poll, and what it brings."""
        poll = self._to_read_and_write if self._outbox.queue else self._to_read
        timeout = None if left is None else min(left, MAX_POLL_SECONDS) * 1000
        for descriptor, _ in poll.poll(timeout):
            if descriptor == self._in:
                self._read(call)
            elif descriptor == self._out:
                self._flush()
            else:
                os.eventfd_read(self._wake)

    def _flush(self) -> None:
        with self._mutex:
            try:
                self._outbox.flush()
            except OSError as error:
                self._fail(ConnectionLost, f"the plugin does not read any more: {error}")

    def _read(self, call: Call) -> None:
        try:
            data = os.read(self._in, READ_BYTES)
            if not data:
                rest = self._lines.unfinished
                where = f" in the middle of a line: {excerpt(rest)}" if rest else ""
                raise ConnectionLost(f"the plugin closed the connection{where}")
            for line in self._lines.feed(data):
                self._deliver(line, call)
        except TransportError as error:
            with self._mutex:
                self._fail(type(error), str(error))
        except OSError as error:
            with self._mutex:
                self._fail(ConnectionLost, f"the plugin cannot be read from: {error}")

    def _deliver(self, line: bytes | Oversized, leader: Call) -> None:
        if isinstance(line, Oversized):
            raise ProtocolViolation(f"the plugin sent a line of {line.size} bytes")
        if leader.decoder is not None and leader.id in self._calls:
            reply = parse_reply(line, leader.id, leader.decoder)
            if reply is not None:
                del self._calls[leader.id]
                leader.inbox.append(reply)
                return
        message = parse(line)
        event = message.params
        number = message.id if event is None else event.id
        with self._mutex:
            if number in self._abandoned:
                if event is None:
                    self._abandoned.discard(number)
                return
            call = self._calls.get(number) if number is not None else None
            if call is None or number is None:
                text = "" if message.error is None else f' with the error "{message.error.message}"'
                raise violation(f"a message for no call in flight{text}", line)
            if event is None:
                del self._calls[number]
            call.deliver(message, len(line))
            if self._followers.pop(number, None) is not None:
                call.open()
