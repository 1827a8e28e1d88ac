"""Makes a record of each line that a plugin writes on stderr, whatever is in it (P-LOG-3).

    {"ts":...,"level":"info","plugin":...,"msg":...,"rows":3}    as transportlab.log writes it
    {"@level":"warn","@message":...,"@timestamp":...,"rows":3}   as HashiCorp's loggers write it
    anything else                                                the line is the message

The parser accepts all bytes. Nothing in a record moves a terminal's cursor or shows a secret. The
host decides nothing by what a line says.
"""

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from transportlab.quote import clean
from transportlab.redact import NOTHING, Redactor

LINE_BYTES = 8192
"""A line is cut after so many bytes: a plugin may write lines of any length."""

Value = str | int | float | bool | None

MESSAGE = ("msg", "@message", "message")
LEVEL = ("level", "@level")
SECONDS = ("ts",)
MOMENT = ("ts", "@timestamp", "time")
"""Names of members with a time. As a number it is taken from SECONDS only: elsewhere a number may
as well be a duration."""

LEVELS = {
    "trace": "debug",
    "debug": "debug",
    "info": "info",
    "notice": "info",
    "warn": "warning",
    "warning": "warning",
    "error": "error",
    "err": "error",
    "critical": "error",
    "fatal": "error",
    "panic": "error",
}
"""The names that loggers give their levels, and which of a record's four each one is."""

_DIGITS = 18
"""Integers with more digits stay texts: their next reader may have no more than 64 bits."""

_CONTINUATION = bytes(range(0x80, 0xC0))
_LEADING = bytes(range(0xC0, 0x100))


class LogRecord(msgspec.Struct, frozen=True):
    """One line of a plugin's log. Texts are printable.

    plugin: the name by which the host knows the plugin.
    level: debug, info, warning or error; empty if the line has none.
    fields: the other members of the line. A list or an object is its JSON.
    time: seconds since 1970, or None if the line has none.
    """

    plugin: str
    level: str = ""
    message: str = ""
    fields: Mapping[str, Value] = msgspec.field(default_factory=dict)
    time: float | None = None

    def __str__(self) -> str:
        """The record as one line for people: name, level, message, key=value..."""
        said = [f"{_word(key)}={_shown(value)}" for key, value in self.fields.items()]
        return " ".join(filter(None, [self.plugin, self.level or "-", self.message, *said]))


def parse(plugin: str, line: bytes, redactor: Redactor = NOTHING) -> LogRecord:
    """Return the record of a line without its line end."""
    members = _members(line)
    if members is None:
        return LogRecord(plugin, message=clean(text_of(line, redactor)))
    level = _take(members, LEVEL, _level)
    time = _take(members, SECONDS, _seconds) or _take(members, MOMENT, _moment)
    message = _take(members, MESSAGE, _text)
    if members.get("plugin") == plugin:
        del members["plugin"]
    fields = {_hidden(key, redactor): _value(value, redactor) for key, value in members.items()}
    return LogRecord(plugin, level or "", _hidden(message or "", redactor), fields, time)


def text_of(line: bytes, redactor: Redactor = NOTHING) -> str:
    """Return the line as text, cut at LINE_BYTES. It may hold control characters."""
    if len(line) <= LINE_BYTES:
        return redactor.text(_decoded(line))
    # Cut between two characters: with half of one at its end a part of a secret is not recognised.
    whole = line[:LINE_BYTES].rstrip(_CONTINUATION).rstrip(_LEADING)
    return redactor.text(_decoded(whole)) + "..."


def _decoded(line: bytes) -> str:
    return line.decode("utf-8", "backslashreplace").rstrip("\r")


def _members(line: bytes) -> dict[str, Any] | None:
    """Return the members if the line is a JSON object. Of members with one name the last counts."""
    if len(line) > LINE_BYTES or not line.lstrip().startswith(b"{"):
        return None
    try:
        found = json.loads(
            _decoded(line), parse_constant=str, parse_int=_integer, parse_float=_number
        )
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _integer(digits: str) -> int | str:
    return int(digits) if len(digits) <= _DIGITS else digits


def _number(digits: str) -> float | str:
    value = float(digits)
    return value if math.isfinite(value) else digits


def _take(members: dict[str, Any], names: tuple[str, ...], read: Any) -> Any:
    """Take out the first of these members that can be read, or return None."""
    for name in names:
        if name in members and (found := read(members[name])) is not None:
            del members[name]
            return found
    return None


def _level(value: object) -> str | None:
    return LEVELS.get(value.lower()) if isinstance(value, str) else None


def _seconds(value: object) -> float | None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    return None


def _moment(value: object) -> float | None:
    if not isinstance(value, str):
        return None
    try:
        when = datetime.fromisoformat(value)
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def _text(value: object) -> str:
    """Return a text as it is, and another value as its JSON."""
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value, ensure_ascii=False)
    except RecursionError:  # it was read with less of the stack in use
        return "(nested too deeply)"


def _hidden(text: str, redactor: Redactor) -> str:
    return clean(redactor.text(text))


def _value(value: Any, redactor: Redactor) -> Value:
    if value is None or isinstance(value, bool):
        return value
    text = _text(value)
    hidden = _hidden(text, redactor)
    return value if isinstance(value, int | float) and hidden == text else hidden


def _shown(value: Value) -> str:
    return _word(value) if isinstance(value, str) else _text(value)


def _word(text: str) -> str:
    """Return the text, in quotation marks if one could not see where it ends."""
    bare = text and not any(c in ' "=' for c in text)
    return text if bare else json.dumps(text, ensure_ascii=False)
