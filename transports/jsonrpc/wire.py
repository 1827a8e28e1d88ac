"""What both ends of the JSON-RPC transport agree on: lines, and the table of errors; no I/O.

**Lines** (P-JSONRPC-1). A line ends with LF; a CR before it is white space to JSON and stays. Blank
lines are skipped. A line over the limit is counted and dropped as it comes, so it takes no memory.

**Errors** (P-JSONRPC-5, P-JSONRPC-6). Each of the contract's codes has a code of JSON-RPC:

    code of JSON-RPC    code of the contract
    -32700              INTERNAL         the request was no JSON
    -32600              INTERNAL         the request was no request of JSON-RPC
    -32601              UNIMPLEMENTED    the method does not exist
    -32602              INVALID_ARGUMENT the params do not hold what the method wants
    -32603              INTERNAL         the server failed outside the backend
    -32001 ... -32016   1 ... 16, as in -32000 - code
    any other           UNKNOWN (P-ERR-4)

An error that the contract defines has data: {"code": name, "details": ErrorDetails}.
"""

import re
from typing import Any, NamedTuple

import msgspec

from transportlab.codecs import LARGE, DecodeError
from transportlab.codecs.json import CODEC
from transportlab.errors import MAX_MESSAGE_BYTES, Code, ProtocolViolation, RpcError, unknown_method
from transportlab.model import ErrorDetails, Status

ENVELOPE_BYTES = 64 * 1024
"""Room on a line for what stands around a message: method, id, timeout."""

MAX_LINE_BYTES = MAX_MESSAGE_BYTES + ENVELOPE_BYTES
"""Longest line without its LF (P-LIMIT-1)."""

_EXCERPT = 200
_encode = msgspec.json.encode
_OUTERMOST = msgspec.json.Decoder(dict[str, msgspec.Raw])
_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)


class Oversized(msgspec.Struct, frozen=True):
    """A line over the limit, by its size in bytes without the LF."""

    size: int


class LineReader:
    """Cuts what it is fed into lines. Free of I/O."""

    def __init__(self, limit: int = MAX_LINE_BYTES) -> None:
        self._limit = limit
        self._kept = bytearray()
        self._size = 0

    def feed(self, data: bytes) -> list[bytes | Oversized]:
        """Take bytes, and return the lines that they complete, in order and without their LF."""
        if not self._size and 0 <= data.find(b"\n") == len(data) - 1 <= self._limit:
            # One whole line, which is nearly always the case.
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
        """The beginning of the line whose end has not come yet."""
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


class Repeated(NamedTuple):
    """A member that stands twice in one object; outermost says whether that is the whole line."""

    name: str
    """Empty also for a line that is too long to look for it."""
    outermost: bool

    def __str__(self) -> str:
        if not self.name:
            return "a member stands twice in one object"
        name = self.name[:_EXCERPT].encode("utf-8", "backslashreplace").decode()
        return f'the member "{name}" stands twice in one object'


def repeated_member(line: bytes, value: object) -> Repeated | None:
    """The repeated member on a line that was decoded to value, None if there is none.

    Each parser makes something else of such an object (P-JSONRPC-6).
    """
    # Encoding the value again gives the same bytes only if no member was dropped. Where another
    # writer formats differently, both must have as many members.
    encoded = _encode(value)
    if encoded == line or (value is not None and _members(encoded) == _members(line)):
        return None
    if value is not None and len(line) > LARGE:  # a name is not worth the time that it would take
        outer = _encode(_OUTERMOST.decode(line)) if isinstance(value, dict) else line
        return Repeated("", outermost=_members(outer) != _members(line))
    import json  # hardly any writer repeats a member, and it takes 2 ms of each start

    names: list[str] = []

    def look(pairs: list[tuple[str, Any]]) -> bool:
        seen: set[str] = set()
        twice = [name for name, _ in pairs if name in seen or seen.add(name)]  # type: ignore[func-returns-value]  # None, so that the name is noted
        names.extend(twice[:1])
        return bool(twice)

    outermost = json.loads(line, object_pairs_hook=look, parse_int=str, parse_float=str)
    return Repeated(names[-1], outermost is True) if names else None


def _members(text: bytes) -> int:
    """How many members all objects of a JSON text have: each has one colon outside strings."""
    return _STRING.sub(b"", text).count(b":")


def names_headers(line: bytes) -> bool:
    """Whether the line is a header like those before messages of the Language Server Protocol."""
    return line[:15].lower() == b"content-length:"


HEADERS = "Content-Length headers are not used here: send one JSON object a line, without headers"
"""What to tell a peer whose line names_headers()."""


# ---- errors

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603

MESSAGES = {
    PARSE_ERROR: "Parse error",
    INVALID_REQUEST: "Invalid Request",
    METHOD_NOT_FOUND: "Method not found",
}
"""The texts of the specification, to the letter."""

_BASE = -32000

_STANDARD = {
    PARSE_ERROR: Code.INTERNAL,
    INVALID_REQUEST: Code.INTERNAL,
    INVALID_PARAMS: Code.INVALID_ARGUMENT,
    INTERNAL_ERROR: Code.INTERNAL,
}


def number_of(code: Code) -> int:
    """The code of JSON-RPC for one of the contract."""
    return _BASE - code


def to_wire(error: RpcError, code: int | None = None) -> dict[str, Any]:
    """The error object of JSON-RPC. code replaces that of the table, if it is given."""
    status = error.to_status()
    return {
        "code": number_of(error.code) if code is None else code,
        "message": status.message,
        "data": {"code": error.code.name, "details": status.details},
    }


def from_wire(method: str, code: int, message: str, data: Any) -> RpcError:
    """The error that a server sent in answer to a call of that method.

    Raises ProtocolViolation if the details are not those of the contract.
    """
    if code == METHOD_NOT_FOUND:
        return unknown_method(method)
    details = data.get("details", {}) if isinstance(data, dict) else {}
    try:
        known = CODEC.convert(ErrorDetails, details)
    except DecodeError as error:
        raise ProtocolViolation(f"{method}: the error's details are unreadable: {error}") from None
    number = _BASE - code
    if not 1 <= number <= len(Code):
        number = _STANDARD.get(code, Code.UNKNOWN)
    return RpcError.from_status(Status(number, message, known))
