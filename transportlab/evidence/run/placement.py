"""Placement: on which CPUs the host and its plugin run.

    same       both on one CPU
    split      each on a CPU of its own, on different cores where there are several
    unpinned   wherever the scheduler puts them

The round trip of a pipe differs more between these than between most transports, so a figure
without its placement says nothing.
"""

import os
from collections.abc import Callable
from pathlib import Path

import msgspec

SAME, SPLIT, UNPINNED = PLACEMENTS = ("same", "split", "unpinned")

CPUS = Path("/sys/devices/system/cpu")


class Placement(msgspec.Struct, frozen=True):
    """A placement on this machine. None: the scheduler decides."""

    name: str
    host: tuple[int, ...] | None
    plugin: tuple[int, ...] | None

    def pin_host(self, pid: int = 0) -> None:
        """Pin a host process, 0 for this one, before it starts threads or processes."""
        if self.host is not None:
            os.sched_setaffinity(pid, self.host)

    def pin_plugin(self, pid: int) -> None:
        """Pin a plugin process as soon as it runs, with the threads that it may have by then."""
        if self.plugin is not None:
            for thread in threads(pid):
                os.sched_setaffinity(thread, self.plugin)


def placement(name: str, cpus: tuple[int, ...], core: Callable[[int], str]) -> Placement | str:
    """The placement of that name on the available CPUs, or a text that says why there is none.

    core: tells which core a CPU is part of.
    """
    if name == UNPINNED:
        return Placement(name, None, None)
    first = cpus[:1]
    if name == SAME:
        return Placement(name, first, first)
    if len(cpus) == 1:
        return "only one CPU is available"
    apart = tuple(cpu for cpu in cpus[1:] if core(cpu) != core(first[0]))
    return Placement(name, first, (apart or cpus[1:])[:1])


def threads(pid: int) -> list[int]:
    """The ids of the threads of a running process."""
    return [int(name) for name in os.listdir(f"/proc/{pid}/task")]


def available_cpus() -> tuple[int, ...]:
    """The CPUs that this process may run on."""
    return tuple(sorted(os.sched_getaffinity(0)))


def core_of(cpu: int) -> str:
    """A name for the core that a CPU is part of: the list of the CPUs that share it."""
    try:
        return Path(CPUS, f"cpu{cpu}", "topology/thread_siblings_list").read_text().strip()
    except OSError:
        return str(cpu)
