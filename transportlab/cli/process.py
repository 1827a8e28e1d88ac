"""Signals that end a command, and what they do to it while it has a session open.

Python runs a signal's handler between any two of its instructions. An exception from there, in the
middle of a library, can leave one of its locks taken for ever. So while a plugin's process is at
work nothing is raised: the signal cancels what is waited for, from a thread of its own, and the
session is closed as ever. Elsewhere, and where a backend is in this very process, which only an
exception gets out of its code, it is KeyboardInterrupt.
"""

import select
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO, RawIOBase, TextIOWrapper
from queue import SimpleQueue
from types import FrameType
from typing import Any, BinaryIO, cast

import typer
from rich.console import Console

from transportlab.cli.render import error_text
from transportlab.context import Cancellation
from transportlab.errors import LabError, UsageError
from transportlab.quote import clean
from transportlab.sdk.program import claim_stdout

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

STOP_SECONDS = 6.0
"""How long after a signal the next is ignored: a plugin's stop takes at most 5 s."""

EXIT_SIGNAL = 128
"""The exit status of a command that a signal has ended is this and the signal's number."""


class Interrupts:
    """Of this process. number is that of the first signal that was to end it, 0 before."""

    def __init__(self) -> None:
        self.number = 0
        self._last = -STOP_SECONDS
        # Its put() may be called in a handler, whatever the main thread is in the middle of.
        self._news: SimpleQueue[bool] | None = None

    @property
    def status(self) -> int:
        """The exit status of a process that the signal has ended."""
        return EXIT_SIGNAL + (self.number or signal.SIGINT)

    def heed(self) -> None:
        """From now on; but not what whoever started this process has had ignored (nohup)."""
        for number in ENDING:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._take)

    def _take(self, number: int, _frame: FrameType | None) -> None:
        now = time.monotonic()
        if now - self._last < STOP_SECONDS:
            return
        self._last, self.number = now, self.number or number
        if self._news is None:
            raise KeyboardInterrupt(number)
        self._news.put(True)

    @contextmanager
    def cancelling(self) -> Iterator[Cancellation]:
        """What a signal throws meanwhile, in place of an exception."""
        cancellation = Cancellation()
        news: SimpleQueue[bool] = SimpleQueue()

        def listen() -> None:
            while news.get():
                cancellation.cancel()

        listener = threading.Thread(target=listen, name="interrupts", daemon=True)
        try:
            listener.start()
        except RuntimeError:  # no thread is to be had, which the start of a plugin will tell
            yield cancellation
            return
        self._news = news
        try:
            yield cancellation
        finally:
            self._news = None
            news.put(False)
            listener.join()

    @contextmanager
    def raising(self) -> Iterator[None]:
        """Within cancelling(), a signal is an exception meanwhile.

        Nothing else ends the printing into a pipe that nobody reads.
        """
        news, self._news = self._news, None
        try:
            yield
        finally:
            self._news = news


interrupts = Interrupts()
"""The one of this process; what starts it (entry.py) has it heed signals."""


# The stdout of an operation: its own, and written as a whole or with an error.

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


# Errors of the commands that work on evidence: one line on stderr, and the exit code.

EXIT_ERROR = 1
EXIT_USAGE = 2

_EXTRA = ("numpy", "matplotlib")


@contextmanager
def guarded(*, error_exit: int = EXIT_ERROR) -> Iterator[None]:
    """Turn what the lab raises on purpose, and a library that is missing, into an exit."""
    try:
        yield
    except LabError as error:
        code = EXIT_USAGE if isinstance(error, UsageError) else error_exit
        _fail(error_text(error), code)
    except ModuleNotFoundError as error:
        name = (error.name or "").partition(".")[0]
        if name not in _EXTRA:
            raise
        _fail(
            f"{name} is not installed; it comes with: pip install 'transportlab[evidence]'",
            EXIT_USAGE,
        )
    except KeyboardInterrupt:
        _fail("interrupted", interrupts.status)


def _fail(text: str, code: int) -> None:
    typer.echo(f"error: {clean(text, keep_lines=True)}", err=True)
    raise typer.Exit(code) from None
