"""The host's side: calls become lines on a Link; what comes back becomes replies and errors.

The Link reads and writes the pipes; messages.py writes a request's line and takes a reply apart.
"""

from collections.abc import Iterator
from itertools import count
from typing import Any, TypeVar, cast

import msgspec

from transportlab.channel import Channel, StdioEndpoint
from transportlab.codecs import Check, DecodeError
from transportlab.codecs.json import CODEC, checked
from transportlab.context import Context
from transportlab.errors import MAX_MESSAGE_BYTES, ProtocolViolation
from transportlab.methods import Method
from transports.jsonrpc.link import Call, Link
from transports.jsonrpc.messages import Incoming, Reply, reply_decoder, request_line
from transports.jsonrpc.wire import excerpt, from_wire

Q = TypeVar("Q")
R = TypeVar("R")


class JsonRpcChannel(Channel):
    """A Channel over two pipes, which it owns: close() closes them. pipes are their descriptors."""

    def __init__(self, endpoint: StdioEndpoint) -> None:
        self.pipes = (endpoint.reader.fileno(), endpoint.writer.fileno())
        self._link = Link(endpoint.reader, endpoint.writer)
        self._numbers = count(1)

    def unary(self, method: Method[Q, R], request: Q, context: Context) -> R:
        """See Channel.unary."""
        call = self._start(method, request, context)
        cancellation = context.cancellation
        forget = None if cancellation is None else cancellation.on_cancel(call.cancel)
        try:
            reply: R = _reply(method, self._link.receive(call), context)
        finally:
            if forget is not None:
                forget()
            self._link.finish(call)
        return reply

    def stream(self, method: Method[Q, R], request: Q, context: Context) -> Iterator[R]:
        """See Channel.stream. The call is made when the first reply is asked for."""
        call = self._start(method, request, context)
        cancellation = context.cancellation
        forget = None if cancellation is None else cancellation.on_cancel(call.cancel)
        try:
            while (event := (message := self._next(call)).params) is not None:
                yield _decode(method.name, method.reply, event.event)
            _raise_error(method.name, message)
            _decode(method.name, type(None), message.result)
        finally:
            if forget is not None:
                forget()
            self._link.finish(call)

    def _next(self, call: Call) -> Incoming:
        # A call without a decoder gets no Reply.
        return cast("Incoming", self._link.receive(call))

    def _start(self, method: Method[Q, R], request: Q, context: Context) -> Call:
        context.check()
        decoder = None if method.streams else reply_decoder(method.reply)
        call = Call(next(self._numbers), context.deadline, decoder, self._link.wake)
        data = CODEC.encode(request)
        self._link.send(call, request_line(method.name, call.id, data, context.remaining()))
        return call

    def close(self) -> None:
        """See Channel.close. The end of its stdin is the end of the session for the plugin."""
        self._link.close()


def _reply(method: Method[Q, R], message: Incoming | Reply[Any], context: Context) -> R:
    if isinstance(message, Reply):
        try:
            result: R = checked(message.result)
            return result
        except DecodeError as error:
            raise ProtocolViolation(f"{method.name}: unreadable reply: {error}") from None
    if message.params is not None:
        raise ProtocolViolation(f"{method.name} has one reply, but an event came")
    _raise_error(method.name, message)
    return _decode(method.name, method.reply, message.result, context.check)


def _raise_error(method: str, message: Incoming) -> None:
    if message.error is not None:
        raise from_wire(method, message.error.code, message.error.message, message.error.data)


def _decode(method: str, kind: type[R], result: msgspec.Raw, check: Check | None = None) -> R:
    data = memoryview(result)
    if data.nbytes > MAX_MESSAGE_BYTES:
        raise ProtocolViolation(f"{method}: a reply of {data.nbytes} bytes is over the limit")
    try:
        return CODEC.decode(kind, data, check)
    except DecodeError as error:
        shown = excerpt(bytes(data[:201]))
        raise ProtocolViolation(f"{method}: unreadable reply: {error}: {shown}") from None
