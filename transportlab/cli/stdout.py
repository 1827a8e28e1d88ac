"""The stdout of an operation: its own, and written as a whole or with an error."""

import select
import sys
from io import FileIO, RawIOBase, TextIOWrapper
from typing import Any, BinaryIO, cast

from rich.console import Console

from transportlab.sdk import claim_stdout

NOT_A_TERMINAL_WIDTH = 10_000
"""Columns of a table that goes into a file or a pipe, where nothing need be wrapped."""


class Whole(RawIOBase):
    """Writes all that it is given, or raises OSError.

    One write takes a part at a signal, of a disk that gets full, and into a pipe that does not
    block; a TextIOWrapper then loses the rest, and nobody hears of it.
    """

    def __init__(self, file: FileIO) -> None:
        self._file = file

    def writable(self) -> bool:
        """As in RawIOBase."""
        return True

    def write(self, data: Any) -> int:
        """As in RawIOBase, but for what is said above."""
        rest = memoryview(data)
        while rest:
            taken = self._file.write(rest)
            if taken is None:  # a pipe that does not block, and is full
                poll = select.poll()
                poll.register(self._file, select.POLLOUT)
                poll.poll()
            else:
                rest = rest[taken:]
        return len(data)


def private_stdout() -> Console:
    """A console on the real stdout; what a backend in this process prints goes to stderr."""
    terminal = sys.stdout.isatty()
    file = TextIOWrapper(
        cast("BinaryIO", Whole(claim_stdout())), encoding="utf-8", errors="backslashreplace"
    )
    return Console(
        file=file,
        highlight=False,
        markup=False,
        emoji=False,
        force_terminal=terminal,
        width=None if terminal else NOT_A_TERMINAL_WIDTH,
    )
