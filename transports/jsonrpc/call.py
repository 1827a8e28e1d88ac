"""One call in flight on the host's side: what has come for it, and how its thread is woken."""

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from transportlab.errors import MAX_MESSAGE_BYTES, ProtocolViolation
from transports.jsonrpc.messages import Incoming, Reply, ReplyDecoder

MAX_POLL_SECONDS = 3600.0
"""Longest single poll or wait: beyond some weeks the operating system takes no number."""

MAX_WAITING_BYTES = 4 * MAX_MESSAGE_BYTES
"""Of events that nobody takes while others have the pipe read; the largest plan has fewer."""


class Call:
    """Its thread waits at a gate that others open; wake is what makes the thread look again."""

    __slots__ = ("_gate", "_wake", "cancelled", "deadline", "decoder", "id", "inbox", "waiting")

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
        self.inbox: deque[Incoming | Reply[Any]] = deque()
        self.waiting = 0
        self.cancelled = False
        self._wake = wake
        self._gate = threading.Lock()

    def cancel(self) -> None:
        """Make the call's thread raise CANCELLED; from any thread."""
        self.cancelled = True
        self._wake(self)

    def deliver(self, message: Incoming, size: int) -> None:
        """What has come, and the bytes of its line. Raises ProtocolViolation for a flood."""
        self.waiting = size + (self.waiting if self.inbox else 0)
        if self.waiting > MAX_WAITING_BYTES:
            problem = "more events wait to be taken than any plan has"
            raise ProtocolViolation(f"{problem}: {self.waiting} bytes")
        self.inbox.append(message)

    def left(self) -> float | None:
        """Seconds until the deadline, None without one."""
        return None if self.deadline is None else self.deadline - time.monotonic()

    def prepare(self) -> None:
        """Close the gate, before others are told that the thread will sleep."""
        self._gate.acquire(blocking=False)

    def sleep(self, seconds: float | None) -> None:
        """Wait until the gate is opened, at most so long; it is closed afterwards."""
        self._gate.acquire(timeout=-1 if seconds is None else min(seconds, MAX_POLL_SECONDS))

    def open(self) -> None:
        """Let the thread go on: once for each prepare()."""
        self._gate.release()
