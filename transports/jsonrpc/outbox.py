"""What is still to be written to a pipe that may be full."""

import os
from collections import deque
from dataclasses import dataclass


@dataclass(slots=True, eq=False)
class _Unsent:
    owner: int
    rest: memoryview
    begun: bool


class Outbox:
    """Writes lines to a non-blocking descriptor and keeps what it does not take.

    Not safe to use from several threads. Both ways to write raise OSError once the peer is gone.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.queue: deque[_Unsent] = deque()
        """What waits for the pipe to take it."""

    def push(self, owner: int, line: bytes) -> None:
        """Write a line after all those before it, now as far as the pipe takes it."""
        sent = 0
        if not self.queue:
            sent = self._write(line)
            if sent == len(line):
                return
        self.queue.append(_Unsent(owner, memoryview(line)[sent:], sent > 0))

    def flush(self) -> None:
        """Write what the pipe takes now."""
        while self.queue:
            first = self.queue[0]
            sent = self._write(first.rest)
            if sent < len(first.rest):
                first.begun |= sent > 0
                first.rest = first.rest[sent:]
                return
            self.queue.popleft()

    def withdraw(self, owner: int) -> bool:
        """Take a line back of which nothing has been written; False if there is no such line."""
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
