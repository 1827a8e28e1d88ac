"""The validator of a manifest's schedules; it says which part of one is wrong.

A schedule is five cron fields, a macro (@daily) or `@every N{s|m|h}`. When it is due is left to the
scheduler, and whether it can be expressed to each backend.

The fields are those that robfig/cron v3 parses: minute, hour, day of month, month, day of week.
cronix checks with that parser. No Python library does the same: cronsim accepts 7, L, W and #, and
refuses `?` and dates that never come (`0 0 30 2 *`). The tests compare with it where the two should
agree.

Refused here although robfig accepts it, because crontabs do not or because it would break a line of
a crontab: an empty item of a list (`1,,2`), a star with a range (`*-5`), a signed number (`+5`),
white space between fields other than spaces and tabs. Of @every only the form that cronix documents
is accepted, not `@every5m` or `@every +5M`.
"""

import re

import msgspec

from transportlab.quote import quote

MACROS = ("@hourly", "@daily", "@midnight", "@weekly", "@monthly", "@yearly", "@annually")
MIN_EVERY_SECONDS = 60

GO_SPACE = "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009"
GO_SPACE += "\u200a\u2028\u2029\u202f\u205f\u3000"
"""What Go's strings.TrimSpace trims; str.strip() would also trim U+001C to U+001F."""

_UNITS = {"s": 1, "m": 60, "h": 3600}
_EVERY = re.compile(r"@every ([0-9]{1,9})([smh])")
_PART = re.compile(r"[^ \t]+")
_DIGITS = re.compile(r"[0-9]+")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")


class _Field(msgspec.Struct, frozen=True):
    name: str
    low: int
    high: int
    words: tuple[str, ...] = ()

    @property
    def expected(self) -> str:
        """What a single value may be, for a message."""
        words = f" or {self.words[0]}-{self.words[-1]}" if self.words else ""
        return f"{self.low}-{self.high}{words}"


_FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of month", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("day of week", 0, 6, _DAYS),
)


class _BadScheduleError(Exception):
    """Carries the sentence that schedule_problem returns."""


def trim(text: str) -> str:
    """The schedule without surrounding white space, as cronix stores and hashes it."""
    return text.strip(GO_SPACE)


def schedule_problem(text: str) -> str | None:
    """What is wrong with a schedule, such as `minute: 61 is outside 0-59`; None if nothing is."""
    try:
        _check(trim(text))
    except _BadScheduleError as problem:
        return str(problem)
    return None


def _check(text: str) -> None:
    if text in MACROS:
        return
    if text.startswith("@every"):
        _check_every(text)
        return
    if text.startswith("@"):
        known = ", ".join(MACROS)
        raise _BadScheduleError(f"unknown macro {quote(text)}; expected {known} or @every")
    parts = _PART.findall(text)
    if len(parts) != len(_FIELDS):
        form = "five cron fields, a macro or @every"
        count = "1 field" if len(parts) == 1 else f"{len(parts)} fields"
        raise _BadScheduleError(f"expected {form}, got {count}: {quote(text)}")
    for field, part in zip(_FIELDS, parts, strict=True):
        for item in part.split(","):
            _check_item(field, item)


def _check_every(text: str) -> None:
    match = _EVERY.fullmatch(text)
    if match is None:
        raise _BadScheduleError(
            f'expected "@every N" with a whole number and s, m or h, got {quote(text)}'
        )
    seconds = int(match[1]) * _UNITS[match[2]]
    if seconds < MIN_EVERY_SECONDS:
        raise _BadScheduleError(f"@every: expected at least {MIN_EVERY_SECONDS} s, got {seconds} s")


def _check_item(field: _Field, item: str) -> None:
    """Check one item of a list: `*`, a value or a range, perhaps with a step after it."""
    values, slash, step = item.partition("/")
    if slash and not (_DIGITS.fullmatch(step) and step.strip("0")):
        raise _BadScheduleError(
            f"{field.name}: expected a step of at least 1 after /, got {quote(item)}"
        )
    if values in ("*", "?"):
        return
    begin, dash, end = values.partition("-")
    low = _value(field, begin, item)
    if dash and _value(field, end, item) < low:
        raise _BadScheduleError(f"{field.name}: the range {quote(values)} begins after its end")


def _value(field: _Field, text: str, item: str) -> int:
    if (word := text.lower()) in field.words:
        return field.words.index(word) + field.low
    if not _DIGITS.fullmatch(text):
        raise _BadScheduleError(f"{field.name}: expected {field.expected}, got {quote(item)}")
    digits = text.lstrip("0") or "0"
    if len(digits) > 2 or not field.low <= int(digits) <= field.high:  # noqa: PLR2004 - all limits have two digits
        raise _BadScheduleError(
            f"{field.name}: {quote(text)[1:-1]} is outside {field.low}-{field.high}"
        )
    return int(digits)
