"""A strict JSON parser, for text that people write; what its values mean is left to reading.py.

The standard library's parser accepts NaN and repeated members, fails on deep nesting, and decodes
half of a surrogate pair into text that UTF-8 cannot hold. Here each of these is an error with its
place, like text that is not JSON at all. Only the first error is reported, because what follows it
may be misread.
"""

import json
import re
from collections.abc import Iterator
from typing import NoReturn

import msgspec

from transportlab.errors import MAX_MESSAGE_BYTES, ManifestError, Problem
from transportlab.quote import quote

MAX_DEPTH = 64
"""Deepest nesting of arrays and objects: more than a manifest needs, less than would overflow."""

MAX_INT_DIGITS = 19
"""Integers with more characters become Number: Python's int() raises past 4300 digits."""

# Possessive, with an optional end, so that no text makes it take more than linear time.
_STRING = r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?'
_TOKEN = re.compile(_STRING + r"|[\[\]{},:]", re.DOTALL)
_BRACKET = re.compile(_STRING + r"|[\[\]{}]", re.DOTALL)
_CONSTANT = re.compile(_STRING + r"|-?Infinity|NaN", re.DOTALL)
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_PLAIN = re.compile(r"[\w.-]{1,60}")

_SYNTAX = {
    "Extra data": "expected the end of the text, got more",
    "Unterminated string starting at": "expected a closing quotation mark, got none",
}

Path = tuple[str | int, ...]


class Number(msgspec.Struct, frozen=True):
    """A number as it is written: one with a fraction or an exponent, or a very long integer."""

    text: str


class _RepeatedError(Exception):
    """An object in the text has a member twice."""


class _ConstantError(Exception):
    """The text has NaN or an infinity where a number should be."""


def parse(data: bytes, source: str) -> object:
    """The value of a JSON text in UTF-8, as json.loads gives it, but with Number for some numbers.

    Raises ManifestError with one problem. source is the text's name in its message.
    """
    text = _decode(data, source)
    _check_depth(text, source)
    try:
        value = json.loads(
            text,
            object_pairs_hook=_object,
            parse_constant=_refuse_constant,
            parse_float=Number,
            parse_int=_integer,
        )
    except json.JSONDecodeError as error:
        problem = _SYNTAX.get(error.msg) or error.msg[0].lower() + error.msg[1:]
        _fail(source, f"not JSON: {place(text, error.pos)}: {problem}")
    except _ConstantError:
        match = next(match for match in _CONSTANT.finditer(text) if match[0][0] != '"')
        _fail(source, f"not JSON: {place(text, match.start())}: expected a number, got {match[0]}")
    except _RepeatedError:
        _fail(source, *next(_repeated(text)))
    if _SURROGATE.search(text):
        for message, path in _surrogates(text):
            _fail(source, message, path)
    return value


def place(text: str, offset: int) -> str:
    """The line and column of an offset into a text, both counted in characters from 1."""
    line = text.count("\n", 0, offset) + 1
    return f"line {line}, column {offset - text.rfind(chr(10), 0, offset)}"


def join(path: str, step: str | int) -> str:
    """The path, one step longer. A step that is not a plain word is quoted."""
    word = str(step)
    word = word if _PLAIN.fullmatch(word) else quote(word)
    return f"{path}/{word}" if path else word


def _fail(source: str, message: str, path: Path = ()) -> NoReturn:
    joined = ""
    for step in path:
        joined = join(joined, step)
    raise ManifestError(source, (Problem(joined, message),)) from None


def _decode(data: bytes, source: str) -> str:
    if len(data) > MAX_MESSAGE_BYTES:
        _fail(source, f"expected at most {MAX_MESSAGE_BYTES} bytes, got more")
    if data.startswith(b"\xef\xbb\xbf"):
        _fail(source, "expected UTF-8 without a byte order mark, got one at its start")
    if not data.strip(b" \t\r\n"):
        _fail(source, "expected a JSON object, got an empty file")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        _fail(source, f"expected UTF-8, got byte 0x{data[error.start]:02x} at offset {error.start}")


def _check_depth(text: str, source: str) -> None:
    depth = 0
    for token in _BRACKET.finditer(text):
        if token[0] in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                where = place(text, token.start())
                _fail(source, f"{where}: expected at most {MAX_DEPTH} levels of nesting, got more")
        elif token[0] in "]}":
            depth -= 1


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _RepeatedError
    return members


def _integer(digits: str) -> int | Number:
    return int(digits) if len(digits) <= MAX_INT_DIGITS else Number(digits)


def _refuse_constant(_: str) -> NoReturn:
    raise _ConstantError


def _repeated(text: str) -> Iterator[tuple[str, Path]]:
    seen: dict[Path, int] = {}
    for path, offset, _, is_name in _strings(text):
        if is_name and path in seen:
            first = place(text, seen[path])
            yield f"{place(text, offset)}: expected each member once, got it first at {first}", path
        if is_name:
            seen[path] = offset


def _surrogates(text: str) -> Iterator[tuple[str, Path]]:
    for path, offset, string, _ in _strings(text):
        if any("\ud800" <= character <= "\udfff" for character in string):
            where = place(text, offset)
            yield f"{where}: expected Unicode text, got half of a surrogate pair", path


def _strings(text: str) -> Iterator[tuple[Path, int, str, bool]]:
    """Each string of a valid text: its path, offset and value, and whether it names a member.

    In an object names and values alternate: a name follows `{` and `,`, a value follows `:`.
    """
    path: list[str | int] = []
    wants_name = [False]
    for token in _TOKEN.finditer(text):
        match token[0]:
            case "{" | "[" as bracket:
                path.append("" if bracket == "{" else 0)
                wants_name.append(bracket == "{")
            case "}" | "]":
                path.pop()
                wants_name.pop()
            case ",":
                last = path[-1]
                path[-1] = last + 1 if isinstance(last, int) else last
                wants_name[-1] = isinstance(last, str)
            case ":":
                wants_name[-1] = False
            case string:
                value = json.loads(string)
                if wants_name[-1]:
                    path[-1] = value
                yield tuple(path), token.start(), value, wants_name[-1]
