"""For benchmarks: a call by msgspec and two pipes alone, and bytes over two pipes.

The first is what the lab's own layers are measured against, the second the floor of the carriage.
"""

import os
import select
from collections.abc import Callable
from typing import Any

import msgspec

from transportlab.codecs import Pair
from transportlab.floor import pipe_echo
from transportlab.methods import AnyMethod
from transports.jsonrpc.client import JsonRpcChannel
from transports.jsonrpc.messages import reply_decoder

CHUNK = 65536

floor = pipe_echo
"""The least that stdin and stdout can cost."""


class _Request(msgspec.Struct):
    method: str
    params: dict[str, Any]
    id: int = 2**31
    jsonrpc: str = "2.0"


def raw_call(
    channel: JsonRpcChannel, method: AnyMethod, request: object, _pair: Pair
) -> Callable[[], object]:
    """A function that makes the call on the channel's own pipes. Nobody else may use them then.

    The message is encoded with its envelope in one pass, so the pair is not used.
    """
    reader, writer = channel.pipes
    encoder, decoder = msgspec.json.Encoder(), reply_decoder(method.reply)
    message = _Request(method.name, {"request": request})

    def call() -> object:
        data = encoder.encode(message) + b"\n"
        written = os.write(writer, data)
        while written < len(data):  # the pipe is full, and the channel has made it non-blocking
            select.select((), (writer,), ())
            written += os.write(writer, memoryview(data)[written:])
        line = os.read(reader, CHUNK)
        while not line.endswith(b"\n"):
            line += os.read(reader, CHUNK)
        return decoder.decode(line).result

    return call
