"""Checks the report of an interrupted Apply: kills the plugin at random moments of a long one.

    python -m bench.interrupted [--kills 50] [--transport X] [--seed N]

Each Apply creates 256 jobs in a real crontab, and the plugin gets SIGKILL somewhere in it. What the
host then reports as applied must be in the file. What it reports as unknown (at most one job) or
unreported may be in the file or not; the table counts how many are. Each job is in a report once.
Exits with 1 if a report was wrong.
"""

import argparse
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from msgspec.structs import asdict

from bench.faults.columns import Column, columns
from bench.faults.state import APP, blocks, desired
from transportlab import model
from transportlab.context import Context
from transportlab.evidence.run.progress import progress
from transportlab.host import HostOptions, HostSession, open_backend
from transportlab.host.apply import ApplyInterrupted, Reached, carry_out

JOBS = 256

UNDISTURBED = 3
"""Applies that are not interrupted. The fastest one's time is the time within which to kill."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How one Apply ended: the report (None if it was not interrupted), and the jobs in the file.

    planned: the jobs that were to be created. A report has each of them once.
    """

    reached: Reached | None
    there: frozenset[str]
    planned: frozenset[str]

    @property
    def true(self) -> bool:
        """Whether the report agrees with the file."""
        if self.reached is None:
            return self.there == self.planned
        said = self.reached
        told = sorted(job for jobs in asdict(said).values() for job in jobs)
        if told != sorted(self.planned):
            return False
        open_ = {*said.unattempted, *said.failed}
        return {*said.applied} <= self.there and not open_ & self.there and len(said.unknown) < 2

    def carried_out(self, jobs: Sequence[str]) -> int:
        """Count how many of these jobs are in the file."""
        return len(self.there.intersection(jobs))


def apply(column: Column, crontab: Path, after: float | None) -> tuple[Ending, float]:
    """Make an Apply, and kill its plugin after so many seconds. Returns ending and time."""
    crontab.write_bytes(b"")
    planned = {f"job-{n:03}": "1 2 3 4 5" for n in range(JOBS)}
    options = HostOptions(config={"path": str(crontab)})
    with open_backend("crontab", column.transport, options) as session:
        plan = session.backend.plan(model.PlanRequest(APP, desired(planned)), Context())
        begin = time.monotonic()
        reached = interrupted(session, plan, after)
        took = time.monotonic() - begin
    there = frozenset(blocks(crontab.read_bytes())[0])
    return Ending(reached, there, frozenset(planned)), took


def interrupted(session: HostSession, plan: model.PlanReply, after: float | None) -> Reached | None:
    """Return the report, or None if the Apply was not interrupted."""
    process = session.process
    assert process is not None
    timer = threading.Timer(after or 0.0, os.kill, (process.pid, signal.SIGKILL))
    if after is not None:
        timer.start()
    try:
        for _ in carry_out(session.backend, plan, Context()):
            pass
    except ApplyInterrupted as error:
        return error.reached
    finally:
        timer.cancel()
    return None


def row(column: Column, kills: int, draw: Random) -> bool:
    """Make that many kills and print a row. Returns whether every report was right."""
    ends = []
    with tempfile.TemporaryDirectory(prefix="tl-") as name, progress(["apply"] * kills) as tell:
        crontab = Path(name, "crontab")
        took = min(apply(column, crontab, None)[1] for _ in range(UNDISTURBED))
        for _ in range(kills):
            tell(column.title)
            ends.append(apply(column, crontab, draw.uniform(0, took))[0])
    told = [(end, end.reached) for end in ends if end.reached]
    true = sum(end.true for end in ends)
    print(
        f"| {column.title} | {len(told)}"
        f" | {sum(end.carried_out(said.unknown) for end, said in told)}"
        f" of {sum(len(said.unknown) for _, said in told)}"
        f" | {sum(end.carried_out(said.unreported) for end, said in told)}"
        f" of {sum(len(said.unreported) for _, said in told)} | {true} of {kills} |"
    )
    return true == kills


def main(arguments: Sequence[str]) -> int:
    """Print a row for each transport."""
    programs = [column for column in columns() if not column.library]
    parser = argparse.ArgumentParser(
        "bench.interrupted", description="Check the report of an interrupted Apply."
    )
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--transport", action="append", choices=[c.title for c in programs])
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    draw = Random(options.seed)
    print("| transport | interrupted | unknown, carried out | unreported, carried out | true |")
    print("|---|---|---|---|---|")
    chosen = [c for c in programs if not options.transport or c.title in options.transport]
    rows = [row(column, options.kills, draw) for column in chosen]
    return 0 if all(rows) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
