"""App names of each vector's own, so that it can share a store with others and with real entries.

A vector says "web" as any other does. Before it runs, own_apps() puts a prefix before the names,
which is the vector's own and the same in every run: so arms can be compared, and what an earlier
run has left behind can be removed. A prefix keeps the names' order, and which begins with which.

Vectors of the feature crontab-file have fixed names in the lines of their files, and a file each.
"""

import hashlib
import re
from typing import Any

import msgspec

from transportlab.conformance.vectors import Vector

NAME = re.compile(r"[a-z][a-z0-9-]{0,31}\Z")
"""Names that get a prefix. Others are there to be refused, or tell the echo plugin something."""


def own_apps(vector: Vector) -> tuple[Vector, tuple[str, ...]]:
    """The vector with app names of its own, and these names in their order."""
    if "crontab-file" in vector.needs.features:
        return vector, ()
    prefix = _prefix(vector)
    names: set[str] = set()
    plain = msgspec.to_builtins(vector.steps)
    if "{app}" in str(plain):
        names.add(wire_app(vector))
    steps = _renamed(plain, prefix, names)
    kind = type(vector).__annotations__["steps"]
    own = msgspec.structs.replace(vector, steps=msgspec.convert(steps, kind))
    return own, tuple(sorted(names))


def wire_app(vector: Vector) -> str:
    """What {app} stands for in the vector's bytes."""
    return f"{_prefix(vector)}wire"


def _prefix(vector: Vector) -> str:
    return f"v{hashlib.sha256(vector.id.encode()).hexdigest()[:8]}-"


def _renamed(value: Any, prefix: str, names: set[str]) -> Any:
    if isinstance(value, list | tuple):
        return [_renamed(item, prefix, names) for item in value]
    if not isinstance(value, dict):
        return value
    found = {}
    for member, item in value.items():
        if member == "app" and isinstance(item, str) and NAME.match(item):
            found[member] = prefix + item
            names.add(prefix + item)
        else:
            found[member] = _renamed(item, prefix, names)
    return found
