"""The protobuf codec: backend.proto's messages, made of and into the dataclasses at its edge."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from google.protobuf.message import DecodeError as ProtobufDecodeError

from transportlab.codecs import Codec, DecodeError
from transportlab.codecs._pb import convert

M = TypeVar("M")

_TO: dict[type, Callable[[Any], Any]] = convert.TO
_FROM: Mapping[type, tuple[Any, Callable[[Any], Any]]] = convert.FROM


class ProtobufCodec(Codec):
    """See the module."""

    name = "protobuf"
    content_type = "application/x-protobuf"

    def _encode(self, message: object) -> bytes:
        data: bytes = _TO[type(message)](message).SerializeToString()
        return data

    def decode(self, kind: type[M], data: bytes | memoryview) -> M:
        """As in Codec. Unknown fields are ignored, absent ones take the dataclass's default."""
        wire, from_wire = _FROM[kind]
        try:
            parsed = wire.FromString(data)
        except (ProtobufDecodeError, UnicodeDecodeError) as error:
            raise DecodeError("", f"not a valid protobuf {kind.__name__}: {error}") from error
        message: M = from_wire(parsed)
        return message


CODEC = ProtobufCodec()
