"""From messages to bytes and back. One module a codec, so that a plugin imports only its own.

A message that cannot be encoded is the caller's fault (RpcError INVALID_ARGUMENT with the path);
bytes that cannot be decoded are DecodeError, which a server answers with INVALID_ARGUMENT and a
client takes as a ProtocolViolation.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from importlib import import_module
from typing import Any, TypeVar

from transportlab.errors import (
    MAX_MESSAGE_BYTES,
    LabError,
    RpcError,
    invalid_argument,
    message_too_large,
)

M = TypeVar("M")

Pair = tuple[Callable[[], bytes], Callable[[bytes], object]]

INT32_MIN, INT32_MAX = -(2**31), 2**31 - 1


class DecodeError(LabError):
    """Bytes that are no such message. path names the member where that is known."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"{path}: {problem}" if path else problem)
        self.path = path
        self.problem = problem

    def to_rpc_error(self) -> RpcError:
        """What a server answers (P-CODEC-3)."""
        return invalid_argument(self.path, self.problem, reason="UNREADABLE_REQUEST")


class Codec(ABC):
    """One way to write messages as bytes. Safe to use from several threads."""

    name: str
    content_type: str

    def encode(self, message: object) -> bytes:
        """The message's bytes.

        Raises RpcError RESOURCE_EXHAUSTED over MAX_MESSAGE_BYTES, INVALID_ARGUMENT for a value that
        the contract does not allow (a lone surrogate, an integer beyond int32), with its path.
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
    def decode(self, kind: type[M], data: bytes | memoryview) -> M:
        """The message of that type in the bytes, or DecodeError. Size is the caller's concern."""

    def pair(self, request: object, reply: type) -> "Pair":
        """What one call needs of the codec: to write the request, to read a reply."""
        return lambda: self.encode(request), lambda data: self.decode(reply, data)

    def alone(self, request: object, reply: type) -> "Pair":
        """The same by the codec's library alone, in its own form of a message where it has one.

        For benchmarks, which hold the lab's own layers against it.
        """
        return self.pair(request, reply)


def load_codec(name: str) -> Codec:
    """The codec of that name: json or protobuf."""
    codec: Codec = import_module(f"transportlab.codecs.{name}").CODEC
    return codec


def unencodable(message: object, path: str = "") -> RpcError | None:
    """What in a message cannot be encoded, as INVALID_ARGUMENT with its path; None if nothing.

    Walks the whole message: for the moment after an encoder has failed.
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
    if is_dataclass(message):
        return [(f.name, getattr(message, f.name)) for f in fields(message)]
    if isinstance(message, dict):
        return [*((key, key) for key in message), *message.items()]
    if isinstance(message, (tuple, list)):
        return list(enumerate(message))
    return []
