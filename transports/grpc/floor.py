"""The same call by grpcio alone: what the lab's own layers are measured against."""

from collections.abc import Callable
from typing import Any

import grpc

from transportlab.codecs import Pair
from transportlab.methods import AnyMethod
from transports.grpc.client import GrpcChannel
from transports.grpc.wire import CODEC_KEY, OPTIONS


def raw_call(
    channel: GrpcChannel, method: AnyMethod, _request: object, pair: Pair
) -> Callable[[], object]:
    """A function that makes the call, on a connection of its own to the same plugin."""
    write, read = pair
    connection = grpc.insecure_channel(f"unix:{channel.path}", options=OPTIONS)
    call: Any = connection.unary_unary(
        method.path, request_serializer=lambda _: write(), response_deserializer=read
    )
    metadata = ((CODEC_KEY, channel.codec),)
    return lambda: call(None, metadata=metadata)
