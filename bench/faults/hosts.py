"""A host as campaign.py sees it: a process that runs trial.py, what it says, and how it ends.

A fault may end the host, stop it (SIGSTOP), or keep it waiting for ever. These are told apart.
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
from bench.faults.trial import Job, RunResult

GRACE = 3.0
"""How long after every bound a host that says nothing counts as hung, in seconds."""

PATIENCE = 60.0
"""Bound for what is not measured: starts, plans, convergence; in seconds."""

STOPPED = b"T"


class Host:
    """One process of trial.py."""

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

    def runs(self, limit: float) -> Iterator[RunResult]:
        """Yield the result of each run as it ends. The host may not outlive the last one.

        limit: seconds from the strike of the fault until the host has stopped the plugin.
        """
        try:
            result: RunResult | None = None
            while (line := self._line(PATIENCE if result is None else limit + GRACE)) is not None:
                if "begin" in line:
                    result, begin = RunResult(line["begin"], self._job.bounds), time.monotonic()
                if "back" in line:
                    result = None
                if "result" in line:
                    yield RunResult(**line["result"])
            if result is not None:
                lost = self._lost(result, begin)
                self._child.kill()  # so that a host that hangs does not count as left behind
                self._child.wait()
                yield lost
            elif self._child.wait(PATIENCE):
                raise RuntimeError(f"a host failed: {self._last_words()}")
        finally:
            self._end()

    def converged(self) -> bool:
        """Return whether the crontab converges, for a host that was given no runs."""
        try:
            line = self._line(PATIENCE)
        finally:
            self._end()
        return line is not None and line["converged"]

    def _line(self, seconds: float) -> dict[str, Any] | None:
        """Return what the host says next; None if it ends, or says nothing in time."""
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

    def _lost(self, result: RunResult, begin: float) -> RunResult:
        """Return the result of a run that the host did not outlive or does not come back from."""
        result.control = time.monotonic() - begin
        if self._silent:  # its pipe has ended, a moment before the process ends
            with suppress(subprocess.TimeoutExpired):
                self._child.wait(GRACE)
        if self._child.poll() is None:
            found = Path(f"/proc/{self._child.pid}/stat").read_bytes()
            stopped = found.rpartition(b")")[2].split()[0] == STOPPED
            result.code = "HOST STOPPED" if stopped else "HOST HANGS"
        else:
            status = self._child.returncode
            result.code = "HOST ENDED"
            result.exit = (
                f"exit status {status}" if status >= 0 else f"signal {Signals(-status).name}"
            )
        result.text = self._last_words()
        return result

    def _last_words(self) -> str:
        self._errors.seek(0)
        return self._errors.read().decode("utf-8", "replace")[-2000:]

    def _end(self) -> None:
        """Kill the host and everything that it started."""
        self._child.kill()
        self._child.wait()
        for pid in marked(self._mark):
            with suppress(ProcessLookupError):
                os.kill(pid, SIGKILL)
        self._errors.close()
        if self._child.stdout is not None:
            self._child.stdout.close()
