"""The plugin's side, inside the library that build.py makes. shim.c's functions call these.

No exception crosses the boundary (P-FFI-7). An RpcError becomes a Status, and anything else that a
backend raises becomes INTERNAL. KeyboardInterrupt becomes the number that tells shim.c to interrupt
the host.

In a Python host this code runs in the host's own interpreter. In another host nobody ends the
interpreter, so functions registered with atexit do not run.
"""

import sys
import threading
from collections.abc import Iterator
from itertools import count
from traceback import format_tb
from types import TracebackType
from typing import Any

from transportlab.backend import Plugin
from transportlab.codecs import Codec, DecodeError, load_codec
from transportlab.context import Context, PolledCancellation
from transportlab.dispatch import Dispatcher, as_rpc_error
from transportlab.errors import MAX_MESSAGE_BYTES, Code, RpcError, message_too_large
from transportlab.log import Log
from transportlab.methods import METHODS, AnyMethod, find_method
from transportlab.sdk.program import handshake_line
from transportlab.sdk.session import PluginSession
from transports.ffi.wire import ABI_VERSION, CODECS, END, ENDPOINT, OK

INTERRUPTED = -2
"""What shim.c takes for a KeyboardInterrupt."""

Struct = Any
"""A pointer to a cronix_call."""

_NAMES = {number: name for name, number in CODECS.items()}
_METHODS = {name.encode(): method for name, method in METHODS.items()}
_reading = threading.Lock()


class _Flag:
    """Reads the member `cancelled` of a struct until the call is released (P-FFI-4)."""

    __slots__ = ("_struct",)

    def __init__(self, struct: Struct) -> None:
        self._struct = struct

    def __call__(self) -> bool:
        with _reading:
            return self._struct is not None and self._struct.cancelled != 0

    def forget(self) -> None:
        """Forget the struct, which may be gone soon. A thread of the backend may still ask."""
        with _reading:
            self._struct = None


class _Call:
    """What a call keeps until its release."""

    __slots__ = ("codec", "context", "flag", "replies", "reply")

    def __init__(self, struct: Struct, codec: Codec) -> None:
        timeout = struct.timeout_us
        self.codec = codec
        self.flag = _Flag(struct)
        self.context = Context(
            timeout=None if timeout < 0 else timeout / 1_000_000,
            cancellation=PolledCancellation(self.flag),
        )
        self.replies: Iterator[object] = iter(())
        self.reply: object = None

    def end(self) -> None:
        """Close the stream, if there is one that nobody listens to any more (P-STREAM-2)."""
        try:
            close = getattr(self.replies, "close", None)
            if close is not None:
                close()
        except Exception as error:
            as_rpc_error(error, self.context)
        finally:
            self.flag.forget()


