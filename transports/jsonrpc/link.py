"""The host's end of the two pipes: whoever waits for a reply reads.

Theory of operation. There is no reader thread. Any number of threads wait on a link, each for its
own call, and at most one of them leads:

    state      what the thread does                          what ends it
    leading    polls both pipes; reads and writes for all    its own message; its call's deadline or
                                                             cancellation; the link's failure
    following  sleeps at its call's gate                     the gate is opened; the deadline passes

A thread that enters receive() leads if nobody does, else it follows. The leader puts each message
into the inbox of its call, and opens the gate of a call that another thread waits for. When the
leader is done it opens the gate of one follower, who then leads. So a lone caller costs one write,
one poll and one read, and no thread is switched; a reader thread would add a switch to each reply.

Who may touch what:

- The mutex guards the tables (calls, followers, abandoned), the outbox, the failure and who leads.
  One exception keeps the usual call cheap: the leader removes its own call from `calls` without the
  mutex. No other thread removes that entry meanwhile, and one operation on a dict is atomic.
- Only the leader reads, so the LineReader needs no lock. It polls and reads without the mutex, so
  that others can send meanwhile.
- Whoever takes a call out of `followers`, under the mutex, opens its gate; only the call's own
  thread, which is awake, need not.

Three cases that the design has to get right:

- Both pipes are full. While the outbox holds something the leader polls for writing as well as for
  reading. So a plugin that first wants its replies taken cannot deadlock with a host that first
  wants its request taken.
- A thread has to look again although nothing came for it: after a cancellation, close(), or new
  lines in the outbox. A follower is woken by its gate, the leader by an eventfd in its poll.
- A call is given up before its response. Its request is withdrawn if none of it has been written.
  Else the plugin is told, and the id goes to `abandoned`, so that what still comes for it is
  dropped: a message for an unknown id is a violation of the protocol.

A link that has failed stays failed: each later use raises what it failed with.
"""

import errno
import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, BinaryIO

from transportlab.errors import (
    MAX_MESSAGE_BYTES,
    ChannelClosed,
    ConnectionLost,
    ProtocolViolation,
    TransportError,
    cancelled,
    deadline_exceeded,
)
from transports.jsonrpc.messages import (
    Incoming,
    Reply,
    ReplyDecoder,
    cancel_line,
    is_exact,
    parse,
    parse_reply,
    repeated,
    violation,
)
from transports.jsonrpc.outbox import Outbox
from transports.jsonrpc.wire import LineReader, Oversized, excerpt

READ_BYTES = 64 * 1024
"""Asked for in one read: what a pipe holds unless it was made larger."""

MAX_POLL_SECONDS = 3600.0
"""Longest single poll or wait. The operating system refuses numbers beyond some weeks."""

MAX_WAITING_BYTES = 4 * MAX_MESSAGE_BYTES
"""Most memory of the events in one inbox: those that nobody takes while others read the pipe.

The largest plan needs less.
"""

EVENT_BYTES = 256
"""Memory of a waiting event beside its line: what its objects take, measured with tracemalloc."""

Failure = tuple[type[TransportError], str]
"""What a link has failed with: the class and the text of what to raise."""


