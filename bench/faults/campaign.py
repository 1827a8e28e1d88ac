"""Runs the hosts one after the other, and records what became of them.

A fault may end the host itself. Then its end is seen here, and the crontab that it leaves is judged
here.
"""

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from bench.faults.actions import ENV_GROUP
from bench.faults.catalogue import BOUNDS, Fault, control_limit
from bench.faults.columns import ROOT, Artifacts, Column, not_applicable
from bench.faults.disk import MemoryGroup, own_mounts
from bench.faults.hosts import Host
from bench.faults.leftovers import ENV_MARK, marked
from bench.faults.state import States
from bench.faults.trial import Job, RunResult


class Campaign:
    """Owns the plugins, the directory and the memory group of its hosts. A context manager."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        folder = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="tl-", dir="/tmp"))
        self._folder = Path(folder)
        self._artifacts = Artifacts(self._folder)
        self._mounts = own_mounts()
        self.memory = MemoryGroup("tl-faults")
        self._stack.callback(self.memory.remove)
        self._states = States.make(self._folder)

    def __enter__(self) -> "Campaign":
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def not_run(self, fault: Fault, column: Column) -> str:
        """Say why a cell cannot be run here; empty if it can."""
        if column.library and self._artifacts.missing:
            return f"not run: {self._artifacts.missing}"
        if fault.full and self._mounts is None:
            return "not run: this machine gives no mount namespace"
        return not_applicable(fault, column)

    def run_cell(
        self, fault: Fault, column: Column, numbers: Sequence[int], bounds: str = "short"
    ) -> Iterator[RunResult]:
        """Yield the result of each run of a cell. If a host is lost, another one goes on."""
        left = list(numbers)
        limit = control_limit(fault, BOUNDS[bounds]) + BOUNDS[bounds].limit
        with tempfile.TemporaryDirectory(prefix="c", dir=self._folder) as place:
            folder = Path(place, "f")
            folder.mkdir()
            plugin = str(self._artifacts.of(column))
            job = Job(fault.name, column.transport, plugin, str(folder), left, bounds)
            while left:
                environment = self._environment(place)
                host = Host(replace(job, runs=left), place, environment, self._prefix(fault))
                for result in host.runs(limit):
                    left = [number for number in left if number != result.run]
                    if not result.state:
                        self._after_death(job, result, place)
                    yield result

    def _prefix(self, fault: Fault) -> list[str]:
        return self._mounts or [] if fault.full else []

    def _environment(self, place: str) -> dict[str, str]:
        allowed = f"TL_FAULT,{ENV_GROUP},{ENV_MARK},PYTHONPATH"
        return {
            **os.environ,
            "CRONIX_PLUGIN_ENV": allowed,
            "PYTHONPATH": str(ROOT),
            "TMPDIR": place,
            ENV_GROUP: self.memory.path,
            ENV_MARK: place,
        }

    def _after_death(self, job: Job, result: RunResult, place: str) -> None:
        """Judge the crontab that a dead host left, and what the next host makes of it."""
        result.state, result.done = self._states.judge(job.crontab.read_bytes())
        result.left = {"process": len(found)} if (found := marked(place)) else {}
        result.files = tuple(
            f.name for f in Path(place).rglob("*") if f.is_file() and f != job.crontab
        )
        result.left |= {"files": len(result.files)} if result.files else {}
        again = Host(replace(job, runs=[]), place, self._environment(place), [])
        result.converged = again.converged()
