"""The plugin's side: a few threads that take turns at reading stdin.

The thread that reads a call also answers it, so that no call is handed from thread to thread. All
threads that have nothing else to do wait in one epoll, in which at most one descriptor is armed,
for one wake-up (EPOLLONESHOT): the kernel picks the thread whose turn it is. That thread reads,
picks a line, arms the epoll for the next thread, and answers. When there are lines left, or none
will come any more, it arms instead an eventfd that is always readable. Compared with a lock
around the reading, this spares each call the waking of a second thread that competes for the
interpreter.

A thread is made when none is left to wait. If none is to be had the next call is read when one has
been answered. There are never more than MAX_CALLS + 1, because the
thread whose turn it is refuses what would need another (P-LIMIT-2). It also carries out
cancellations before anybody else's turn, so that they never wait for calls (P-JSONRPC-4).
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
"""Asked for in one read: what a pipe holds unless it was made larger."""

GRACE_SECONDS = 1.0
"""How long cancelled calls may take to end before the plugin ends without them (P-STOP-2)."""

_ONCE = select.EPOLLIN | select.EPOLLONESHOT


class Server:
    """Serves one backend on one pair of pipes, once."""

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
        """Serve until the host is gone or the plugin's life is over; then cancel what goes on.

        Raises ConnectionLost if the endpoint's reader is a file, which brings nothing later on.
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
        """Wait for this thread's turn until it brings something to answer; None at the end."""
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
        """Give the next thread its turn: now, or when something has come."""
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
        """What needs a thread to answer it, after what is dealt with at once."""
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
        """Count one more call and see to it that a thread is left; False if there are too many."""
        with self._count:
            if self._busy == MAX_CALLS:
                return False
            self._busy += 1
            if self._busy == self._threads:
                with suppress(RuntimeError):  # this thread reads on when it has answered
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
        """The host is gone: nobody is left to call, to answer, or to complain to."""
        self._ended = True
        self._life.stop()


def _cancels(request: Any) -> bool:
    """Whether it is the notification `cancel`."""
    return isinstance(request, dict) and request.get("method") == "cancel" and "id" not in request
