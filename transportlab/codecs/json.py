"""The JSON codec: compact UTF-8, which msgspec writes and reads without a step between.

It is not protobuf's JSON mapping: member names are the contract's, in snake_case, an enum is its
word, and an integer is a number (P-CODEC-1).
"""

import re
from typing import Any, TypeVar

import msgspec

from transportlab.codecs import Codec, DecodeError, unencodable
from transportlab.codecs._int32 import INT32

M = TypeVar("M")

_PATH = re.compile(r" - at `(?P<path>[^`]*)`\Z")
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]")


class JsonCodec(Codec):
    """See the module."""

    name = "json"
    content_type = "application/json"

    def __init__(self) -> None:
        self._encoder = msgspec.json.Encoder()
        self._decoders: dict[type, msgspec.json.Decoder[Any]] = {}

    def _encode(self, message: object) -> bytes:
        check = INT32.get(type(message))
        if check is not None and not check(message):
            raise OverflowError
        return self._encoder.encode(message)

    def decode(self, kind: type[M], data: bytes | memoryview) -> M:
        """See Codec.decode."""
        decoder = self._decoders.get(kind)
        if decoder is None:
            decoder = self._decoders[kind] = msgspec.json.Decoder(kind)
        try:
            message: M = decoder.decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise _decode_error(error) from error
        return checked(message)

    def convert(self, kind: type[M], value: object) -> M:
        """The message of that type in a value that another JSON parser made. Raises DecodeError."""
        try:
            message = msgspec.convert(value, kind)
        except (msgspec.MsgspecError, RecursionError) as error:
            raise _decode_error(error) from error
        return checked(message)


def checked(message: M) -> M:
    """The message itself. Raises DecodeError if one of its integers is not int32 (P-CODEC-2).

    msgspec accepts integers of any size.
    """
    check = INT32.get(type(message))
    if check is not None and not check(message) and (found := unencodable(message)) is not None:
        raise DecodeError(found.details.path, found.message.partition(": ")[2])
    return message


def _decode_error(error: Exception) -> DecodeError:
    if isinstance(error, RecursionError):
        return DecodeError("", "JSON is nested too deeply")
    text = str(error)
    match = _PATH.search(text)
    if match is None:
        return DecodeError("", f"not valid JSON: {text}")
    steps = (key or index for key, index in _STEP.findall(match["path"]))
    return DecodeError("/".join(steps), text[: match.start()])


CODEC = JsonCodec()
