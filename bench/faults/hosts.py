"""A host as campaign.py sees it: a process of cell.py, what it says, and how it ends.

A fault may take it along, stop it, or never give it control again; each of these is told apart.
"""

import json
import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from signal import SIGKILL, Signals
from typing import Any

from bench.faults.columns import ROOT
from bench.faults.leftovers import marked
from bench.faults.trial import Job, Met

GRACE = 3.0
"""Seconds beyond every bound after which a host that says nothing counts as hung."""

PATIENCE = 60.0
"""For what is not timed: starts, plans, convergence."""

STOPPED = b"T"


class Host:
    """One process of cell.py."""

    def __init__(
        self, job: Job, mark: str, environment: dict[str, str], prefix: Sequence[str]
    ) -> None:
        self._job, self._mark = job, mark
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  # closed with the process
        self._child = subprocess.Popen(
            [*prefix, sys.executable, "-m", "bench.faults.trial"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            cwd=ROOT,
            env=environment,
            process_group=0,
        )
        stdin = self._child.stdin
        assert stdin is not None
        with stdin:
            stdin.write(json.dumps(asdict(job)).encode())
        self._rest = b""
        self._silent = False

    def runs(self, limit: float) -> Iterator[Met]:
        """Each run as it ends; the last may be one that the host did not outlive.

        limit: seconds from the strike until the host has stopped the plugin.
        """
        try:
            met: Met | None = None
            while (line := self._line(PATIENCE if met is None else limit + GRACE)) is not None:
                if "begin" in line:
                    met, begin = Met(line["begin"], self._job.bounds), time.monotonic()
                if "back" in line:
                    met = None
                if "met" in line:
                    yield Met(**line["met"])
            if met is not None:
                lost = self._lost(met, begin)
                self._child.kill()  # one that hangs is none that it has left behind
                self._child.wait()
                yield lost
            elif self._child.wait(PATIENCE):
                raise RuntimeError(f"a host failed: {self._last_words()}")
        finally:
            self._end()

    def converged(self) -> bool:
        """The answer of a host that has nothing else to do."""
        try:
            line = self._line(PATIENCE)
        finally:
            self._end()
        return line is not None and line["converged"]

    def _line(self, seconds: float) -> dict[str, Any] | None:
        """What the host says next; None if it ends or does not say anything in time."""
        stdout = self._child.stdout
        assert stdout is not None
        end = time.monotonic() + seconds
        while b"\n" not in self._rest:
            ready, _, _ = select.select([stdout], [], [], max(0.0, end - time.monotonic()))
            data = os.read(stdout.fileno(), 1 << 16) if ready else b""
            if not data:
                self._silent = bool(ready)
                return None
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        found: dict[str, Any] = json.loads(line)
        return found

    def _lost(self, met: Met, begin: float) -> Met:
        """A run that took the host along, or that it does not come back from."""
        met.control = time.monotonic() - begin
        if self._silent:  # its pipe has ended: a moment before the process itself does
            with suppress(subprocess.TimeoutExpired):
                self._child.wait(GRACE)
        if self._child.poll() is None:
            found = Path(f"/proc/{self._child.pid}/stat").read_bytes()
            stopped = found.rpartition(b")")[2].split()[0] == STOPPED
            met.code = "HOST STOPPED" if stopped else "HOST HANGS"
        else:
            status = self._child.returncode
            met.code = "HOST ENDED"
            met.exit = f"exit status {status}" if status >= 0 else f"signal {Signals(-status).name}"
        met.text = self._last_words()
        return met

    def _last_words(self) -> str:
        self._errors.seek(0)
        return self._errors.read().decode("utf-8", "replace")[-2000:]

    def _end(self) -> None:
        """Of the host and of all that came of it."""
        self._child.kill()
        self._child.wait()
        for pid in marked(self._mark):
            with suppress(ProcessLookupError):
                os.kill(pid, SIGKILL)
        self._errors.close()
        if self._child.stdout is not None:
            self._child.stdout.close()
