"""The protobuf codec: backend.proto's messages, converted to and from the dataclasses at its edge."""

from typing import Any, TypeVar

from google.protobuf.message import DecodeError as ProtobufDecodeError

from transportlab.codecs import Codec, DecodeError
from transportlab.codecs._pb.convert import FROM, TO

M = TypeVar("M")


class ProtobufCodec(Codec):
    """See the module."""

    name = "protobuf"
    content_type = "application/x-protobuf"

    def _encode(self, message: object) -> bytes:
        data: bytes = TO[type(message)](message).SerializeToString()
        return data

    def decode(self, kind: type[M], data: bytes | memoryview) -> M:
        """As in Codec. Unknown fields are ignored, absent ones take the dataclass's default."""
        wire: Any
        wire, convert = FROM[kind]
        try:
            parsed = wire.FromString(data)
        except (ProtobufDecodeError, UnicodeDecodeError) as error:
            raise DecodeError("", f"not a valid protobuf {kind.__name__}: {error}") from error
        message: M = convert(parsed)
        return message


CODEC = ProtobufCodec()
