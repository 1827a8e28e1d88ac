"""The suites: each module has the QUESTION that it answers, its UNIT, and measure().

Suites of one group share a process: those that only want a plugin that runs take the same one, one
after the other. The unit stays the process start, of which each has one sample.
"""

from importlib import import_module
from types import ModuleType

GROUPS = {
    "handshake": ("handshake",),
    "session": ("session",),
    "codec": ("codec",),
    "steady": ("unary", "stream", "concurrency", "carriage"),
}

STEADY = GROUPS["steady"]

SUITES = tuple(suite for suites in GROUPS.values() for suite in suites)


def load_suite(name: str) -> ModuleType:
    """The module of that suite."""
    return import_module(f"{__name__}.{name}")
