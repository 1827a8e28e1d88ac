"""The same call by grpcio alone: what the lab's own layers are measured against.

With protobuf the message is made beforehand and the reply stays a protobuf message, as a program
written for grpcio would have it; JSON has no such form, so its codec stands on both sides.
"""

from collections.abc import Callable, Mapping
from typing import Any

import grpc

from transportlab.codecs import load_codec
from transportlab.codecs._pb import backend_pb2, convert
from transportlab.methods import AnyMethod
from transports.grpc.client import GrpcChannel
from transports.grpc.wire import CODEC_KEY, OPTIONS

FILL: Mapping[type, tuple[Any, Callable[[Any, Any], Any]]] = convert.FILL


def raw_call(channel: GrpcChannel, method: AnyMethod, request: object) -> Callable[[], object]:
    """A function that makes the call, on a connection of its own to the same plugin."""
    raw = grpc.insecure_channel(f"unix:{channel.path}", options=OPTIONS)
    if channel.codec == "protobuf":
        wire, fill = FILL[method.request]
        message = fill(wire(), request)
        reply = getattr(backend_pb2, method.reply.__name__)
        begin = raw.unary_unary(
            method.path,
            request_serializer=type(message).SerializeToString,
            response_deserializer=reply.FromString,
        )
        return lambda: begin(message)
    codec, metadata = load_codec(channel.codec), ((CODEC_KEY, channel.codec),)
    call = raw.unary_unary(
        method.path,
        request_serializer=codec.encode,
        response_deserializer=lambda data: codec.decode(method.reply, data),
    )
    return lambda: call(request, metadata=metadata)
