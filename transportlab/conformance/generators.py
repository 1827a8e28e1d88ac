"""Generators: short forms in a vector for values that are long, or known only in the run.

They stand in requests and in patterns. An object whose only member is one of these is replaced:

    {"$ref": "plan.ops.0"}       what a step saved as "plan", and the way into it
    {"$repeat": ["x", 1000]}     a text, so many times
    {"$concat": ["a", ...]}      texts joined
    {"$char": 55296}             the character of that number, which may be a lone surrogate
    {"$job": {"name": "a"}}      a desired job: DEFAULT_JOB with these members put over it
    {"$jobs": 256}               so many desired jobs: job-000, job-001, ...
    {"$with": [value, {...}]}    an object with members put over it
    {"$config": {"a": "b"}}      the backend's config with these members put over it

What a reply must look like is patterns.py.
"""

from collections.abc import Callable, Mapping
from typing import Any

Scope = Mapping[str, Any]
"""What steps have saved, by name, and the backend's config under CONFIG."""

CONFIG = "config"

DEFAULT_JOB: dict[str, Any] = {
    "schedules": ["0 3 * * *"],
    "timezone": "UTC",
    "request": {"method": "POST", "url": "https://app.internal/run"},
}
"""A schedule that every wall-clock scheduler supports."""


class ValueProblem(Exception):
    """A vector cannot be carried out as it is written: the suite's error, not the plugin's."""


def evaluate(value: Any, scope: Scope) -> Any:
    """Replace all generators in a value. Raises ValueProblem."""
    if isinstance(value, list | tuple):
        return [evaluate(item, scope) for item in value]
    if not isinstance(value, dict):
        return value
    members = {name: evaluate(item, scope) for name, item in value.items()}
    [name, *more] = members or [""]
    if more or name not in GENERATORS:
        return members
    make, argument = GENERATORS[name], members[name]
    try:
        return make(argument, scope) if name in SCOPED else make(argument)
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise ValueProblem(f"{name}: {error}") from error


def look_up(path: str, scope: Scope) -> Any:
    """What is saved at a path such as `plan.ops.0`. Raises ValueProblem."""
    found: Any = scope
    for word in path.split("."):
        try:
            found = found[int(word)] if isinstance(found, list) else found[word]
        except (KeyError, IndexError, ValueError, TypeError):
            raise ValueProblem(f'$ref "{path}": nothing there at "{word}"') from None
    return found


def _repeat(arguments: Any) -> Any:
    text, count = arguments
    return text * count


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


def _with(arguments: Any) -> Any:
    value, members = arguments
    return value | members


GENERATORS: dict[str, Callable[..., Any]] = {
    "$ref": look_up,
    "$repeat": _repeat,
    "$concat": "".join,
    "$char": chr,
    "$job": _job,
    "$jobs": _jobs,
    "$with": _with,
    "$config": lambda members, scope: scope[CONFIG] | members,
}

SCOPED = frozenset({"$ref", "$config"})
"""The generators that look into the scope."""
