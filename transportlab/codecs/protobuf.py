"""The protobuf codec: converts the model's messages to those of backend.proto, and back."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from google.protobuf.message import DecodeError as ProtobufDecodeError

from transportlab.codecs import LARGE, Check, Codec, DecodeError, Pair, checking
from transportlab.codecs._pb import convert

M = TypeVar("M")

_FILL: Mapping[Any, tuple[Any, Callable[[Any, Any], Any]]] = convert.FILL
_FROM: Mapping[Any, tuple[Any, Callable[..., Any]]] = convert.FROM


class ProtobufCodec(Codec):
    """See the module."""

    name = "protobuf"
    content_type = "application/x-protobuf"

    def _encode(self, message: object) -> bytes:
        wire, fill = _FILL[type(message)]
        data: bytes = fill(wire(), message).SerializeToString()
        return data

    def decode(self, kind: type[M], data: bytes | memoryview, check: Check | None = None) -> M:
        """See Codec.decode."""
        wire, from_wire = _FROM[kind]
        try:
            parsed = wire.FromString(data)
        except (ProtobufDecodeError, UnicodeDecodeError) as error:
            raise DecodeError("", f"not a valid protobuf {kind.__name__}: {error}") from error
        try:
            message: M
            if check is None or len(data) < LARGE:
                message = from_wire(parsed)
            else:
                message = from_wire(parsed, lambda items: checking(items, check))
        except KeyError as error:
            raise DecodeError(_path_of(parsed), f"unknown enum number {error}") from error
        return message

    def alone(self, request: object, reply: type) -> Pair:
        """See Codec.alone. The request is converted before; the reply stays a protobuf message."""
        wire, fill = _FILL[type(request)]
        return fill(wire(), request).SerializeToString, _FROM[reply][0].FromString


def _path_of(message: Any, path: str = "") -> str:
    """The path of the first enum field whose number is not known."""
    for field, value in message.ListFields():
        where = f"{path}{field.name}"
        if field.enum_type is not None and value not in field.enum_type.values_by_number:
            return where
        if field.message_type is None or field.message_type.GetOptions().map_entry:
            continue
        parts = [(f"{where}/{i}/", x) for i, x in enumerate(value)] if field.is_repeated else []
        for place, part in parts or [(f"{where}/", value)]:
            if found := _path_of(part, place):
                return found
    return ""


CODEC = ProtobufCodec()
