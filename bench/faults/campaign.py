"""Runs the hosts, one after the other, and takes down what became of them.

A host that a fault takes along is what a run has found as well: its end is seen here, and the file
that it leaves is judged here.
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
from bench.faults.trial import Job, Met


class Campaign:
    """A context manager: it owns the plugins, the folder and the memory group of its hosts."""

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

    def not_run(self, found: Fault, column: Column) -> str:
        """Why a cell cannot be had here; empty if it can."""
        if column.library and self._artifacts.missing:
            return f"not run: {self._artifacts.missing}"
        if found.full and self._mounts is None:
            return "not run: this machine gives no mount namespace"
        return not_applicable(found, column)

    def cell(
        self, found: Fault, column: Column, numbers: Sequence[int], bounds: str = "short"
    ) -> Iterator[Met]:
        """What each run has met. A host that has gone is followed by another."""
        left = list(numbers)
        limit = control_limit(found, BOUNDS[bounds]) + BOUNDS[bounds].limit
        with tempfile.TemporaryDirectory(prefix="c", dir=self._folder) as place:
            folder = Path(place, "f")
            folder.mkdir()
            plugin = str(self._artifacts.of(column))
            job = Job(found.name, column.transport, plugin, str(folder), left, bounds)
            while left:
                environment = self._environment(place)
                host = Host(replace(job, runs=left), place, environment, self._prefix(found))
                for met in host.runs(limit):
                    left = [number for number in left if number != met.run]
                    if not met.state:
                        self._after_death(job, met, place)
                    yield met

    def _prefix(self, found: Fault) -> list[str]:
        return self._mounts or [] if found.full else []

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

    def _after_death(self, job: Job, met: Met, place: str) -> None:
        """The file that a dead host has left, and what a host after it makes of it."""
        met.state, met.done = self._states.judge(job.crontab.read_bytes())
        met.left = {"process": len(found)} if (found := marked(place)) else {}
        met.files = tuple(
            f.name for f in Path(place).rglob("*") if f.is_file() and f != job.crontab
        )
        met.left |= {"files": len(met.files)} if met.files else {}
        again = Host(replace(job, runs=[]), place, self._environment(place), [])
        met.converged = again.converged()
