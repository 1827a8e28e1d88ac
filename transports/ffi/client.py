"""The host's side: each call is a few C calls in the caller's own thread.

Which calls there are, and how they end early, is calls.py's.
"""

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from transportlab.channel import Channel
from transportlab.codecs import DecodeError, load_codec
from transportlab.context import Context
from transportlab.errors import (
    MAX_MESSAGE_BYTES,
    ChannelClosed,
    Code,
    LabError,
    ProtocolViolation,
    RpcError,
    cancelled,
    deadline_exceeded,
)
from transportlab.methods import Method
from transportlab.model import Status
from transports.ffi._abi import ffi
from transports.ffi.calls import Calls, Struct, clear
from transports.ffi.library import load
from transports.ffi.wire import CODECS, END, OK

Q = TypeVar("Q")
R = TypeVar("R")

MAX_TIMEOUT = 1e9
"""Longest deadline that is passed on, in seconds: 30 years. A longer one is sent as none."""

_BYTES = ffi.typeof("uint8_t[]")
_BARE = {Code.CANCELLED: cancelled, Code.DEADLINE_EXCEEDED: deadline_exceeded}
"""Errors that need no Status, because their code says it all (P-FFI-3)."""


class FfiChannel(Channel):
    """One session in the library at path. library and session are for benchmarks."""

    def __init__(self, path: str, codec: str) -> None:
        library = self.library = load(path, codec)
        self.codec = codec
        self._codec = load_codec(codec)
        self._calls = Calls(library, CODECS[codec])
        self.session = self._calls.session
        self._call = library.cronix_plugin_call
        self._next = library.cronix_plugin_next
        self._names: dict[str, Any] = {}

    def unary(self, method: Method[Q, R], request: Q, context: Context) -> R:
        """See Channel.unary."""
        context.check()
        data = self._codec.encode(request)
        forget = None
        call = self._calls.begin()
        try:
            forget = self._fill(call, method.name, data, context)
            code = self._call(call)
            if code != OK:
                raise self._error(call, code)
            return self._reply(call, method.reply, context)
        finally:
            if forget is not None:
                forget()
            self._calls.end(call, reuse=context.cancellation is None)

    def stream(self, method: Method[Q, R], request: Q, context: Context) -> Iterator[R]:
        """See Channel.stream."""
        context.check()
        data = self._codec.encode(request)
        forget = None
        call = self._calls.begin()
        try:
            forget = self._fill(call, method.name, data, context)
            code = self._call(call)
            while code == OK and (code := self._next(call)) == OK:
                reply = self._reply(call, method.reply, context)
                clear(call)
                self._calls.pause(call)
                yield reply
                self._calls.resume(call)
                # The plugin may never look at the deadline and the flag, so look here.
                context.check()
            if code != END:
                raise self._error(call, code)
        finally:
            if forget is not None:
                forget()
            self._calls.end(call)

    def _fill(
        self,
        call: Struct,
        method: str,
        data: bytes,
        context: Context,
    ) -> Callable[[], None] | None:
        """Fill the struct. data must live as long as the call.

        Returns a function that takes back the callback on the context's cancellation, if there is
        one.
        """
        name = self._names.get(method)
        if name is None:
            name = self._names[method] = ffi.new("char[]", method.encode())
        call.method = name
        call.request = ffi.from_buffer(_BYTES, data)
        call.request_len = len(data)
        left = context.remaining()
        if left is None or left > MAX_TIMEOUT:
            call.timeout_us = -1
        else:
            call.timeout_us = max(0, int(left * 1_000_000))  # a negative number means no deadline
        cancellation = context.cancellation
        return None if cancellation is None else cancellation.on_cancel(lambda: _throw(call))

    def _reply(self, call: Struct, kind: type[R], context: Context | None = None) -> R:
        try:
            check = None if context is None else context.check
            return self._codec.decode(kind, _bytes(call), check)
        except DecodeError as error:
            raise ProtocolViolation(f"a reply cannot be read: {error}") from error

    def _error(self, call: Struct, code: int) -> LabError:
        """The error for a code that is not OK, and the Status that came with it (P-FFI-3)."""
        if self._calls.closed:
            return ChannelClosed("the channel was closed during the call")
        if code == END:
            return ProtocolViolation("a stream ended that had not begun")
        if code in _BARE and not call.reply_len:
            return _BARE[Code(code)]()
        status = self._reply(call, Status) if call.reply_len else Status()
        return RpcError.from_status(Status(code, status.message, status.details))

    def close(self) -> None:
        """See Channel.close. A call in flight ends when its plugin looks at its flag."""
        self._calls.close()


def _throw(call: Struct) -> None:
    call.cancelled = 1  # P-CANCEL-1


def _bytes(call: Struct) -> bytes:
    size = call.reply_len
    if size > MAX_MESSAGE_BYTES:
        raise ProtocolViolation(f"a reply of {size} bytes is over the limit (P-LIMIT-1)")
    if not size:
        return b""
    if call.reply == ffi.NULL:
        raise ProtocolViolation(f"a reply of {size} bytes is nowhere")
    data: bytes = ffi.buffer(call.reply, size)[:]
    return data
