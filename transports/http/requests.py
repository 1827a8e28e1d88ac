"""How the plugin reads a request: its body, by length or in chunks, and its deadline (P-HTTP-2).

A body's size is checked before it is read. A request that is not allowed raises Refused. A
connection that ends inside a request raises EOFError, because nobody is left to answer.
"""

from email.message import Message
from io import BufferedIOBase

from transportlab.errors import (
    MAX_MESSAGE_BYTES,
    Code,
    RpcError,
    invalid_argument,
    message_too_large,
)
from transportlab.model import ErrorDetails
from transports.http.wire import MAX_TIMEOUT_US, TIMEOUT_HEADER

MAX_LINE = 4096
"""Longest line between chunks, in bytes."""

MAX_TRAILERS = 100
"""How many lines may follow the last chunk."""

SIZE_DIGITS = 16


class Refused(Exception):
    """A request is answered without a call: by an HTTP status, an error, and extra headers.

    Part of its body may be unread, so the connection cannot be used again.
    """

    def __init__(self, status: int, error: RpcError, headers: str = "") -> None:
        super().__init__(str(error))
        self.status = status
        self.error = error
        self.headers = headers


def malformed(problem: str, status: int = 400) -> Refused:
    """A refusal of what is not HTTP/1.1, or not as PROTOCOL.md allows it."""
    details = ErrorDetails("MALFORMED_HTTP")
    return Refused(status, RpcError(Code.INVALID_ARGUMENT, problem, details))


def body_length(headers: Message) -> int | None:
    """The announced length of the body in bytes, None if it comes in chunks."""
    lengths: list[str] = headers.get_all("Content-Length", [])
    codings: list[str] = headers.get_all("Transfer-Encoding", [])
    if codings:
        if lengths or [coding.strip().lower() for coding in codings] != ["chunked"]:
            raise malformed("only Transfer-Encoding: chunked, without Content-Length")
        return None
    if not lengths:
        raise malformed("a request has a Content-Length or is chunked", 411)
    text = lengths[0].strip()
    if len(lengths) > 1 or not _is_number(text):
        raise malformed(f"not one Content-Length: {', '.join(lengths)}")
    if int(text) > MAX_MESSAGE_BYTES:
        raise Refused(413, message_too_large(int(text)))
    return int(text)


def read_body(file: BufferedIOBase, length: int | None) -> bytes:
    """Read a body of that many bytes, or in chunks if length is None."""
    if length is None:
        return _chunks(file)
    body = file.read(length)
    if len(body) < length:
        raise EOFError
    return body


def _chunks(file: BufferedIOBase) -> bytes:
    parts: list[bytes] = []
    total = 0
    while size := _chunk_size(_line(file)):
        total += size
        if total > MAX_MESSAGE_BYTES:
            raise Refused(413, message_too_large(total))
        parts.append(read_body(file, size))
        if _line(file):
            raise malformed("a chunk is longer than it says")
    for _ in range(MAX_TRAILERS):
        if not _line(file):
            return b"".join(parts)
    raise malformed(f"more than {MAX_TRAILERS} trailers")


def _chunk_size(line: bytes) -> int:
    digits = line.partition(b";")[0].strip()
    # int() would take signs and underscores too.
    if not digits or len(digits) > SIZE_DIGITS or digits.strip(b"0123456789abcdefABCDEF"):
        raise malformed(f"not the size of a chunk: {line[:64]!r}")
    return int(digits, 16)


def _line(file: BufferedIOBase) -> bytes:
    line = file.readline(MAX_LINE)
    if not line.endswith(b"\n"):
        if len(line) < MAX_LINE:
            raise EOFError
        raise malformed(f"a line between chunks is over {MAX_LINE} bytes")
    return line.rstrip(b"\r\n")


def timeout_seconds(headers: Message) -> float | None:
    """Seconds until the call's deadline, None without one (P-DEADLINE-1)."""
    text: str | None = headers.get(TIMEOUT_HEADER)
    if text is None:
        return None
    text = text.strip()
    if not _is_number(text) or int(text) > MAX_TIMEOUT_US:
        problem = f"not a number of microseconds up to {MAX_TIMEOUT_US}"
        raise invalid_argument(TIMEOUT_HEADER, problem, got=text)
    return int(text) / 1e6


def _is_number(text: str) -> bool:
    """Whether the text is decimal digits, and few enough for int() to be fast."""
    return text.isascii() and text.isdigit() and len(text) <= len(str(MAX_TIMEOUT_US))
