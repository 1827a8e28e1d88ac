"""Bytes to lines, without any input or output of its own (P-JSONRPC-1).

A line ends with LF; a CR before it is white space to JSON and stays. Blank lines are skipped. A
line over the limit is counted and thrown away as it comes, so that it takes no memory.
"""

from dataclasses import dataclass

from transportlab.errors import MAX_MESSAGE_BYTES

ENVELOPE_BYTES = 64 * 1024
"""Room on a line for what stands around a message: method, id, timeout."""

MAX_LINE_BYTES = MAX_MESSAGE_BYTES + ENVELOPE_BYTES
"""Longest line without its LF (P-LIMIT-1)."""

_EXCERPT = 200


@dataclass(frozen=True, slots=True)
class Oversized:
    """A line that was over the limit: its size in bytes, without its LF."""

    size: int


class LineReader:
    """Cuts what it is fed into lines."""

    def __init__(self, limit: int = MAX_LINE_BYTES) -> None:
        self._limit = limit
        self._kept = bytearray()
        self._size = 0

    def feed(self, data: bytes) -> list[bytes | Oversized]:
        """The lines that these bytes complete, without their LF, in order."""
        if not self._size and 0 <= data.find(b"\n") == len(data) - 1 <= self._limit:
            # One whole line: nearly always so.
            return [] if data.isspace() else [data[:-1]]
        start = 0
        lines: list[bytes | Oversized] = []
        while (end := data.find(b"\n", start)) >= 0:
            line = self._complete(data[start:end])
            start = end + 1
            if isinstance(line, Oversized) or (line and not line.isspace()):
                lines.append(line)
        if start < len(data):
            self._keep(data[start:])
        return lines

    @property
    def unfinished(self) -> bytes:
        """The beginning of a line whose end has not come yet."""
        return bytes(self._kept[: _EXCERPT + 1])

    def _complete(self, last: bytes) -> bytes | Oversized:
        if not self._size and len(last) <= self._limit:
            return last
        self._keep(last)
        line = Oversized(self._size) if self._size > self._limit else bytes(self._kept)
        self._kept = bytearray()
        self._size = 0
        return line

    def _keep(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._size <= self._limit:
            self._kept += piece
        else:
            del self._kept[_EXCERPT + 1 :]


def excerpt(line: bytes) -> str:
    """The beginning of a line for an error's text."""
    shown = repr(line[:_EXCERPT])
    return shown if len(line) <= _EXCERPT else f"{shown}..."


def names_headers(line: bytes) -> bool:
    """Whether the line is a header as the Language Server Protocol puts before its messages."""
    return line[:15].lower() == b"content-length:"


HEADERS = "Content-Length headers are not used here: send one JSON object a line, without headers"
"""What to tell a peer whose line names_headers()."""
