"""A session as the suites hold it: its phases timed, its plugin placed where the block says."""

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from transportlab.evidence.run.placement import Placement
from transportlab.evidence.run.plan import Arm
from transportlab.evidence.run.timing import Effort
from transportlab.host import HostOptions, HostSession, open_backend


@dataclass(slots=True)
class Run:
    """What a measuring process is told: what it measures, where, and how long.

    modules: what the arm's plugin imports, in order. spawned: when this process was started, on
    time.monotonic(), which all processes of a machine share. affinity: where plugins really ran.
    """

    arm: Arm
    placement: Placement
    effort: Effort
    modules: Sequence[str] = ()
    spawned: float = 0.0
    affinity: set[tuple[int, ...]] = field(default_factory=set)

    @contextmanager
    def open(self, backend: str, config: Mapping[str, str]) -> Iterator["Opened"]:
        """A session of the backend by this arm."""
        marks = {"begin": time.monotonic()}

        def on_phase(name: str, pid: int | None) -> None:
            marks[name] = time.monotonic()
            if pid is not None and name == "started":
                self.placement.pin_plugin(pid)
            if pid is not None and name == "opened":
                self.affinity.add(tuple(sorted(os.sched_getaffinity(pid))))

        options = HostOptions(codec=self.arm.codec, config=config, on_phase=on_phase)
        with open_backend(backend, self.arm.transport, options) as session:
            yield Opened(session, marks)


@dataclass(frozen=True, slots=True)
class Opened:
    """An open session, and when it came how far, on time.monotonic()."""

    session: HostSession
    marks: dict[str, float]

    @property
    def pid(self) -> int | None:
        """The plugin's process, if it has one."""
        process = self.session.process
        return None if process is None else process.pid