class PluginLibrary:
    """The sessions and calls of one loaded library. Safe to use from several threads."""

    def __init__(self, ffi: Any, plugin: Plugin) -> None:
        line = handshake_line(plugin.name, plugin.version, "ffi", ",".join(CODECS), ENDPOINT)
        self._line = ffi.new("char[]", f"{line} abi={ABI_VERSION}".encode())
        self._ffi = ffi
        self._plugin = plugin
        self._log = Log(plugin.name)
        self._size = ffi.sizeof("cronix_call")
        self._bytes = ffi.typeof("uint8_t[]")
        self._pointer = ffi.typeof("void *")
        self._number = ffi.typeof("intptr_t")
        self._numbers = count(1)
        self._codecs: dict[int, Codec] = {}
        self._sessions: dict[int, Dispatcher] = {}
        self._calls: dict[int, _Call] = {}

    def handshake(self) -> object:
        """cronix_plugin_handshake (P-HANDSHAKE-1)."""
        return self._line

    def start(self) -> int:
        """cronix_plugin_start."""
        number = next(self._numbers)
        self._sessions[number] = Dispatcher(PluginSession(self._plugin))
        return number

    def stop(self, session: int) -> None:
        """cronix_plugin_stop. Flushes what was printed: an exit that does it may never come."""
        self._sessions.pop(session, None)
        sys.stdout.flush()

    def call(self, struct: Struct) -> int:
        """cronix_plugin_call."""
        if struct.struct_size < self._size:
            return Code.FAILED_PRECONDITION  # P-FFI-8
        codec = self._codecs.get(struct.codec) or self._load(struct.codec)
        if codec is None:
            return Code.INVALID_ARGUMENT
        call = _Call(struct, codec)
        number = next(self._numbers)
        self._calls[number] = call
        struct.state = self._ffi.cast(self._pointer, number)
        try:
            return self._begin(struct, call)
        except BaseException as error:
            return self._failed(struct, call, error)

    def next(self, struct: Struct) -> int:
        """cronix_plugin_next."""
        call = self._calls[int(self._ffi.cast(self._number, struct.state))]
        try:
            self._reply(struct, call, next(call.replies))
        except StopIteration:
            return END
        except BaseException as error:
            return self._failed(struct, call, error)
        return OK

    def release(self, struct: Struct) -> int:
        """cronix_plugin_release. A call that was refused before it began has nothing to release."""
        call = self._calls.pop(int(self._ffi.cast(self._number, struct.state)), None)
        if call is not None:
            call.end()
        return OK

    def failed(
        self, kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> int:
        """What cffi returns for an exception that none of the above caught."""
        if issubclass(kind, KeyboardInterrupt):
            return INTERRUPTED
        # The error's text is left out: it may hold a secret, and the redactor is the session's
        # (P-LOG-2).
        where = "".join(format_tb(trace))
        self._log("error", "the library failed", error=kind.__name__, traceback=where)
        return Code.INTERNAL

    def _load(self, number: int) -> Codec | None:
        name = _NAMES.get(number)
        if name is None:
            return None
        codec = self._codecs[number] = load_codec(name)
        return codec

    def _begin(self, struct: Struct, call: _Call) -> int:
        dispatcher = self._sessions.get(int(self._ffi.cast(self._number, struct.session)))
        if dispatcher is None:
            raise RpcError(Code.FAILED_PRECONDITION, "the call names no session of this library")
        method = self._method(struct)
        size = struct.request_len
        if size > MAX_MESSAGE_BYTES:
            raise message_too_large(size)  # P-FFI-9
        data = self._ffi.buffer(struct.request, size)[:] if size else b""
        try:
            request = call.codec.decode(method.request, data)
        except DecodeError as error:
            raise error.to_rpc_error() from error
        if method.streams:
            call.replies = dispatcher.stream(method, request, call.context)
        else:
            self._reply(struct, call, dispatcher.unary(method, request, call.context))
        return OK

    def _method(self, struct: Struct) -> AnyMethod:
        name: bytes = self._ffi.string(struct.method)
        return _METHODS.get(name) or find_method(name.decode("utf-8", "backslashreplace"))

    def _reply(self, struct: Struct, call: _Call, message: object) -> None:
        """Give the message to the host. Its bytes stay where they are while call.reply is set."""
        data = call.codec.encode(message)
        call.reply = struct.reply = self._ffi.from_buffer(self._bytes, data)
        struct.reply_len = len(data)

    def _failed(self, struct: Struct, call: _Call, error: BaseException) -> int:
        """Give the error to the host as code and Status (P-FFI-3). Called in its except clause."""
        if isinstance(error, KeyboardInterrupt):
            raise error
        status = as_rpc_error(error, call.context).to_status()
        self._reply(struct, call, status)
        return status.code


def install(ffi: Any, plugin: Plugin) -> None:
    """Put the plugin behind the library's functions. ffi is the compiled module's."""
    library = PluginLibrary(ffi, plugin)
    ffi.def_extern(name="python_handshake")(library.handshake)
    ffi.def_extern(name="python_stop")(library.stop)
    ffi.def_extern(name="python_start", error=0)(library.start)
    for function in (library.call, library.next, library.release):
        name = f"python_{function.__name__}"
        ffi.def_extern(name=name, error=int(Code.INTERNAL), onerror=library.failed)(function)
