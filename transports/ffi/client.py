"""The host's side: each call is a few C calls in the caller's own thread."""

import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from transportlab.channel import Channel
from transportlab.codecs import DecodeError, load_codec
from transportlab.context import Cancellation
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
"""Longest deadline in seconds that is passed on; beyond it (30 years) there is none."""

_BYTES = ffi.typeof("uint8_t[]")
_BARE = {Code.CANCELLED: cancelled, Code.DEADLINE_EXCEEDED: deadline_exceeded}
"""The errors that say all there is to say even without a Status (P-FFI-3)."""


class FfiChannel(Channel):
    """One session in the library at path."""

    def __init__(self, path: str, codec: str) -> None:
        library = self.library = load(path, codec)
        self.codec = codec
        self._codec = load_codec(codec)
        self._calls = Calls(library, CODECS[codec])
        self.session = self._calls.session
        self._call = library.cronix_plugin_call
        self._next = library.cronix_plugin_next
        self._names: dict[str, Any] = {}

    def unary(
        self,
        method: Method[Q, R],
        request: Q,
        *,
        timeout: float | None = None,
        cancel: Cancellation | None = None,
    ) -> R:
        """As in Channel."""
        check(timeout, cancel)
        data = self._codec.encode(request)
        forget = None
        call = self._calls.begin()
        try:
            forget = self._fill(call, method.name, data, timeout, cancel)
            code = self._call(call)
            if code != OK:
                raise self._error(call, code)
            return self._reply(call, method.reply)
        finally:
            if forget is not None:
                forget()
            self._calls.end(call, reuse=cancel is None)

    def stream(
        self,
        method: Method[Q, R],
        request: Q,
        *,
        timeout: float | None = None,
        cancel: Cancellation | None = None,
    ) -> Iterator[R]:
        """As in Channel."""
        check(timeout, cancel)
        end = None if timeout is None else time.monotonic() + timeout
        data = self._codec.encode(request)
        forget = None
        call = self._calls.begin()
        try:
            forget = self._fill(call, method.name, data, timeout, cancel)
            code = self._call(call)
            while code == OK and (code := self._next(call)) == OK:
                reply = self._reply(call, method.reply)
                clear(call)
                self._calls.pause(call)
                yield reply
                self._calls.resume(call)
                # The plugin may never look at the deadline and the flag, but here is a chance to.
                check(None if end is None else end - time.monotonic(), cancel)
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
        timeout: float | None,
        cancel: Cancellation | None,
    ) -> Callable[[], None] | None:
        """Make the call ready; data has to live as long as it. Returns what forgets cancel."""
        name = self._names.get(method)
        if name is None:
            name = self._names[method] = ffi.new("char[]", method.encode())
        call.method = name
        call.request = ffi.from_buffer(_BYTES, data)
        call.request_len = len(data)
        if timeout is None or timeout > MAX_TIMEOUT:
            call.timeout_us = -1
        else:
            call.timeout_us = int(timeout * 1_000_000)
        return None if cancel is None else cancel.on_cancel(lambda: _throw(call))

    def _reply(self, call: Struct, kind: type[R]) -> R:
        try:
            return self._codec.decode(kind, _bytes(call))
        except DecodeError as error:
            raise ProtocolViolation(f"a reply cannot be read: {error}") from error

    def _error(self, call: Struct, code: int) -> LabError:
        """What a code that is not OK stands for, with the Status that came with it (P-FFI-3)."""
        if self._calls.closed:
            return ChannelClosed("the channel was closed during the call")
        if code == END:
            return ProtocolViolation("a stream ended that had not begun")
        if code in _BARE and not call.reply_len:
            return _BARE[Code(code)]()
        status = self._reply(call, Status) if call.reply_len else Status()
        return RpcError.from_status(Status(code, status.message, status.details))

    def close(self) -> None:
        """As in Channel. A call in flight ends when its plugin looks at the flag."""
        self._calls.close()


def check(timeout: float | None, cancel: Cancellation | None) -> None:
    """Raise what a call raises that should not go on."""
    if cancel is not None and cancel.cancelled:
        raise cancelled()
    if timeout is not None and timeout <= 0:
        raise deadline_exceeded()


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
