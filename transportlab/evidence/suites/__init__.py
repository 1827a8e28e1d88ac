"""The suites. Each module has a QUESTION that it answers, a UNIT, and measure().

The suites of one group share a process. Those of the group "steady" need a running plugin and no
more, so they take the same one, one after the other: measure(task, opened). The others start their
own: measure(task). In either case each process gives one sample of each case and metric.
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
    """The module of a suite; only then is it imported."""
    return import_module(f"{__name__}.{name}")
