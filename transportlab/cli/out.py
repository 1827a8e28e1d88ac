"""Where a command prints: text in colours on a terminal, tables, and the real stdout.

rich wraps what is too wide. It takes several times as long to import as all else here, so what fits
is printed without it.
"""

import os
import re
import select
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from io import FileIO, RawIOBase, TextIOWrapper
from typing import TYPE_CHECKING, Any, BinaryIO, TextIO, cast

from transportlab.errors import MAX_TEXT
from transportlab.quote import clean
from transportlab.sdk.program import claim_stdout

if TYPE_CHECKING:
    from rich.console import Console

MAX_TOLD = 32 * MAX_TEXT
"""The longest error that is printed, in characters: 20 lines of a log and what stands around."""

_IMITATION = re.compile(r"(?<=\n)(?=\s*(error|warning|note):)", re.IGNORECASE)
"""The beginning of a line that looks as if it were the command's own."""

NOT_A_TERMINAL_WIDTH = 10_000
"""Columns of a table that goes into a file or a pipe, where nothing need be wrapped."""

USUAL_WIDTH = 80
"""Columns of a terminal that does not tell."""

NARROWEST = 20
"""Columns that wrapped text has at least, however narrow the terminal is."""

_COLOURS = {"red": "31", "green": "32", "yellow": "33"}
_STYLES = {"bold": "1", "dim": "2"}


class Out:
    """Prints to a file, in colours if it is a terminal's. width: in columns, unless it is."""

    def __init__(
        self, file: TextIO, *, terminal: bool = False, width: int = NOT_A_TERMINAL_WIDTH
    ) -> None:
        self.file = file
        self._terminal, self._width = terminal, width
        self._codes: dict[str, str] = {}
        if terminal and os.environ.get("TERM", "").lower() not in {"dumb", "unknown"}:
            colours = {} if os.environ.get("NO_COLOR") else _COLOURS  # see no-color.org
            self._codes = _STYLES | colours

    def print(self, text: str, style: str = "") -> None:
        """Print a line. style: a colour, "bold" or "dim"."""
        self.file.write(self.styled(text, style) + "\n")

    def styled(self, text: str, style: str) -> str:
        """The text with its style, if this shows styles."""
        code = self._codes.get(style)
        return f"\x1b[{code}m{text}\x1b[0m" if code else text

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Print columns under their heads, with every cell escaped."""
        lines = [list(columns), *([clean(cell) for cell in row] for row in rows)]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        narrow = all(cell.isascii() for line in lines for cell in line)  # a column a character
        if not narrow or sum(widths) + 2 * (len(widths) - 1) > self.width:
            self._wrapped_table(lines)
            return
        for number, line in enumerate(lines):
            cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
            self.print("  ".join(cells), "" if number else "bold")

    def _wrapped_table(self, lines: Sequence[Sequence[str]]) -> None:
        """Print a table by rich, which breaks long cells and knows how wide characters are."""
        from rich.table import Table
        from rich.text import Text

        head, *rows = lines
        shown = Table(*head, box=None, pad_edge=False, header_style="bold")
        for row in rows:
            shown.add_row(*map(Text, row))
        self._console.print(shown)

    @property
    def width(self) -> int:
        """How many columns there are."""
        if not self._terminal:
            return self._width
        if (told := os.environ.get("COLUMNS", "")).isdigit():
            return int(told)
        with suppress(OSError):
            return os.get_terminal_size(self.file.fileno()).columns
        return USUAL_WIDTH

    def wrapped(self, text: str, *, beside: int = 0) -> list[str]:
        """The text in lines that fit beside so many columns; words longer than that are folded."""
        from rich.text import Text

        width = max(self.width - beside, NARROWEST)
        lines = Text(text).wrap(self._console, width, overflow="fold")
        return [line.plain.rstrip() for line in lines]

    @property
    def _console(self) -> "Console":
        from rich.console import Console

        return Console(
            file=self.file,
            highlight=False,
            markup=False,
            emoji=False,
            force_terminal=self._terminal,
            width=self.width,
        )


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
def private_stdout() -> Iterator[Out]:
    """An Out on the real stdout, flushed at the end, which may raise OSError.

    What a backend in this process prints goes to stderr.
    """
    terminal = sys.stdout.isatty()
    owned = FileIO(claim_stdout().fileno(), "wb")  # closed with the Out, as a plugin's is not
    raw = cast("BinaryIO", Whole(owned))
    with TextIOWrapper(raw, encoding="utf-8", errors="backslashreplace") as file:
        yield Out(file, terminal=terminal)


def open_out(*, width: int = NOT_A_TERMINAL_WIDTH) -> Out:
    """An Out on stdout as it is. width: as for Out."""
    return Out(sys.stdout, terminal=sys.stdout.isatty(), width=width)


def tell(text: str) -> None:
    """Print a line on stderr."""
    print(text, file=sys.stderr)


def tell_error(text: str) -> None:
    """Print an error on stderr, cut at MAX_TOLD and with its control characters escaped.

    Only its first line begins with "error:", whatever names of files and plugins are in it.
    """
    shown = text if len(text) <= MAX_TOLD else f"{text[:MAX_TOLD]}... ({len(text)} characters)"
    tell("error: " + _IMITATION.sub("  | ", clean(shown, keep_lines=True)))
