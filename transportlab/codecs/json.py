"""The JSON codec: compact UTF-8, which msgspec writes and reads without a step between.

It is not protobuf's JSON mapping: member names are the contract's, in snake_case, an enum is its
word, and an integer is a number (P-CODEC-1).
"""

import re
from typing import Any, TypeVar

import msgspec

from transportlab.codecs import CHECK_EVERY, Check, Codec, DecodeError, unencodable
from transportlab.codecs._int32 import INT32

M = TypeVar("M")

_PATH = re.compile(r" - at `(?P<path>[^`]*)`\Z")
_ESCAPED_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]")


class LoneSurrogate:
    """Stands for a text that is not Unicode, so that the member that holds it is the wrong type."""


def parse_lone_surrogates(data: bytes | memoryview, check: Check | None = None) -> Any:
    """The value of JSON that only lone surrogates keep msgspec from reading; else None.

    A LoneSurrogate replaces each text with one, and the value of each member whose name has one.
    """
    if not _ESCAPED_SURROGATE.search(data):
        return None
    import json  # not at the top: hardly anything comes here, and it takes 2 ms of each start

    found = False
    objects = 0

    def seen(value: Any) -> Any:
        nonlocal found
        if isinstance(value, list):
            return [seen(item) for item in value]
        if not isinstance(value, str) or value.isascii() or _is_unicode(value):
            return value
        found = True
        return LoneSurrogate()

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal objects
        objects += 1
        if check is not None and objects % CHECK_EVERY == 0:
            check()
        each: dict[str, Any] = {}
        for name, value in pairs:
            wrong = isinstance(seen(name), LoneSurrogate)
            key = name.encode("utf-8", "backslashreplace").decode() if wrong else name
            each[key] = LoneSurrogate() if wrong else seen(value)
        return each

    def refuse(word: str) -> Any:
        raise ValueError(f"{word} is not JSON")

    try:
        text = str(data, "utf-8")
        value = seen(json.loads(text, object_pairs_hook=members, parse_constant=refuse))
    except (ValueError, RecursionError):
        return None
    return value if found else None


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


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

    def decode(self, kind: type[M], data: bytes | memoryview, check: Check | None = None) -> M:
        """See Codec.decode."""
        decoder = self._decoders.get(kind)
        if decoder is None:
            decoder = self._decoders[kind] = msgspec.json.Decoder(kind)
        try:
            if isinstance(data, memoryview) or not data.isascii():
                str(data, "utf-8")  # msgspec does not look into what it skips (P-CODEC-1)
            message: M = decoder.decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            if (value := parse_lone_surrogates(data, check)) is not None:
                return self.convert(kind, value)  # tells the path
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
