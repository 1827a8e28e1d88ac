"""The command as a process: its streams, the signals that end it, and its exit status.

A command that is ended by SIGINT, SIGTERM or SIGHUP first stops its plugin, within the bounds of
any stop. It exits with 128 and the signal's number.

Python runs a signal's handler between any two of its instructions. An exception raised there, in
the middle of a library, can leave one of the library's locks taken for ever. So while a plugin's
process is at work the handler raises nothing: it cancels what the command waits for, from a thread
of its own, and the session is closed as usual. At any other time the handler raises
KeyboardInterrupt. It also does so when the backend is in this very process, since nothing but an
exception gets out of the backend's code. Whoever catches KeyboardInterrupt says what has become of
the command and raises it again; run() alone makes an exit status of it.
"""

import os
import re
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import FileIO, RawIOBase, TextIOWrapper
from pathlib import Path
from queue import SimpleQueue
from types import FrameType
from typing import Any, BinaryIO, cast

import typer
from rich.console import Console

from transportlab.cli.render import error_text
from transportlab.context import Cancellation
from transportlab.errors import MAX_TEXT, LabError, UsageError
from transportlab.quote import clean
from transportlab.sdk.program import claim_stdout

EXIT_ERROR = 1
EXIT_USAGE = 2
EXIT_SIGNAL = 128
"""A command that a signal has ended exits with this and the signal's number."""

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

STOP_SECONDS = 6.0
"""How long after a signal the next is ignored: a plugin's stop takes at most 5 s."""

MAX_TOLD = 32 * MAX_TEXT
"""The longest error that is printed, in characters: 20 lines of a log and what stands around."""

_IMITATION = re.compile(r"(?<=\n)(?=\s*(error|warning|note):)", re.IGNORECASE)
"""The beginning of a line that looks as if it were the command's own."""

NOT_A_TERMINAL_WIDTH = 10_000
"""Columns of a table that goes into a file or a pipe, where nothing need be wrapped."""

_EXTRA = ("numpy", "matplotlib")
"""Libraries that only the extra `evidence` brings."""


def run(command: Callable[[], object]) -> None:
    """Run the command as this process, and exit with its status. Does not return."""
    _open_streams()
    interrupts.heed()
    # The parent may ignore it, and then nobody learns how a plugin has ended.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    try:
        command()
    except KeyboardInterrupt:
        sys.exit(interrupts.status)
    except SystemExit as end:
        if end.code == EXIT_SIGNAL + signal.SIGINT:  # Typer's own, whichever signal it was
            end.code = interrupts.status
        raise
    except OSError as error:  # of stdout: what is in the way of a plugin is a LabError
        # Else the interpreter writes once more at its end, and exits with 120.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(f"error: {error}")


def _open_streams() -> None:
    """Open the descriptors 0, 1 and 2 where they are closed.

    Else the next pipe would get such a number, and with it whatever is printed.
    """
    for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(descriptor)
        except OSError:
            # Printing must fail, or a plan that nobody could see would be a success.
            mode = os.O_RDONLY if name == "stdout" else os.O_RDWR
            opened = os.open(os.devnull, mode)  # the lowest number that is free
            setattr(sys, name, open(opened, "w" if descriptor else "r", encoding="utf-8"))  # noqa: SIM115  # lives as long as the process


class Interrupts:
    """The signals that end this process. number is that of the first to come, 0 before."""

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
        """Take the signals from now on, but none that the parent has had ignored (nohup)."""
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
        """Within it a signal throws the Cancellation, and raises no exception."""
        cancellation = Cancellation()
        news: SimpleQueue[bool] = SimpleQueue()

        def listen() -> None:
            while news.get():
                cancellation.cancel()

        listener = threading.Thread(target=listen, name="interrupts", daemon=True)
        try:
            listener.start()
        except RuntimeError:  # there is no room for a thread; the start of a plugin will tell that
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
        """Within cancelling(), have a signal raise an exception meanwhile.

        Nothing else ends the printing into a pipe that nobody reads.
        """
        news, self._news = self._news, None
        try:
            yield
        finally:
            self._news = news


interrupts = Interrupts()
"""The one of this process; run() has it heed signals."""


class Whole(RawIOBase):
    """Writes all that it is given, or raises OSError. Closes the file with itself.

    A plain file writes only a part at a signal, on a disk that gets full, and into a pipe that does
    not block. A TextIOWrapper then loses the rest, and nobody hears of it.
    """

    def __init__(self, file: FileIO) -> None:
        self._file = file

    def writable(self) -> bool:
        """See RawIOBase."""
        return True

    def write(self, data: Any) -> int:
        """Write all of the bytes; return how many there were."""
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

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()


@contextmanager
def private_stdout() -> Iterator[Console]:
    """A console on the real stdout, flushed at the end, which may raise OSError.

    What a backend in this process prints goes to stderr.
    """
    terminal = sys.stdout.isatty()
    owned = FileIO(claim_stdout().fileno(), "wb")  # closed with the console, as a plugin's is not
    raw = cast("BinaryIO", Whole(owned))
    with TextIOWrapper(raw, encoding="utf-8", errors="backslashreplace") as file:
        yield Console(
            file=file,
            highlight=False,
            markup=False,
            emoji=False,
            force_terminal=terminal,
            width=None if terminal else NOT_A_TERMINAL_WIDTH,
        )


def open_console() -> Console:
    """A console on stdout as it is."""
    width = None if sys.stdout.isatty() else NOT_A_TERMINAL_WIDTH
    return Console(highlight=False, markup=False, emoji=False, width=width)


def tell_error(text: str) -> None:
    """Print an error on stderr, cut at MAX_TOLD and with its control characters escaped.

    Only its first line begins with "error:", whatever names of files and plugins are in it.
    """
    shown = text if len(text) <= MAX_TOLD else f"{text[:MAX_TOLD]}... ({len(text)} characters)"
    typer.echo("error: " + _IMITATION.sub("  | ", clean(shown, keep_lines=True)), err=True)


def check_writable(*paths: Path | None) -> None:
    """Raise UsageError for a file that cannot be written. What is None is no file.

    For a command that takes a while before it writes. Nothing is created or changed.
    """
    for path in filter(None, paths):
        there = path.exists()
        if path.is_dir():
            raise UsageError(f"{path}: cannot be written: it is a directory")
        if not there and not path.parent.is_dir():
            raise UsageError(f"{path}: cannot be written: there is no directory {path.parent}")
        if not os.access(path if there else path.parent, os.W_OK):
            raise UsageError(f"{path}: cannot be written: permission denied")


@contextmanager
def guarded(*, error_exit: int = EXIT_ERROR) -> Iterator[None]:
    """Make one line on stderr and an exit status of what the lab raises on purpose.

    A library that only the extra `evidence` brings may be missing: that is an error of usage.
    """
    try:
        yield
    except LabError as error:
        tell_error(error_text(error))
        raise typer.Exit(EXIT_USAGE if isinstance(error, UsageError) else error_exit) from None
    except ModuleNotFoundError as error:
        name = (error.name or "").partition(".")[0]
        if name not in _EXTRA:
            raise
        tell_error(f"{name} is not installed; it comes with: pip install 'transportlab[evidence]'")
        raise typer.Exit(EXIT_USAGE) from None
    except KeyboardInterrupt:
        tell_error("interrupted")
        raise
