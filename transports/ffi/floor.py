"""For benchmarks: a call by cffi alone, and bytes through a C function that copies them.

The first is what the lab's own layers are measured against, the second the floor of the carriage.
"""

import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cffi import FFI

from transportlab.codecs import Pair
from transportlab.floor import Echo, Started
from transportlab.methods import AnyMethod
from transports.ffi._abi import ffi
from transports.ffi.build import compiler
from transports.ffi.calls import Struct
from transports.ffi.client import FfiChannel
from transports.ffi.wire import CODECS

ECHO = "void echo(const uint8_t *in, size_t size, uint8_t *out)"
CODE = f"#include <stdint.h>\n#include <string.h>\n{ECHO} {{ memcpy(out, in, size); }}\n"


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


@contextmanager
def floor(started: Started) -> Iterator[Echo]:  # noqa: ARG001  # a C call has no process to place
    """The least that a C call can cost through cffi. Raises ToolMissing without a C compiler."""
    own = FFI()
    own.cdef(ECHO + ";")
    with tempfile.TemporaryDirectory(prefix="tl-") as folder:
        source, made = Path(folder, "echo.c"), Path(folder, "echo.so")
        source.write_text(CODE)
        command = [*compiler(), "-shared", "-fPIC", "-O2", "-o", str(made), str(source)]
        subprocess.run(command, check=True)
        library: Any = own.dlopen(str(made))

        def echo(payload: bytes) -> bytes:
            out = bytearray(len(payload))
            library.echo(own.from_buffer(payload), len(payload), own.from_buffer(out))
            return bytes(out)

        yield echo
