"""The handshake line: CRONIX-PLUGIN-V1 <endpoint> [key=value ...] (P-HANDSHAKE).

Written by a plugin, parsed by its host. Reading the bytes and bounding the wait is the host's.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from transportlab.errors import ProtocolViolation

MAGIC = "CRONIX-PLUGIN-V1"
MAX_LINE = 4096
"""Longest line in bytes, its line end included (P-HANDSHAKE-2)."""

STDIO = "stdio"

SHOWN = 200
"""How many bytes of a bad line an error shows."""


@dataclass(frozen=True, slots=True)
class Handshake:
    """What a plugin says of itself; words holds every key=value, known or not (P-HANDSHAKE-5)."""

    endpoint: str
    words: Mapping[str, str]


def write(endpoint: str, **words: str) -> str:
    """The line without its line end."""
    return " ".join([MAGIC, endpoint, *(f"{key}={value}" for key, value in words.items())])


def parse(line: bytes) -> Handshake:
    """The line without its line end, or ProtocolViolation with what is wrong and its bytes."""
    shown = repr(line[:SHOWN])[1:] + ("..." if len(line) > SHOWN else "")
    try:
        text = line.removesuffix(b"\r").decode("utf-8")
    except UnicodeDecodeError as error:
        raise ProtocolViolation(f"the line is not UTF-8: {shown}") from error
    magic, *rest = text.split(" ")
    if magic != MAGIC:
        raise ProtocolViolation(f"the line does not begin with {MAGIC}: {shown}")
    if not rest or not rest[0]:
        raise ProtocolViolation(f"the line names no endpoint: {shown}")
    words: dict[str, str] = {}
    for word in filter(None, rest[1:]):
        key, equals, value = word.partition("=")
        if not equals or not key:
            raise ProtocolViolation(f"{word!r} is not key=value: {shown}")
        words[key] = value
    return Handshake(rest[0], words)
