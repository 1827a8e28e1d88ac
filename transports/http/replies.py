"""How the host reads replies: problem documents and the events of a stream. Free of I/O.

Whatever PROTOCOL.md does not allow is a ProtocolViolation.
"""

from abc import ABC, abstractmethod
from typing import Any, Generic, TypeVar

import msgspec

from transportlab.codecs import Check, Codec, DecodeError
from transportlab.codecs.json import CODEC as JSON
from transportlab.errors import MAX_MESSAGE_BYTES, Code, ProtocolViolation, RpcError
from transportlab.model import ErrorDetails, Status
from transports.http.wire import EVENT_KIND, FRAME_HEAD, STATUS_KIND

M = TypeVar("M")
R = TypeVar("R")

MAX_LINE = MAX_MESSAGE_BYTES + 4096
"""Longest line of a JSON stream: a message and what is around it."""

SHOWN = 64
"""How many bytes of a reply that cannot be read an error shows."""


def decoded(codec: Codec, kind: type[M], data: bytes, check: Check | None = None) -> M:
    """The message in a reply's bytes, or ProtocolViolation. check: see Codec.decode."""
    try:
        return codec.decode(kind, data, check)
    except DecodeError as error:
        problem = f"a reply cannot be read: {error}; it begins {data[:SHOWN]!r}"
        raise ProtocolViolation(problem) from error


class _Problem(msgspec.Struct, frozen=True):
    code: str = ""
    detail: str = ""
    details: ErrorDetails = msgspec.field(default_factory=ErrorDetails)


def read_problem(data: bytes) -> RpcError:
    """The error in a problem document (P-HTTP-3). A code that is not known is UNKNOWN (P-ERR-4)."""
    problem = decoded(JSON, _Problem, data)
    if not problem.code:
        raise ProtocolViolation(f"a problem document has no code; it begins {data[:SHOWN]!r}")
    code = Code.__members__.get(problem.code, Code.UNKNOWN)
    return RpcError.from_status(Status(code, problem.detail, problem.details))


class Events(ABC, Generic[R]):
    """Reads the body of a streaming reply, fed to it in pieces (P-STREAM-1)."""

    def __init__(self, kind: type[R], codec: Codec) -> None:
        self._kind = kind
        self._codec = codec
        self._buffer = bytearray()

    def feed(self, data: bytes) -> None:
        """Take a piece of the body, cut anywhere."""
        self._buffer += data

    @abstractmethod
    def take(self) -> R | Status | None:
        """The next event, or the status at the end; None until more of the body has come."""

    def unread(self) -> bytes:
        """The first bytes that have not been taken."""
        return bytes(self._buffer[:SHOWN])

    def _cut(self, start: int, end: int) -> bytes:
        """Return the bytes from start to end; the buffer then begins at end."""
        message = bytes(self._buffer[start:end])
        del self._buffer[:end]
        return message


class _Line(msgspec.Struct, frozen=True):
    event: Any = None
    status: Status | None = None


class JsonEvents(Events[R]):
    """One JSON object a line: {"event": ...} and at the end {"status": ...}."""

    def __init__(self, kind: type[R], codec: Codec) -> None:
        super().__init__(kind, codec)
        self._searched = 0

    def take(self) -> R | Status | None:
        """See Events.take."""
        end = self._buffer.find(b"\n", self._searched)
        if end < 0:
            self._searched = len(self._buffer)
            if self._searched > MAX_LINE:
                raise ProtocolViolation(f"a line of a stream is over {MAX_LINE} bytes")
            return None
        self._searched = 0
        text = self._cut(0, end + 1)
        line = decoded(JSON, _Line, text)
        if (line.event is None) is (line.status is None):
            problem = "a line of a stream is neither an event nor a status"
            raise ProtocolViolation(f"{problem}; it begins {text[:SHOWN]!r}")
        return line.status or self._event(line.event)

    def _event(self, value: object) -> R:
        try:
            return JSON.convert(self._kind, value)
        except DecodeError as error:
            raise ProtocolViolation(f"an event of a stream cannot be read: {error}") from error


class ProtobufEvents(Events[R]):
    """One byte of kind, four of length, and the message; a status at the end."""

    def take(self) -> R | Status | None:
        """See Events.take."""
        head = bytes(self._buffer[:FRAME_HEAD])
        size = int.from_bytes(head[1:], "big")
        if head and (head[0] not in (EVENT_KIND, STATUS_KIND) or size > MAX_MESSAGE_BYTES):
            raise ProtocolViolation(f"a frame of a stream begins {self.unread()!r}")
        if len(head) < FRAME_HEAD or len(self._buffer) < FRAME_HEAD + size:
            return None
        message = self._cut(FRAME_HEAD, FRAME_HEAD + size)
        if head[0] == STATUS_KIND:
            return decoded(self._codec, Status, message)
        return decoded(self._codec, self._kind, message)


EVENTS: dict[str, type[Events[Any]]] = {"json": JsonEvents, "protobuf": ProtobufEvents}
"""The reader of each codec's streams."""
