"""The same call by cffi alone: what the lab's own layers are measured against."""

from collections.abc import Callable

from transportlab.codecs import Pair
from transportlab.methods import AnyMethod
from transports.ffi._abi import ffi
from transports.ffi.calls import Struct
from transports.ffi.client import FfiChannel
from transports.ffi.wire import CODECS


def raw_call(
    channel: FfiChannel, method: AnyMethod, _request: object, pair: Pair
) -> Callable[[], object]:
    """A function that makes the call, in the channel's own session."""
    write, read = pair
    library, session = channel.library, channel.session
    name = ffi.new("char[]", method.name.encode())

    def raw() -> object:
        data = write()
        call: Struct = ffi.new("cronix_call *")
        call.struct_size = ffi.sizeof("cronix_call")
        call.codec, call.session, call.method = CODECS[channel.codec], session, name
        call.request, call.request_len, call.timeout_us = ffi.from_buffer(data), len(data), -1
        if library.cronix_plugin_call(call):
            raise RuntimeError("the call failed")
        reply = read(ffi.buffer(call.reply, call.reply_len)[:])
        library.cronix_plugin_release(call)
        return reply

    return raw
