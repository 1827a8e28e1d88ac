"""Turns messages into bytes and back. Each codec is a module, so a plugin imports only its own.

A message that cannot be encoded is its sender's mistake: RpcError INVALID_ARGUMENT with the path of
the member. Bytes that cannot be decoded are a DecodeError, which a server answers with
INVALID_ARGUMENT and a client reports as a ProtocolViolation. How bytes travel is left to the
transports.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from typing import Any, TypeVar

import msgspec

from transportlab.errors import (
    MAX_MESSAGE_BYTES,
    LabError,
    RpcError,
    invalid_argument,
    message_too_large,
)
from transportlab.model import INT32_MAX, INT32_MIN

M = TypeVar("M")

REQUIRES = {"protobuf": ("google.protobuf",)}
"""Import names of the libraries that a codec needs and that the project does not always bring."""

Check = Callable[[], None]
"""Raises an exception if the work should not go on."""

CHECK_EVERY = 4096
"""Messages or members that are read between two checks: they take a few milliseconds."""

LARGE = 1 << 20
"""Bytes from which a message takes long enough to read that somebody should check."""

Pair = tuple[Callable[[], bytes], Callable[[bytes], object]]
"""Encodes one request; decodes one reply."""


class DecodeError(LabError):
    """Bytes that are not the message that they should be.

    path is the member that is wrong, empty where that is not known; problem says what is wrong.
    """

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"{path}: {problem}" if path else problem)
        self.path = path
        self.problem = problem

    def to_rpc_error(self) -> RpcError:
        """What a server answers (P-CODEC-3)."""
        return invalid_argument(self.path, self.problem, reason="UNREADABLE_REQUEST")


class Codec(ABC):
    """One encoding of messages. Safe to use from several threads.

    name is what a transport's traits and CRONIX_PLUGIN_CODEC call it; content_type its name in
    HTTP.
    """

    name: str
    content_type: str

    def encode(self, message: object) -> bytes:
        """The bytes of a message.

        Raises RpcError: RESOURCE_EXHAUSTED for more than MAX_MESSAGE_BYTES; INVALID_ARGUMENT, with
        the path, for a value that the contract does not allow (a lone surrogate, an integer beyond
        int32).
        """
        try:
            data = self._encode(message)
        except (ValueError, TypeError, OverflowError) as error:
            raise unencodable(message) or error from error
        if len(data) > MAX_MESSAGE_BYTES:
            raise message_too_large(len(data))
        return data

    @abstractmethod
    def _encode(self, message: object) -> bytes: ...

    @abstractmethod
    def decode(self, kind: type[M], data: bytes | memoryview, check: Check | None = None) -> M:
        """The message of that type in the bytes.

        Unknown members are ignored, absent ones get the struct's default (P-CODEC-4, -5). Raises
        DecodeError. Checking the size is left to the caller.

        check: called from time to time where Python code reads a large message, to give up by an
        exception. A context's check() keeps the deadline.
        """

    def pair(self, request: object, reply: type) -> "Pair":
        """The two functions that one call needs: to encode this request, to decode a reply."""
        return lambda: self.encode(request), lambda data: self.decode(reply, data)

    def alone(self, request: object, reply: type) -> "Pair":
        """The same two functions by the codec's library alone, without the checks made here.

        The library's own form of a message, where it has one, takes the place of the struct.
        For benchmarks, which measure what this package adds to a library.
        """
        return self.pair(request, reply)


def checking(items: Iterable[M], check: Check) -> Iterator[M]:
    """Go through the items, and check at the beginning and after each CHECK_EVERY of them."""
    for number, item in enumerate(items):
        if number % CHECK_EVERY == 0:
            check()
        yield item


def load_codec(name: str) -> Codec:
    """The codec of that name. Raises ModuleNotFoundError if it or its library is not there."""
    codec: Codec = import_module(f"transportlab.codecs.{name}").CODEC
    return codec


def unencodable(message: object, path: str = "") -> RpcError | None:
    """INVALID_ARGUMENT for the first member that cannot be encoded, with its path; None if all can.

    Walks the whole message, so it is for messages that an encoder has refused already.
    """
    if isinstance(message, str):
        return _check_text(message, path)
    if isinstance(message, int) and not INT32_MIN <= message <= INT32_MAX:
        return invalid_argument(
            path,
            f"integer {message} is outside int32",
            reason="INTEGER_RANGE",
            expected=f"{INT32_MIN} to {INT32_MAX}",
            got=str(message),
        )
    for name, value in _members(message):
        found = unencodable(value, f"{path}/{name}" if path else str(name))
        if found is not None:
            return found
    return None


def _check_text(text: str, path: str) -> RpcError | None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        problem = f"lone surrogate U+{ord(text[error.start]):04X} at character {error.start}"
        return invalid_argument(path, problem, reason="INVALID_TEXT", expected="Unicode text")
    return None


def _members(message: object) -> list[tuple[object, Any]]:
    if isinstance(message, msgspec.Struct):
        return [(name, getattr(message, name)) for name in message.__struct_fields__]
    if isinstance(message, dict):
        return [*((key, key) for key in message), *message.items()]
    if isinstance(message, (tuple, list)):
        return list(enumerate(message))
    return []
