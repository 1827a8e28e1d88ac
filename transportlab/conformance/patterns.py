"""Patterns: what a reply must look like, as data.

An object matches an object that has at least its members. A list matches a list of the same length,
item by item. Any other value matches itself. If an object's members all begin with $, each of them
must hold:

    {"$any": true}         any value
    {"$any": "str"}        a value of that type (or int, list, object) that is not empty
    {"$is": value}         exactly this value, with no further members
    {"$match": "regex"}    a text in which the expression is found
    {"$count": 3}          a list or a text of that length
    {"$bytes": 8192}       a text of at most that many bytes of UTF-8
    {"$has": [...]}        a list in which each of these patterns matches some item
    {"$lacks": [...]}      a list in which none of these patterns matches an item
    {"$each": pattern}     a list in which every item matches
    {"$ends": [...]}       a list whose last items match these, in order
    {"$order": [...]}      a list with items that match these in this order, whatever is between
    {"$distinct": true}    a list in which no item is there twice
    {"$between": [1, 9]}   a number that is at least the first and at most the second
    {"$not": pattern}      a value that does not match
    {"$or": [...]}         a value that matches one of these patterns

Generators in a pattern are replaced before: see generators.py.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

TYPES: dict[Any, type] = {"str": str, "int": int, "list": list, "object": dict}
"""What {"$any": ...} may name."""


def mismatch(pattern: Any, value: Any, path: str = "") -> str:
    """Where the value differs from the pattern and how; empty if it matches.

    path is where the value stands, for the text.
    """
    if isinstance(pattern, dict):
        if pattern and all(name.startswith("$") for name in pattern):
            return _operators(pattern, value, path)
        return _object(pattern, value, path)
    if isinstance(pattern, list):
        return _list(pattern, value, path)
    if type(pattern) is not type(value) or pattern != value:
        return _said(path, f"expected {shown(pattern)}, got {shown(value)}")
    return ""


def shown(value: object, limit: int = 300) -> str:
    """A value as text for people: its begin and its end, if it is over limit characters long."""
    return cut(repr(value), limit)


def cut(text: str, limit: int) -> str:
    """The text, or if it is over limit characters long its begin and its end.

    What is said in between stands in double angle quotes, so that it is not taken for the text's.
    """
    if len(text) <= limit:
        return text
    half = limit // 2
    return f"{text[:half]} «{len(text) - 2 * half} characters are left out here» {text[-half:]}"


def _said(path: str, problem: str) -> str:
    return f"{path}: {problem}" if path else problem


def _object(pattern: dict[str, Any], value: Any, path: str) -> str:
    if not isinstance(value, dict):
        return _said(path, f"expected an object, got {shown(value)}")
    for name, wanted in pattern.items():
        if name not in value:
            return _said(path, f'expected a member "{name}", got {shown(value)}')
        if problem := mismatch(wanted, value[name], _join(path, name)):
            return problem
    return ""


def _list(pattern: list[Any], value: Any, path: str) -> str:
    if not isinstance(value, list):
        return _said(path, f"expected a list, got {shown(value)}")
    if len(pattern) != len(value):
        return _said(path, f"expected {len(pattern)} items, got {len(value)}: {shown(value)}")
    found = (
        mismatch(wanted, item, _join(path, number))
        for number, (wanted, item) in enumerate(zip(pattern, value, strict=True))
    )
    return next(filter(None, found), "")


def _join(path: str, step: object) -> str:
    return f"{path}/{step}" if path else str(step)


def _operators(pattern: dict[str, Any], value: Any, path: str) -> str:
    found = (OPERATORS[name](argument, value, path) for name, argument in pattern.items())
    return next(filter(None, found), "")


def _any(argument: Any, value: Any, path: str) -> str:
    if argument is True or (value and isinstance(value, TYPES[argument])):
        return ""
    return _said(path, f"expected {argument}, not empty, got {shown(value)}")


def _is(argument: Any, value: Any, path: str) -> str:
    if argument == value:
        return ""
    return _said(path, f"expected exactly {shown(argument)}, got {shown(value)}")


def _match(argument: Any, value: Any, path: str) -> str:
    if isinstance(value, str) and re.search(argument, value):
        return ""
    return _said(path, f"expected a text like {argument}, got {shown(value)}")


def _count(argument: Any, value: Any, path: str) -> str:
    got = len(value) if isinstance(value, list | str) else None
    return "" if got == argument else _said(path, f"expected {argument} of them, got {got}")


def _bytes(argument: Any, value: Any, path: str) -> str:
    size = len(value.encode("utf-8", "surrogatepass")) if isinstance(value, str) else None
    fits = size is not None and size <= argument
    return "" if fits else _said(path, f"expected at most {argument} bytes of text, got {size}")


def _has(argument: Any, value: Any, path: str) -> str:
    for wanted in argument:
        if not isinstance(value, list) or all(mismatch(wanted, item) for item in value):
            return _said(path, f"expected an item {shown(wanted)}, got {shown(value)}")
    return ""


def _lacks(argument: Any, value: Any, path: str) -> str:
    for unwanted in argument:
        if not isinstance(value, list) or any(not mismatch(unwanted, item) for item in value):
            return _said(path, f"expected no item {shown(unwanted)}, got {shown(value)}")
    return ""


def _each(argument: Any, value: Any, path: str) -> str:
    if not isinstance(value, list):
        return _said(path, f"expected a list, got {shown(value)}")
    return _list([argument] * len(value), value, path)


def _ends(argument: Any, value: Any, path: str) -> str:
    last = value[-len(argument) :] if isinstance(value, list) else value
    return _list(argument, last, _join(path, "end"))


def _order(argument: Any, value: Any, path: str) -> str:
    rest: Iterator[Any] = iter(value if isinstance(value, list) else ())
    for wanted in argument:
        if all(mismatch(wanted, item) for item in rest):  # takes the items up to a match
            return _said(path, f"expected {shown(argument)} in this order, got {shown(value)}")
    return ""


def _distinct(_argument: Any, value: Any, path: str) -> str:
    twice = isinstance(value, list) and any(item in value[:at] for at, item in enumerate(value))
    return _said(path, f"expected no item twice, got {shown(value)}") if twice else ""


def _between(argument: Any, value: Any, path: str) -> str:
    low, high = argument
    if isinstance(value, int | float) and low <= value <= high:
        return ""
    return _said(path, f"expected a number of {low} to {high}, got {shown(value)}")


def _not(argument: Any, value: Any, path: str) -> str:
    unwanted = not mismatch(argument, value)
    return _said(path, f"expected anything but {shown(value)}") if unwanted else ""


def _or(argument: Any, value: Any, path: str) -> str:
    found = [mismatch(wanted, value, path) for wanted in argument]
    return "" if "" in found else "; or ".join(found)


OPERATORS: dict[str, Callable[[Any, Any, str], str]] = {
    "$any": _any,
    "$is": _is,
    "$match": _match,
    "$count": _count,
    "$bytes": _bytes,
    "$has": _has,
    "$lacks": _lacks,
    "$each": _each,
    "$ends": _ends,
    "$order": _order,
    "$distinct": _distinct,
    "$between": _between,
    "$not": _not,
    "$or": _or,
}
