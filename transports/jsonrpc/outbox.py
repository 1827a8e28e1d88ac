"""Writes lines to a pipe that may be full, and keeps what the pipe did not take yet."""

import os
from collections import deque

import msgspec


class _Unsent(msgspec.Struct, eq=False):
    owner: int
    rest: memoryview
    begun: bool


class Outbox:
    """Lines for a non-blocking descriptor. Not safe to use from several threads.

    push() and flush() raise OSError once the peer is gone.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.queue: deque[_Unsent] = deque()
        """What is still to be written, in order."""

    def push(self, owner: int, line: bytes) -> None:
        """Write a line after all earlier ones: now as much as the pipe takes, the rest later."""
        sent = 0
        if not self.queue:
            sent = self._write(line)
            if sent == len(line):
                return
        self.queue.append(_Unsent(owner, memoryview(line)[sent:], sent > 0))

    def flush(self) -> None:
        """Write as much as the pipe takes now."""
        while self.queue:
            first = self.queue[0]
            sent = self._write(first.rest)
            if sent < len(first.rest):
                first.begun |= sent > 0
                first.rest = first.rest[sent:]
                return
            self.queue.popleft()

    def withdraw(self, owner: int) -> bool:
        """Take the owner's line back if nothing of it has been written; False if it has."""
        for unsent in self.queue:
            if unsent.owner == owner and not unsent.begun:
                self.queue.remove(unsent)
                return True
        return False

    def _write(self, data: bytes | memoryview) -> int:
        try:
            return os.write(self._descriptor, data)
        except BlockingIOError:
            return 0
