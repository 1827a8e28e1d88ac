"""Reads the suite's JSON files. A mistake is told with its line and a guess what was meant."""

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from transportlab.errors import UsageError
from transportlab.quote import nearest

T = TypeVar("T")

Way = Sequence[str | int]
"""Where a value stands in a document: names of members and numbers of items."""

_AT = re.compile(r" - at `(?:key in )?\$(.*)`$")
_STEP = re.compile(r"\.(\w+)|\[(\d+)\]")
_FIELD = re.compile(r"unknown field `(.*?)`")
_VALUE = re.compile(r"Invalid (?:enum )?value '(.*?)'")
_BYTE = re.compile(r"\(byte (\d+)\)")
_SPACE = re.compile(r"[ \t\r\n]*")


def read(path: Path, form: type[T], what: str) -> T:
    """The value of a JSON file. what: what it should hold, for the message. Raises UsageError."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error
    try:
        return msgspec.json.decode(data, type=form)
    except msgspec.ValidationError as error:
        line, hint = _place(data, form, str(error))
        raise UsageError(f"{path}:{line}: not {what}: {error}{hint}") from error
    except UnicodeDecodeError as error:
        line = _line_of_bytes(data)
        raise UsageError(f"{path}:{line}: not {what}: not UTF-8") from error
    except msgspec.DecodeError as error:
        found = _BYTE.search(str(error))
        line = data.count(b"\n", 0, int(found[1]) if found else len(data)) + 1
        raise UsageError(f"{path}:{line}: not {what}: {error}") from error


def line_of(path: Path, way: Way) -> int:
    """The line of a file on which a value stands, from 1; the nearest that there is."""
    return _line(path.read_text("utf-8"), way)


def meant(word: str, known: Sequence[str]) -> str:
    """A guess for a message, "; is it x?"; empty without one."""
    near = nearest(word, known)
    return f'; is it "{near}"?' if near else ""


def _line_of_bytes(data: bytes) -> int:
    """The line of the first bytes that are no UTF-8: the error says where in one text only."""
    try:
        data.decode()
    except UnicodeDecodeError as error:
        return data.count(b"\n", 0, error.start) + 1
    return 1


def _place(data: bytes, form: Any, problem: str) -> tuple[int, str]:
    """The line of a problem, and a guess what was meant."""
    at = _AT.search(problem)
    way: list[str | int] = [
        name or int(number) for name, number in _STEP.findall(at[1] if at else "")
    ]
    field, value = _FIELD.search(problem), _VALUE.search(problem)
    hint = ""
    if field is not None:
        way.append(field[1])
        hint = meant(field[1], sorted(_words(form, "properties")))
    elif value is not None:
        hint = meant(value[1], sorted(_words(form, "enum")))
    return _line(data.decode("utf-8", "replace"), way), hint


def _words(form: Any, member: str) -> set[str]:
    """The names of all members of the form, or all words that its enumerations have."""

    def found(value: Any) -> Iterator[str]:
        if isinstance(value, dict):
            if isinstance(value.get(member), dict | list):
                yield from (word for word in value[member] if isinstance(word, str))
            value = list(value.values())
        if isinstance(value, list):
            for item in value:
                yield from found(item)

    return set(found(msgspec.json.schema(form)))


def _line(text: str, way: Way) -> int:
    begin = at = _space(text, 0)
    for step in way:
        try:
            found = _member(text, at, step)
        except (ValueError, IndexError):  # what follows the problem may be no JSON
            break
        if found is None:
            break
        begin, at = found
    return text.count("\n", 0, begin) + 1


def _member(text: str, at: int, step: str | int) -> tuple[int, int] | None:
    """Where a member of the object or list at a place begins, and where its value does."""
    decoder = json.JSONDecoder()
    opening, number = text[at], 0
    if opening not in "{[":
        return None
    at = _space(text, at + 1)
    while text[at] not in "}]":
        begin, name = at, number
        if opening == "{":
            name, at = decoder.raw_decode(text, at)
            at = _space(text, _space(text, at) + 1)  # the colon is between
        if name == step:
            return begin, at
        _, at = decoder.raw_decode(text, at)
        at = _space(text, at)
        if text[at] == ",":
            at = _space(text, at + 1)
        number += 1
    return None


def _space(text: str, at: int) -> int:
    """Where the white space at a place ends."""
    match = _SPACE.match(text, at)
    return match.end() if match else at