class Call:
    """One call in flight: what has come for it, and the gate where its thread sleeps.

    deadline is on time.monotonic(), None for none. decoder reads the one reply of a unary call; a
    stream has none. wake makes the call's thread look again.
    """

    __slots__ = (
        "_gate",
        "_wake",
        "cancelled",
        "deadline",
        "decoder",
        "held",
        "id",
        "inbox",
        "taken",
    )

    def __init__(
        self,
        number: int,
        deadline: float | None,
        decoder: ReplyDecoder | None,
        wake: Callable[["Call"], None],
    ) -> None:
        self.id = number
        self.decoder = decoder
        self.deadline = deadline
        self.inbox: deque[tuple[Incoming | Reply[Any] | ProtocolViolation, int]] = deque()
        # All bytes that came and that were taken. Each is one thread's to write: the leader's, and
        # the call's own.
        self.held = self.taken = 0
        self.cancelled = False
        self._wake = wake
        self._gate = threading.Lock()

    def cancel(self) -> None:
        """Make the call's thread raise CANCELLED; from any thread."""
        self.cancelled = True
        self._wake(self)

    def deliver(self, message: Incoming | ProtocolViolation, size: int) -> None:
        """Put a message into the inbox; size is its line's, in bytes.

        Raises ProtocolViolation if more than MAX_WAITING_BYTES wait there.
        """
        size += EVENT_BYTES
        waiting = self.held - self.taken + size
        if waiting > MAX_WAITING_BYTES:
            problem = "more events wait to be taken than any plan has"
            raise ProtocolViolation(f"{problem}: {waiting} bytes")
        self.held += size
        self.inbox.append((message, size))

    def take(self) -> Incoming | Reply[Any]:
        """Take the first message out of the inbox. Raises the ProtocolViolation that it may be."""
        message, size = self.inbox.popleft()
        self.taken += size
        if isinstance(message, ProtocolViolation):
            raise message
        return message

    def left(self) -> float | None:
        """Seconds until the deadline, None without one."""
        return None if self.deadline is None else self.deadline - time.monotonic()

    def prepare(self) -> None:
        """Close the gate. Called before others are told that the thread will sleep."""
        self._gate.acquire(blocking=False)

    def sleep(self, seconds: float | None) -> None:
        """Wait until the gate is opened, at most so many seconds; it is closed afterwards."""
        self._gate.acquire(timeout=-1 if seconds is None else min(seconds, MAX_POLL_SECONDS))

    def open(self) -> None:
        """Open the gate; called by whoever takes the call out of the followers."""
        self._gate.release()


class Link:
    """Two pipes with calls in flight. Safe to use from several threads."""

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
        """Wait for the next message for the call.

        Raises RpcError DEADLINE_EXCEEDED or CANCELLED, or the TransportError that the link has
        failed with.
        """
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
        return call.take()

    def finish(self, call: Call) -> None:
        """Forget a call. If it had no response yet, cancel it at the plugin (P-CANCEL-1)."""
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

    # ---- called with the mutex held

    @staticmethod
    def _error(failure: Failure) -> TransportError:
        # A new one each time: if several threads raise one exception, their tracebacks mix.
        kind, text = failure
        return kind(text)

    def _post(self, owner: int, line: bytes) -> None:
        try:
            self._check_writer()
            self._outbox.push(owner, line)
        except OSError as error:
            self._fail(ConnectionLost, f"the plugin does not read any more: {error}")
        if self._outbox.queue:
            self._wake_leader()

    def _check_writer(self) -> None:
        """Raise OSError if whoever stops the plugin has closed its stdin.

        The descriptor's number may then be another plugin's.
        """
        if self._files[1].closed:
            raise BrokenPipeError(errno.EPIPE, "its stdin is closed")

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

    # ---- the leader's part, called without the mutex

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
        """Poll once and handle what it brings."""
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
                self._check_writer()
                self._outbox.flush()
            except OSError as error:
                self._fail(ConnectionLost, f"the plugin does not read any more: {error}")

    def _read(self, call: Call) -> None:
        try:
            if self._files[0].closed:  # see _check_writer()
                raise ConnectionLost("the plugin's stdout is closed")
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
        reply = None
        if leader.decoder is not None and leader.id in self._calls:
            reply = parse_reply(line, leader.id, leader.decoder)
        twice = None if reply is not None and is_exact(reply, line) else repeated(line)
        if reply is not None and twice is None:
            del self._calls[leader.id]
            leader.inbox.append((reply, 0))
            return
        message = parse(line)
        event = message.params
        # Its own id says to which call a reply belongs, unless it is not certain which id that is.
        if twice is not None and (twice.outermost or event is not None):
            raise violation(f"a line that is not clear: {twice}", line)
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
            wrong = (
                None if twice is None else violation(f"a reply that is not clear: {twice}", line)
            )
            call.deliver(wrong or message, len(line))
            if self._followers.pop(number, None) is not None:
                call.open()
