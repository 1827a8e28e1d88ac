"""The JSON codec: compact UTF-8, the contract's field names, JSON straight into the dataclasses.

Not protobuf's JSON mapping: names stay snake_case, an enum is its word, an integer a number
(P-CODEC-1).
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import is_dataclass
from operator import attrgetter
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import msgspec

from transportlab.codecs import INT32_MAX, INT32_MIN, Codec, DecodeError, unencodable

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
        check = range_check(type(message))
        if check is not None and not check(message):
            raise OverflowError
        return self._encoder.encode(message)

    def decode(self, kind: type[M], data: bytes | memoryview) -> M:
        """As in Codec. Unknown members are ignored, absent ones take the dataclass's default."""
        decoder = self._decoders.get(kind)
        if decoder is None:
            decoder = self._decoders[kind] = msgspec.json.Decoder(kind)
        try:
            message: M = decoder.decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise _decode_error(error) from error
        return checked(message)

    def convert(self, kind: type[M], value: object) -> M:
        """The message of that type in a value that a JSON parser has made of bytes."""
        try:
            message = msgspec.convert(value, kind)
        except (msgspec.MsgspecError, RecursionError) as error:
            raise _decode_error(error) from error
        return checked(message)


Check = Callable[[Any], bool]

_CHECKS: dict[object, Check | None] = {}


def range_check(kind: object) -> Check | None:
    """A function that tells whether a value's integers are all int32; None where it has none.

    msgspec takes integers of any size; the contract does not (P-CODEC-2).
    """
    if kind not in _CHECKS:
        _CHECKS[kind] = _make_check(kind)
    return _CHECKS[kind]


def _make_check(kind: object) -> Check | None:
    if kind is int:
        return _is_int32
    if isinstance(kind, type) and is_dataclass(kind):
        hints = get_type_hints(kind).items()
        members = [
            (attrgetter(name), check) for name, hint in hints if (check := range_check(hint))
        ]
        return _check_members(members) if members else None
    inner = next((check for part in get_args(kind) if (check := range_check(part))), None)
    if inner is None:
        return None
    if get_origin(kind) is tuple:
        return lambda value: all(map(inner, value))
    return lambda value: value is None or inner(value)


def _is_int32(value: int) -> bool:
    return INT32_MIN <= value <= INT32_MAX


def _check_members(members: Sequence[tuple[Callable[[Any], Any], Check]]) -> Check:
    """A check of one message's members. It is run on every message, hence the shapes of it."""
    if len(members) == 1:
        [(get_only, check_only)] = members
        if check_only is _is_int32:
            return lambda value: INT32_MIN <= get_only(value) <= INT32_MAX
        return lambda value: check_only(get_only(value))

    def check_all(value: Any) -> bool:
        for get, check in members:  # noqa: SIM110  # all() takes twice the time for so few
            if not check(get(value)):
                return False
        return True

    return check_all


def checked(message: M) -> M:
    """The message, or DecodeError if one of its integers is not int32 (P-CODEC-2)."""
    check = range_check(type(message))
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
