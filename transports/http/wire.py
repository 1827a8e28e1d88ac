"""What both ends of the HTTP transport agree on: statuses, headers and bodies (P-HTTP).

Free of I/O, and of libraries that only one codec needs. Errors are JSON whatever the codec, so a
protobuf plugin imports json when its first error occurs (P-HTTP-3).
"""

from collections.abc import Callable

import msgspec
from msgspec.structs import asdict

from transportlab.errors import Code, RpcError

TIMEOUT_HEADER = "Cronix-Timeout-Us"
"""Header of a request: what is left until the deadline, in microseconds (P-DEADLINE-1)."""

MAX_TIMEOUT_US = 10**18
"""Longest timeout that the header may hold: 30,000 years, which a float holds exactly."""

SECRET_HEADER = "Cronix-Secret"  # noqa: S105  # the name under which it travels
"""Header of a request: the secret of the plugin's launch (P-AUTH-2)."""

PROBLEM_TYPE = "application/problem+json"

STATUSES = {
    Code.CANCELLED: 499,
    Code.UNKNOWN: 500,
    Code.INVALID_ARGUMENT: 400,
    Code.DEADLINE_EXCEEDED: 504,
    Code.NOT_FOUND: 404,
    Code.ALREADY_EXISTS: 409,
    Code.PERMISSION_DENIED: 403,
    Code.RESOURCE_EXHAUSTED: 429,
    Code.FAILED_PRECONDITION: 400,
    Code.ABORTED: 409,
    Code.OUT_OF_RANGE: 400,
    Code.UNIMPLEMENTED: 501,
    Code.INTERNAL: 500,
    Code.UNAVAILABLE: 503,
    Code.DATA_LOSS: 500,
    Code.UNAUTHENTICATED: 401,
}
"""The HTTP status of each code. What counts is the code in the problem document (P-ERR-2)."""


def http_status(error: RpcError) -> int:
    """The HTTP status of an error. A message over the limit has its own, 413 (P-LIMIT-1)."""
    if error.details.reason == "MESSAGE_TOO_LARGE":
        return 413
    return STATUSES[error.code]


def problem_document(error: RpcError, http: int) -> bytes:
    """The error as the body of a response with that HTTP status (P-HTTP-3)."""
    import json

    status = error.to_status()
    code = Code(status.code).name
    document = {
        "type": f"urn:cronix:code:{code}",
        "title": code,
        "status": http,
        "detail": status.message,
        "code": code,
        "details": asdict(status.details),
    }
    return json.dumps(document, separators=(",", ":")).encode()


class Framing(msgspec.Struct, frozen=True):
    """How events are written in the body of a streaming reply (P-STREAM-1).

    event and status frame an encoded message; done is the framed status of a stream that ended
    well.
    """

    content_type: str
    event: Callable[[bytes], bytes]
    status: Callable[[bytes], bytes]
    done: bytes


FRAME_HEAD = 5
"""Bytes before each message of a protobuf stream: its kind, then its length, uint32 big-endian."""

EVENT_KIND, STATUS_KIND = 0, 1


def _frame(kind: int, message: bytes) -> bytes:
    return bytes((kind,)) + len(message).to_bytes(FRAME_HEAD - 1, "big") + message


FRAMINGS = {
    "json": Framing(
        "application/x-ndjson",
        lambda message: b'{"event":' + message + b"}\n",
        lambda message: b'{"status":' + message + b"}\n",
        b'{"status":{"code":0}}\n',
    ),
    "protobuf": Framing(
        "application/x-protobuf-stream",
        lambda message: _frame(EVENT_KIND, message),
        lambda message: _frame(STATUS_KIND, message),
        _frame(STATUS_KIND, b""),
    ),
}
"""The framing of each codec's streams (P-HTTP-4)."""


def request_headers(content_type: str, secret: str) -> dict[str, str]:
    """The headers that are the same for each call of a channel."""
    headers = {"Content-Type": content_type, SECRET_HEADER: secret}
    return {name: value for name, value in headers.items() if value}


def media_type(header: str) -> str:
    """The type in a Content-Type header, without its parameters."""
    return header.partition(";")[0].strip().lower()
