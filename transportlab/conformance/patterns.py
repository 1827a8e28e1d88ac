"""Values in a vector's requests and patterns: references to earlier replies, and generators.

An object with one member whose name is below stands for what it makes:

    {"$ref": "plan.ops.0"}       what a step saved, and the way into it
    {"$repeat": ["x", 1000]}     a text so many times
    {"$concat": ["a", ...]}      texts joined
    {"$char": 55296}             one character by its number, also a lone surrogate
    {"$job": {"name": "a"}}      a desired job: the members given, over those of DEFAULT_JOB
    {"$jobs": 256}               so many desired jobs, job-000, job-001, ...
    {"$with": [value, {...}]}    an object with members put over it
    {"$config": {"a": "b"}}      the backend's config with these on top
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

Scope = Mapping[str, Any]

DEFAULT_JOB: dict[str, Any] = {
    "schedules": ["0 3 * * *"],
    "timezone": "UTC",
    "request": {"method": "POST", "url": "https://app.internal/run"},
}
"""A schedule that any scheduler of wall-clock times can express."""

CONFIG = "config"
"""The name in the scope under which the runner puts the backend's config."""


class ValueProblem(Exception):
    """A vector says what cannot be evaluated: an error of the suite and not of the plugin."""


def evaluate(value: Any, scope: Scope) -> Any:
    """The value with all generators carried out. Raises ValueProblem."""
    if isinstance(value, list | tuple):
        return [evaluate(item, scope) for item in value]
    if not isinstance(value, dict):
        return value
    inner = {name: evaluate(item, scope) for name, item in value.items()}
    [name, *more] = inner or [""]
    if more or name not in GENERATORS:
        return inner
    make, argument = GENERATORS[name], inner[name]
    try:
        return make(argument, scope) if name in SCOPED else make(argument)
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise ValueProblem(f"{name}: {error}") from error


def _ref(path: Any, scope: Scope) -> Any:
    found: Any = scope
    for word in path.split("."):
        try:
            found = found[int(word)] if isinstance(found, list) else found[word]
        except (KeyError, IndexError, ValueError, TypeError):
            raise ValueProblem(f'$ref "{path}": nothing there at "{word}"') from None
    return found


def _job(given: Any) -> Any:
    members = DEFAULT_JOB | given
    digits = [f"a{number:x}" for number, _ in enumerate(members["schedules"], 1)]
    hashes = members.pop("hashes", digits)
    return {"job": members, "hashes": hashes}


def _jobs(count: Any) -> Any:
    return [
        _job({"name": f"job-{n:03}", "schedules": [f"{n % 60} {n // 60 % 24} * * *"]})
        for n in range(count)
    ]


def _repeat(arguments: Any) -> Any:
    text, count = arguments
    return text * count


def _with(arguments: Any) -> Any:
    value, members = arguments
    return value | members


GENERATORS: dict[str, Callable[..., Any]] = {
    "$ref": _ref,
    "$repeat": _repeat,
    "$concat": "".join,
    "$char": chr,
    "$job": _job,
    "$jobs": _jobs,
    "$with": _with,
    "$config": lambda members, scope: scope[CONFIG] | members,
}

SCOPED = frozenset({"$ref", "$config"})
"""Those that look at what was saved."""


# Patterns: what a reply must be, as data.
#
# An object matches one that has its members, and perhaps more; a list matches one of equal
# length, item by item; anything else itself. An object whose members begin with $ says what must
# all hold:
#
#     {"$any": true}         anything; of a type and not empty: {"$any": "str"}, "int", ...
# {"$is": value}         that value and no more members     {"$match": "regex"}    a text in which
# the expression is found     {"$count": 3}          a list or a text of that length     {"$has":
# [...]}        a list in which each pattern matches some item     {"$lacks": [...]}      a list
# in which no pattern matches any item     {"$each": pattern}     a list of which every item
# matches     {"$ends": [...]}       a list whose last items match these     {"$not": pattern}
# what does not match

TYPES: dict[Any, tuple[type, ...]] = {"str": (str,), "int": (int,), "list": (list,)}
TYPES["object"] = (dict,)


def mismatch(pattern: Any, value: Any, path: str = "") -> str:
    """Where and how the value departs from the pattern; empty if it matches."""
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
    """A value as text for people, cut."""
    text = repr(value)
    return text if len(text) <= limit else f"{text[:limit]}... ({len(text)} characters)"


def _said(path: str, problem: str) -> str:
    return f"{path or 'the whole'}: {problem}"


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


def _not(argument: Any, value: Any, path: str) -> str:
    unwanted = not mismatch(argument, value)
    return _said(path, f"expected anything but {shown(value)}") if unwanted else ""


OPERATORS: dict[str, Callable[[Any, Any, str], str]] = {
    "$any": _any,
    "$is": _is,
    "$match": _match,
    "$count": _count,
    "$has": _has,
    "$lacks": _lacks,
    "$each": _each,
    "$ends": _ends,
    "$not": _not,
}
