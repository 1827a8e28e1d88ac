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
