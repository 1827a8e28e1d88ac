"""The handshake line: CRONIX-PLUGIN-V1 <endpoint> [key=value ...] (P-HANDSHAKE).

A plugin writes it and its host parses it. This module has both directions as functions of text and
bytes. transportlab/host/handshake.py reads the bytes from a process, within a bound.

Each way to get the line wrong has a code of its own, because what to do about it differs.
"""

import re
from collections.abc import Mapping

import msgspec

from transportlab.errors import ProtocolViolation, SecondHandshake

FAMILY = "CRONIX-PLUGIN-V"
MAGIC = f"{FAMILY}1"
STDIO = "stdio"

MAX_LINE = 4096
"""Longest line in bytes, line end included (P-HANDSHAKE-2)."""

SHOWN = 200
"""How many bytes of a bad line an error shows."""

_VERSION = re.compile(FAMILY + r"(\w*)")


class HandshakeError(ProtocolViolation):
    """The line is not a handshake. `code` is an E-HANDSHAKE code, `action` says what to do."""

    def __init__(self, code: str, problem: str, action: str) -> None:
        super().__init__(problem)
        self.code = code
        self.action = action


class Handshake(msgspec.Struct, frozen=True):
    """A parsed line. `words` has every key=value, also of unknown keys (P-HANDSHAKE-5)."""

    endpoint: str
    words: Mapping[str, str]


def format_line(endpoint: str, **words: str) -> str:
    """Return the line without its line end."""
    return " ".join([MAGIC, endpoint, *(f"{key}={value}" for key, value in words.items())])


def parse(line: bytes) -> Handshake:
    """Parse a line without its line end. Raises HandshakeError, which shows the bytes."""
    try:
        text = line.removesuffix(b"\r").decode("utf-8")
    except UnicodeDecodeError as error:
        raise HandshakeError(
            "E-HANDSHAKE-ENCODING",
            f"the handshake line is not UTF-8: {show_bytes(line)}",
            "write the line in UTF-8, and nothing else on stdout before it",
        ) from error
    magic, *rest = text.split(" ")
    if magic != MAGIC:
        raise _wrong_magic(magic, line)
    if not rest or not rest[0]:
        raise _wrong_words("names no endpoint", line)
    words: dict[str, str] = {}
    for word in filter(None, rest[1:]):
        key, equals, value = word.partition("=")
        if not equals or not key:
            raise _wrong_words(f"has {word[:SHOWN]!r}, which is not key=value", line)
        words[key] = value
    return Handshake(rest[0], words)


def second_handshake(line: bytes) -> SecondHandshake | None:
    """Return an error if a line after the handshake is a handshake too, else None."""
    if not line.startswith(FAMILY.encode("ascii")):
        return None
    return SecondHandshake(f"the plugin sent a second handshake line: {show_bytes(line)}")


def show_bytes(line: bytes) -> str:
    """Return the bytes of a bad line as an error shows them, at most SHOWN of them."""
    return repr(line[:SHOWN])[1:] + ("..." if len(line) > SHOWN else "")


def _wrong_magic(magic: str, line: bytes) -> HandshakeError:
    if not line.strip():
        return HandshakeError(
            "E-HANDSHAKE-EMPTY",
            f"an empty line instead of a handshake: {show_bytes(line)}",
            "write nothing on stdout before the handshake line, not even a line end",
        )
    version = _VERSION.match(magic)
    if version and version[1] == "1":
        return _wrong_words("has no space after its first word", line)
    if version:
        return HandshakeError(
            "E-HANDSHAKE-VERSION",
            f"a handshake of another version than {MAGIC}: {show_bytes(line)}",
            f"use a plugin whose handshake is {MAGIC}, or a host that knows the plugin's",
        )
    return HandshakeError(
        "E-HANDSHAKE-NOISE",
        f"not a handshake but this: {show_bytes(line)}",
        f"a plugin writes its line ({MAGIC} ...) before anything else on stdout; what it prints"
        " belongs on stderr",
    )


def _wrong_words(problem: str, line: bytes) -> HandshakeError:
    return HandshakeError(
        "E-HANDSHAKE-WORDS",
        f"the handshake line {problem}: {show_bytes(line)}",
        f"the line is {MAGIC}, a space, the endpoint, and then key=value words",
    )
