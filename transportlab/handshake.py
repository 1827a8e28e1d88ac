"""The handshake line: CRONIX-PLUGIN-V1 <endpoint> [key=value ...] (P-HANDSHAKE).

Written by a plugin, parsed by its host. Reading the bytes and bounding the wait is the host's. What
is wrong with a line is told apart by a stable code, since what to do about it differs.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from transportlab.errors import ProtocolViolation, SecondHandshake

FAMILY = "CRONIX-PLUGIN-V"
MAGIC = f"{FAMILY}1"
MAX_LINE = 4096
"""Longest line in bytes, its line end included (P-HANDSHAKE-2)."""

STDIO = "stdio"

_VERSION = re.compile(FAMILY + r"(\w*)")

SHOWN = 200
"""How many bytes of a bad line an error shows."""


class HandshakeError(ProtocolViolation):
    """A line that is no handshake: a stable code, what is wrong with its bytes, and what to do."""

    def __init__(self, code: str, problem: str, action: str) -> None:
        super().__init__(problem)
        self.code = code
        self.action = action


@dataclass(frozen=True, slots=True)
class Handshake:
    """What a plugin says of itself; words holds every key=value, known or not (P-HANDSHAKE-5)."""

    endpoint: str
    words: Mapping[str, str]


def write(endpoint: str, **words: str) -> str:
    """The line without its line end."""
    return " ".join([MAGIC, endpoint, *(f"{key}={value}" for key, value in words.items())])


def parse(line: bytes) -> Handshake:
    """The line without its line end, or HandshakeError with what is wrong and its bytes."""
    try:
        text = line.removesuffix(b"\r").decode("utf-8")
    except UnicodeDecodeError as error:
        raise HandshakeError(
            "E-HANDSHAKE-ENCODING",
            f"the handshake line is not UTF-8: {shown(line)}",
            "write the line in UTF-8, and nothing else on stdout before it",
        ) from error
    magic, *rest = text.split(" ")
    if magic != MAGIC:
        raise _no_handshake(magic, line)
    if not rest or not rest[0]:
        raise _bad_words("names no endpoint", line)
    words: dict[str, str] = {}
    for word in filter(None, rest[1:]):
        key, equals, value = word.partition("=")
        if not equals or not key:
            raise _bad_words(f"has {word[:SHOWN]!r}, which is not key=value", line)
        words[key] = value
    return Handshake(rest[0], words)


def _no_handshake(magic: str, line: bytes) -> HandshakeError:
    if not line.strip():
        return HandshakeError(
            "E-HANDSHAKE-EMPTY",
            f"an empty line instead of a handshake: {shown(line)}",
            "write nothing on stdout before the handshake line, not even a line end",
        )
    version = _VERSION.match(magic)
    if version and version[1] == "1":
        return _bad_words("does not put a space behind its first word", line)
    if version:
        return HandshakeError(
            "E-HANDSHAKE-VERSION",
            f"a handshake of another version than {MAGIC}: {shown(line)}",
            f"use a plugin whose handshake is {MAGIC}, or a host that knows the plugin's",
        )
    return HandshakeError(
        "E-HANDSHAKE-NOISE",
        f"not a handshake but this: {shown(line)}",
        f"a plugin writes its line ({MAGIC} ...) before anything else on stdout; what it prints"
        " belongs on stderr",
    )


def _bad_words(problem: str, line: bytes) -> HandshakeError:
    return HandshakeError(
        "E-HANDSHAKE-WORDS",
        f"the handshake line {problem}: {shown(line)}",
        f"the line is {MAGIC}, a space, the endpoint, and then key=value words",
    )


def shown(line: bytes) -> str:
    """The bytes of a bad line as an error has them, at most SHOWN of them."""
    return repr(line[:SHOWN])[1:] + ("..." if len(line) > SHOWN else "")


def again(line: bytes) -> SecondHandshake | None:
    """The error if a line that comes after the handshake is one more; None for any other."""
    if not line.startswith(FAMILY.encode("ascii")):
        return None
    return SecondHandshake(f"the plugin sent a second handshake line: {shown(line)}")
