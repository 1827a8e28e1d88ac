"""The host's side: a grpcio channel that carries encoded messages as bytes."""

import os
import stat
import threading
from collections.abc import Iterator
from typing import Any, TypeVar

import grpc

from transportlab.channel import Channel, SocketEndpoint
from transportlab.codecs import DecodeError, load_codec
from transportlab.context import Cancellation, Context
from transportlab.errors import (
    MAX_MESSAGE_BYTES,
    ChannelClosed,
    Code,
    ConnectionLost,
    LabError,
    ProtocolViolation,
    RpcError,
    TransportError,
    cancelled,
    deadline_exceeded,
    unknown_method,
)
from transportlab.methods import Method
from transportlab.model import ErrorDetails, Status
from transports.grpc.wire import OPTIONS, STATUS_KEY, metadata

Q = TypeVar("Q")
R = TypeVar("R")

LONGEST_SECONDS = 1e8
"""Longest deadline that grpcio is given: 3 years.

It converts the deadline to a point in time, and takes one that is out of range as passed.
"""


EARLY_SECONDS = 0.1
"""A server that resets its stream this long before the deadline has kept the deadline.

grpc-go resets a late call's stream with CANCEL, by its own clock, which may be ahead of ours.
"""


class GrpcChannel(Channel):
    """One HTTP/2 connection to the socket. metadata goes with each call."""

    def __init__(self, endpoint: SocketEndpoint, codec: str) -> None:
        path = endpoint.path
        try:
            is_socket = stat.S_ISSOCK(os.stat(path).st_mode)
        except OSError as error:
            raise TransportError(f"cannot connect to {path}: {error.strerror}") from error
        if not is_socket:
            raise TransportError(f"cannot connect to {path}: not a socket")
        self.path = path
        self._codec = load_codec(codec)
        self.metadata = metadata(codec, endpoint.secret)
        self._channel = grpc.insecure_channel(f"unix:{path}", options=OPTIONS)
        self._callables: dict[str, Any] = {}
        self._closed = threading.Event()

    def unary(self, method: Method[Q, R], request: Q, context: Context) -> R:
        """See Channel.unary."""
        data, timeout = self._prepare(request, context)
        cancellation = context.cancellation
        call = self._callables.get(method.name)
        first = not self._callables
        if call is None:
            call = self._callables[method.name] = self._channel.unary_unary(method.path)
        try:
            if first:
                streaming: Any = self._channel.unary_stream(method.path)
                reply = _only(streaming(data, timeout, self.metadata), cancellation, method.name)
            elif cancellation is None:
                reply = call(data, timeout, self.metadata)
            else:
                reply = _cancellable(call.future(data, timeout, self.metadata), cancellation)
        except ProtocolViolation:
            raise
        except Exception as error:
            raise self._translated(error, method.name, context) from error
        if reply is None:  # grpcio's word for it
            raise ProtocolViolation(f"{method.name}: status OK without a reply ")
        return self._decoded(method.reply, reply, context)

    def stream(self, method: Method[Q, R], request: Q, context: Context) -> Iterator[R]:
        """See Channel.stream."""
        data, timeout = self._prepare(request, context)
        cancellation = context.cancellation
        try:
            begin: Any = self._channel.unary_stream(method.path)
            call = begin(data, timeout, self.metadata)
            forget = None if cancellation is None else cancellation.on_cancel(call.cancel)
            try:
                for reply in call:
                    yield self._decoded(method.reply, reply, context)
            finally:
                if forget is not None:
                    forget()
                call.cancel()
        except LabError:
            raise
        except Exception as error:
            raise self._translated(error, method.name, context) from error

    def _prepare(self, request: object, context: Context) -> tuple[bytes, float | None]:
        """The request's bytes and the timeout for grpcio, if the call may begin at all."""
        if self._closed.is_set():
            raise ChannelClosed("the channel is closed")
        context.check()
        data = self._codec.encode(request)
        left = context.remaining()
        return data, None if left is None else min(left, LONGEST_SECONDS)

    def _decoded(self, kind: type[R], data: bytes, context: Context) -> R:
        if len(data) > MAX_MESSAGE_BYTES:
            raise ProtocolViolation(f"a reply of {len(data)} bytes is over the limit (P-LIMIT-1)")
        try:
            return self._codec.decode(kind, data, context.check)
        except DecodeError as error:
            raise ProtocolViolation(f"a reply cannot be read: {error}") from error

    def _translated(self, error: Exception, method: str, context: Context) -> LabError:
        """The lab's error for grpcio's."""
        if self._closed.is_set():
            return ChannelClosed("the channel was closed during the call")
        if context.cancellation is not None and context.cancellation.cancelled:
            return cancelled()
        if not isinstance(error, grpc.Call):
            return TransportError(f"grpcio: {type(error).__name__}: {error}")
        for key, value in error.trailing_metadata() or ():
            if key == STATUS_KEY and isinstance(value, bytes):
                return RpcError.from_status(self._decoded(Status, value, context))
        return _own_failure(error, method, context.remaining())

    def close(self) -> None:
        """See Channel.close."""
        self._closed.set()
        self._channel.close()


def _cancellable(call: Any, cancellation: Cancellation) -> bytes | None:
    forget = cancellation.on_cancel(call.cancel)
    try:
        reply: bytes | None = call.result()
    finally:
        forget()
    return reply


def _only(call: Any, cancellation: Cancellation | None, method: str) -> bytes | None:
    """The one reply of a channel's first call; None if there is none.

    grpcio's unary call hides a second reply, and then waits for the deadline. Its streaming call
    shows it, but takes twice as long. So the first call alone is made in this way: a plugin that
    sends two replies is told so when its session is opened.
    """
    forget = None if cancellation is None else cancellation.on_cancel(call.cancel)
    try:
        reply: bytes | None = next(call, None)
        if reply is not None and next(call, None) is not None:
            call.cancel()
            raise ProtocolViolation(f"{method}: more than one reply")
    finally:
        if forget is not None:
            forget()
    return reply


def _own_failure(call: grpc.Call, method: str, left: float | None) -> LabError:
    """The lab's error for one that a library made, without a Status of the plugin's.

    left: seconds until the deadline.
    """
    code, text = Code(call.code().value[0]), call.details() or ""
    late = code is Code.CANCELLED and left is not None and left <= EARLY_SECONDS
    if code is Code.DEADLINE_EXCEEDED or late:
        return deadline_exceeded()
    if code is Code.UNIMPLEMENTED:
        return unknown_method(method)
    # Not every RESOURCE_EXHAUSTED: HTTP/2's ENHANCE_YOUR_CALM and too large headers are one, too.
    if code is Code.RESOURCE_EXHAUSTED and "message" in text.lower():
        return _too_large_for_a_library(text)
    if code in (Code.UNAVAILABLE, Code.CANCELLED):
        return ConnectionLost(f"the connection failed: {text}")
    return ProtocolViolation(f"gRPC failed: {code.name}: {text}")


def _too_large_for_a_library(text: str) -> RpcError:
    """For a message that a gRPC library refused. Its limit may be lower than the protocol's."""
    details = ErrorDetails(
        "MESSAGE_TOO_LARGE",
        expected=f"at most {MAX_MESSAGE_BYTES} bytes",
        action="if it is shorter, the plugin has to raise its gRPC library's limit (P-GRPC-4)",
    )
    return RpcError(Code.RESOURCE_EXHAUSTED, f"a gRPC library refused the message: {text}", details)
