"""The lines of JSON-RPC 2.0 that the host's side writes and reads (P-JSONRPC-2).

A request's line is put together around the codec's bytes. So the message is encoded once, and its
size is known by itself, as the limit needs (P-LIMIT-1). A reply's line is taken apart without
decoding the message in it, for the same reasons.
"""

from typing import Any, Generic, Literal, TypeVar

import msgspec

from transportlab.errors import MAX_MESSAGE_BYTES, ProtocolViolation
from transportlab.handshake import second_handshake
from transports.jsonrpc.wire import HEADERS, Repeated, excerpt, names_headers, repeated_member

MAX_TIMEOUT_US = 2**53
"""Longest timeout that is sent (285 years): every JSON parser reads it as an exact integer."""


class WireError(msgspec.Struct):
    """The error object of a response."""

    code: int
    message: str
    data: Any = None


class EventParams(msgspec.Struct):
    """The params of an event: the id of its call and the event itself."""

    id: int
    event: msgspec.Raw


class Incoming(msgspec.Struct):
    """A response, or the notification of an event. An empty result means that none came."""

    jsonrpc: Literal["2.0"]
    id: int | None = None
    result: msgspec.Raw = msgspec.Raw()
    error: WireError | None = None
    method: Literal["event"] | None = None
    params: EventParams | None = None


R = TypeVar("R")


class Reply(msgspec.Struct, Generic[R]):
    """A response whose result is decoded with it: one pass, for the usual case."""

    jsonrpc: Literal["2.0"]
    id: int
    result: R
    error: None = None
    method: None = None


ReplyDecoder = msgspec.json.Decoder[Reply[Any]]

_REPLY_DECODERS: dict[Any, ReplyDecoder] = {}
_DECODER = msgspec.json.Decoder(Incoming)
_encode = msgspec.json.Encoder().encode


def request_line(method: str, call: int, message: bytes, timeout: float | None) -> bytes:
    """A call's line with its LF; message is the codec's bytes, timeout in seconds."""
    limit = b""
    if timeout is not None:
        # P-DEADLINE-1; at least 1, because 0 would mean that the deadline has passed.
        limit = b',"timeout_us":%d' % max(1, min(timeout * 1e6, MAX_TIMEOUT_US))
    return b'{"jsonrpc":"2.0","method":"%b","params":{"request":%b%b},"id":%d}\n' % (
        method.encode(),
        message,
        limit,
        call,
    )


def cancel_line(call: int) -> bytes:
    """The notification that a call is not wanted any more, with its LF (P-CANCEL-1)."""
    return b'{"jsonrpc":"2.0","method":"cancel","params":{"id":%d}}\n' % call


def reply_decoder(kind: Any) -> ReplyDecoder:
    """A decoder of responses to calls whose reply is of that type."""
    decoder = _REPLY_DECODERS.get(kind)
    if decoder is None:
        decoder = _REPLY_DECODERS[kind] = msgspec.json.Decoder(Reply[kind])
    return decoder


def parse_reply(line: bytes, call: int, decoder: ReplyDecoder) -> Reply[Any] | None:
    """The response to that call, if it is on the line; None for anything else: see parse()."""
    if len(line) > MAX_MESSAGE_BYTES:
        return None
    try:
        reply = decoder.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return reply if reply.id == call else None


def is_exact(reply: Reply[Any], line: bytes) -> bool:
    """Whether the reply is all that is on the line.

    If so, no member stands twice, and there is nothing to look for with repeated(). A plugin that
    writes a message's members in another order than the contract's is no worse, but it takes longer
    to see.
    """
    number, result = reply.id, _encode(reply.result)
    return line in (
        b'{"jsonrpc":"2.0","result":%b,"id":%d}' % (result, number),
        b'{"jsonrpc":"2.0","id":%d,"result":%b}' % (number, result),
    )


def parse(line: bytes) -> Incoming:
    """The message on a line. Raises ProtocolViolation, with the line's beginning."""
    try:
        message = _DECODER.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        second = second_handshake(line)
        if second is not None:
            raise second from None
        problem = HEADERS if names_headers(line) else error
        raise violation(f"no reply of JSON-RPC ({problem})", line) from None
    if (message.method is None) != (message.params is None):
        raise violation("an event without params or params without an event", line)
    answers = bool(message.result) + (message.error is not None)
    if answers != (message.method is None):
        raise violation("not exactly one of result, error and event", line)
    return message


def repeated(line: bytes) -> Repeated | None:
    """The member that stands twice on a line; None also for a line that parse() refuses.

    Raises ProtocolViolation for a line that is nested too deeply to tell.
    """
    try:
        return repeated_member(line, msgspec.json.decode(line))
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    except RecursionError:
        raise violation("JSON that is nested too deeply", line) from None


def violation(problem: str, line: bytes) -> ProtocolViolation:
    """An error for a line that the plugin should not have sent."""
    return ProtocolViolation(f"the plugin sent {problem}: {excerpt(line)}")
