"""What one measuring process is told, and the sessions that its suites measure with.

The runner sends a Task, the worker receives it, and each suite's measure() gets it.
"""

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import msgspec

from transportlab.evidence.arms import Host, Plugin, load_arms
from transportlab.evidence.record import Arm
from transportlab.evidence.run.placement import Placement, threads
from transportlab.evidence.run.timing import Effort
from transportlab.host import HostOptions, HostSession, open_backend
from transportlab.registry import load_transport


class Task(msgspec.Struct):
    """What one process measures, where, and for how long.

    suites: names of suites, all of one group. host, plugin: the arm's; the lab's own unless given.
    plugin_cpus: the CPUs on which plugins could really run, by thread; open() fills it in.
    """

    suites: tuple[str, ...]
    arm: Arm
    placement: Placement
    effort: Effort
    host: Host = msgspec.field(default_factory=lambda: load_arms().hosts[0])
    plugin: Plugin = msgspec.field(default_factory=lambda: load_arms().plugins[0])
    plugin_cpus: set[tuple[int, ...]] = set()

    @property
    def apart(self) -> bool:
        """Whether the plugin is a process that runs on other CPUs than its host."""
        own = load_transport(self.arm.transport).traits.isolated
        return own and self.placement.host != self.placement.plugin

    @contextmanager
    def open(self, config: Mapping[str, str]) -> Iterator["Opened"]:
        """A session with the plugin over this arm's transport and codec, its process pinned.

        config: what it gets beside its own.
        """
        marks = {"begin": time.monotonic()}

        def on_phase(name: str, pid: int | None) -> None:
            marks[name] = time.monotonic()
            if pid is not None and name == "started":
                self.placement.pin_plugin(pid)
            if pid is not None and name == "opened":
                self.plugin_cpus |= {
                    tuple(sorted(os.sched_getaffinity(one))) for one in threads(pid)
                }

        config = {**self.plugin.config, **config}
        options = HostOptions(codec=self.arm.codec, config=config, on_phase=on_phase)
        with open_backend(self.plugin.path, self.arm.transport, options) as session:
            yield Opened(session, marks)


class Opened(msgspec.Struct, frozen=True):
    """An open session. marks: when it reached each phase of its start, by time.monotonic()."""

    session: HostSession
    marks: dict[str, float]

    @property
    def pid(self) -> int | None:
        """The plugin's process, if it has one."""
        process = self.session.process
        return None if process is None else process.pid
