"""The plugin's side: a few threads that take turns at reading stdin.

Theory of operation. The thread that reads a call also answers it, so no call is handed from thread
to thread. One turn:

    wait    in epoll.poll(), with all other threads that have nothing to do
    read    what stdin has, if stdin is what woke the thread
    pick    the first line that needs a thread: parse it, and do what needs none at once
    arm     let the next thread be woken: now, if lines are left or at the end; else by stdin
    answer  the call that was picked; then wait again

The turn itself is the lock: everything up to "arm" is done by one thread at a time. All threads
wait in one epoll, in which at most one descriptor is armed, for one wake-up (EPOLLONESHOT). So the
kernel picks the one thread whose turn it is. Two descriptors can be armed: stdin, or an eventfd
that is always readable. With a lock around the reading instead, each call would wake a second
thread, which then competes for the interpreter.

How many threads there are:

- There is at least one more than calls are carried out, so that somebody reads. A thread that picks
  a call makes another one if no other waits. If the system has no thread to give, the next call is
  read when one has been answered.
- There are never more than MAX_CALLS + 1. The thread whose turn it is refuses a call that would
  need another (P-LIMIT-2).

What is done within the turn, so that it never waits for calls: lines that are no JSON or too long
are answered, and cancellations are carried out (P-JSONRPC-4).

The end. It comes when stdin ends, when stdout cannot be written, or when the plugin's life is over.
run() then cancels the calls in flight and gives them GRACE_SECONDS. Each thread that waits is woken
by the one before it, sees the end, and arms for the next; the last one closes the descriptors.
"""

import os
import select
import threading
from collections import deque
from contextlib import suppress
from typing import Any

from transportlab.backend import Backend
from transportlab.channel import Lifecycle, StdioEndpoint
from transportlab.errors import MAX_CALLS, ConnectionLost, message_too_large
from transports.jsonrpc.engine import Engine, Unparsable, failure, parse, refuse
from transports.jsonrpc.service import Delivery, Service
from transports.jsonrpc.wire import LineReader, Oversized, to_wire

READ_BYTES = 64 * 1024
"""How much one read asks for: what a pipe holds unless it was made larger."""

GRACE_SECONDS = 1.0
"""How long cancelled calls may take to end before the plugin ends without them (P-STOP-2)."""

_ONCE = select.EPOLLIN | select.EPOLLONESHOT


class Server:
    """Serves one backend on one pair of pipes, once. _count guards _busy and _threads."""

    def __init__(self, backend: Backend, endpoint: StdioEndpoint, life: Lifecycle) -> None:
        self._life = life
        self._in = endpoint.reader.fileno()
        self._out = endpoint.writer.fileno()
        self._service = Service(backend, self._write)
        self._engine = Engine(self._service.methods())
        self._lines: deque[bytes | Oversized] = deque()
        self._cutter = LineReader()
        self._writing = threading.Lock()
        self._count = threading.Condition()
        self._busy = 0
        self._threads = 0
        self._ended = False
        self._epoll = select.epoll()
        self._ready = os.eventfd(1, os.EFD_CLOEXEC)
        self._epoll.register(self._ready, 0)

    def run(self) -> None:
        """Serve until the host is gone or the plugin's life is over, then cancel the calls.

        Raises ConnectionLost if the endpoint's reader is a file, which epoll cannot wait for.
        """
        try:
            self._epoll.register(self._in, _ONCE)
        except PermissionError:
            self._close()
            raise ConnectionLost("stdin is neither a pipe nor a socket") from None
        with self._count:
            self._add_thread()
        self._life.ready()
        self._life.wait()
        self._ended = True
        self._service.stop()
        with self._count:
            if self._threads:
                self._arm()
            self._count.wait_for(lambda: self._busy == 0, GRACE_SECONDS)

    def _add_thread(self) -> None:
        threading.Thread(target=self._work, name="jsonrpc", daemon=True).start()
        self._threads += 1

    def _work(self) -> None:
        while (delivery := self._take()) is not None:
            try:
                self._reply(self._engine.answer(delivery.requests, delivery.origin))
            finally:
                self._service.finish(delivery)
                with self._count:
                    self._busy -= 1
                    self._count.notify_all()
        with self._count:
            self._threads -= 1
            if not self._threads:
                self._close()

    def _close(self) -> None:
        self._epoll.close()
        os.close(self._ready)

    def _take(self) -> Delivery | None:
        """Take turns until one brings a call to answer; None at the end."""
        delivery = None
        while delivery is None and not self._ended:
            [(descriptor, _)] = self._epoll.poll(maxevents=1)
            try:
                if descriptor == self._in and not self._ended:
                    self._read()
                delivery = self._pick()
            finally:
                self._arm()
        return delivery

    def _arm(self) -> None:
        """Give the next thread its turn: now, or when stdin has something."""
        descriptor = self._ready if self._lines or self._ended else self._in
        self._epoll.modify(descriptor, _ONCE)

    def _read(self) -> None:
        try:
            data = os.read(self._in, READ_BYTES)
        except OSError:
            data = b""
        if not data:
            self._end()
        self._lines.extend(self._cutter.feed(data))

    def _pick(self) -> Delivery | None:
        """The next line that needs a thread. What needs none is answered on the way."""
        delivery = None
        while self._lines and not self._ended and delivery is None:
            line = self._lines.popleft()
            if isinstance(line, Oversized):
                self._reply(failure(to_wire(message_too_large(line.size))))
                continue
            try:
                delivery = self._accept(Delivery(parse(line), len(line)))
            except Unparsable as problem:
                self._reply(problem.reply)
        return delivery

    def _accept(self, delivery: Delivery) -> Delivery | None:
        if _cancels(delivery.requests):
            self._reply(self._engine.answer(delivery.requests, delivery.origin))
        elif not self._begin():
            self._reply(refuse(delivery.requests))
        else:
            self._service.accept(delivery)
            return delivery
        return None

    def _begin(self) -> bool:
        """Count one more call and keep a thread waiting; False if there are too many calls."""
        with self._count:
            if self._busy == MAX_CALLS:
                return False
            self._busy += 1
            if self._busy == self._threads:
                with suppress(RuntimeError):  # no thread to be had: this one reads on later
                    self._add_thread()
        return True

    def _reply(self, line: bytes | None) -> None:
        if line is not None:
            self._write(line)

    def _write(self, line: bytes) -> None:
        rest = memoryview(line + b"\n")
        try:
            with self._writing:
                while rest:
                    rest = rest[os.write(self._out, rest) :]
        except OSError:
            self._end()

    def _end(self) -> None:
        """Stop the plugin, because the host is gone: nobody is left to answer or to complain to."""
        self._ended = True
        self._life.stop()


def _cancels(request: Any) -> bool:
    """Whether the request is the notification `cancel`."""
    return isinstance(request, dict) and request.get("method") == "cancel" and "id" not in request
