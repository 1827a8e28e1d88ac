"""The suites. Each module has a QUESTION that it answers, a UNIT, and measure().

The suites of one group share a process. Those of the group "steady" need a running plugin and no
more, so they take the same one, one after the other: measure(task, opened). The others start their
own: measure(task). In either case each process gives one sample of each case and metric.

NEEDS, if a suite has it, are what it takes of a plugin beside Read. measure_host(task) measures an
arm whose host is not this package; a suite without it has no such arms.
"""

from importlib import import_module
from types import ModuleType

from transportlab.evidence.arms import Host, Plugin

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


def unfit(name: str, host: Host, plugin: Plugin) -> str:
    """Why a suite does not measure arms of this host and plugin; empty if it does."""
    suite = load_suite(name)
    lacking = [need for need in getattr(suite, "NEEDS", ()) if need not in plugin.offers]
    if lacking:
        return f"the plugin does not offer {lacking[0]}"
    if not host.inside and not hasattr(suite, "measure_host"):
        return "the host's bench does not time it"
    return ""
