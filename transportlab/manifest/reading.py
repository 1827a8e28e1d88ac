"""Readers: rules for a document's values, as data, which find every problem with its path.

    POINT = record(Point, {"x": integer(0, 9), "label": text()}, required=("x",))

A reader takes a JSON value, its path and a Report, and returns what the value stands for. For a
wrong value it adds a problem to the report and returns None. Reading goes on, so one pass finds all
problems; whatever was built from wrong values is thrown away. Problems are in document order, those
of an object as a whole before those of its members.
"""

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

import msgspec

from transportlab.errors import Problem
from transportlab.manifest.strict_json import Number, join
from transportlab.quote import SHOWN, nearest, quote

MOST_PROBLEMS = 20
"""Problems that are told in full: nobody reads a message of two million lines."""


class Report(msgspec.Struct):
    """The first problems found so far, and the paths at which unique names were first seen.

    more is the number of problems beyond MOST_PROBLEMS.
    """

    problems: list[Problem] = msgspec.field(default_factory=list)
    more: int = 0
    seen: dict[str, str] = msgspec.field(default_factory=dict)

    def add(self, path: str, message: str) -> None:
        """Add a problem at the end."""
        self.insert(len(self.problems), [Problem(path, message)])

    def insert(self, at: int, problems: list[Problem]) -> None:
        """Add problems at a place before others."""
        self.problems[at:at] = problems
        self.more += max(0, len(self.problems) - MOST_PROBLEMS)
        del self.problems[MOST_PROBLEMS:]

    @property
    def full(self) -> bool:
        """Whether a problem at the end would only be counted."""
        return len(self.problems) >= MOST_PROBLEMS


Reader = Callable[[object, str, Report], Any]

Validator = Callable[[str], str | None]
"""Takes a string; returns what is wrong with it, or None."""

CrossCheck = Callable[[Mapping[str, Any]], str | None]
"""Takes an object's members, already read; returns what is wrong with them together, or None."""


def show(value: object) -> str:
    """A JSON value as messages show it; of arrays and objects only the kind."""
    match value:
        case str():
            return quote(value)
        case Number():
            return value.text if len(value.text) <= SHOWN else f"{value.text[:SHOWN]}..."
        case list():
            return "an array"
        case dict():
            return "an object"
        case _:
            return json.dumps(value)


def _expect(path: str, report: Report, expected: str, value: object) -> None:
    report.add(path, f"expected {expected}, got {show(value)}")


def text(validator: Validator | None = None, convert: Callable[[str], str] = str) -> Reader:
    """A string that the validator accepts; returns convert(string)."""

    def read(value: object, path: str, report: Report) -> str | None:
        if not isinstance(value, str):
            _expect(path, report, "a string", value)
        elif validator is not None and (problem := validator(value)) is not None:
            report.add(path, problem)
        else:
            return convert(value)
        return None

    return read


def matching(matches: Callable[[str], object], expected: str) -> Validator:
    """A validator that accepts a string if matches(string) is true; expected describes those."""
    return lambda value: None if matches(value) else f"expected {expected}, got {quote(value)}"


def unique(reader: Reader, what: str) -> Reader:
    """A string that no other value of such a reader has, in the same report."""

    def read(value: object, path: str, report: Report) -> Any:
        if isinstance(value, str):
            first = report.seen.setdefault(value, path)
            if first != path:
                name = quote(value)
                report.add(path, f"expected each {what} once, got {name} also at {first}")
        return reader(value, path, report)

    return read


def integer(low: int, high: int) -> Reader:
    """An integer from low to high, both included. 60.0 and true are no integers."""
    expected = f"an integer from {low} to {high}" if low != high else f"{low}"

    def read(value: object, path: str, report: Report) -> int | None:
        if type(value) is int and low <= value <= high:  # isinstance would accept True
            return value
        _expect(path, report, expected, value)
        return None

    return read


def word(words: Collection[str], convert: Callable[[str], str] = str) -> Reader:
    """One of the words; returns convert(word)."""
    expected = f"one of {', '.join(words)}"

    def read(value: object, path: str, report: Report) -> str | None:
        if isinstance(value, str) and value in words:
            return convert(value)
        _expect(path, report, expected, value)
        return None

    return read


def array(item: Reader, low: int, high: int) -> Reader:
    """An array of low to high items; returns a tuple. Items past high are counted, not read."""

    def read(value: object, path: str, report: Report) -> tuple[Any, ...] | None:
        expected = f"an array of {low} to {high} items"
        if not isinstance(value, list):
            _expect(path, report, expected, value)
            return None
        if not low <= len(value) <= high:
            report.add(path, f"expected {expected}, got {len(value)}")
        return tuple(
            [item(element, join(path, i), report) for i, element in enumerate(value[:high])]
        )

    return read


def one_or_several(item: Reader, high: int) -> Reader:
    """One item, or an array of 1 to high items; returns a tuple in either case."""
    several = array(item, 1, high)

    def read(value: object, path: str, report: Report) -> Any:
        return (
            several(value, path, report)
            if isinstance(value, list)
            else (item(value, path, report),)
        )

    return read


def mapping(name: Validator, item: Reader) -> Reader:
    """An object with any names that the validator accepts; returns a dict sorted by name."""

    def read(value: object, path: str, report: Report) -> dict[str, Any] | None:
        if not isinstance(value, dict):
            _expect(path, report, "an object", value)
            return None
        found = {}
        for key, element in value.items():
            if (problem := name(key)) is not None:
                report.add(join(path, key), problem)
            found[key] = item(element, join(path, key), report)
        return dict(sorted(found.items()))

    return read


def record(
    build: Callable[..., Any],
    members: Mapping[str, Reader],
    *,
    required: Collection[str] = (),
    check: CrossCheck | None = None,
) -> Reader:
    """An object with these members and no others; returns build(**the members it has).

    check may find a problem with the members together; absent ones are not among them.
    """

    def read(value: object, path: str, report: Report) -> Any:
        if not isinstance(value, dict):
            _expect(path, report, "an object", value)
            return None
        mark = len(report.problems)
        found = {}
        for name, element in value.items():
            if name in members:
                found[name] = members[name](element, join(path, name), report)
            elif report.full:
                report.more += 1  # spares the search for a member that was meant
            else:
                report.add(join(path, name), _unknown(name, members))
        absent = [name for name in required if name not in value]
        own = [
            Problem(join(path, name), f'expected a member "{name}", got none') for name in absent
        ]
        if check is not None and (problem := check(found)) is not None:
            own.append(Problem(path, problem))
        report.insert(mark, own)
        return None if report.problems else build(**found)

    return read


def _unknown(name: str, members: Iterable[str]) -> str:
    near = nearest(name, members)
    hint = f'did you mean "{near}"?' if near else f"expected one of {', '.join(members)}"
    return f"unknown member {quote(name)}; {hint}"
