"""Counts what is left behind by a host that opens many sessions, and by one that is killed.

    python -m bench.cycles --cycles 500 [--transport X]
    python -m bench.cycles --kills 100 [--transport X] [--seed N]

--cycles counts descriptors, threads, processes and files of this process before and after that many
sessions. --kills starts a host that opens, plans, applies and closes over and over, and kills it at
a random moment. Within a bound everything that it started must be gone, except its private
directories, which the next start removes. The crontab must hold each entry in its old form or its
new one. Exits with 1 if something is left.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from random import Random

from bench.faults.columns import ROOT, Column, columns
from bench.faults.leftovers import ENV_MARK, census, files, marked, settled
from bench.faults.state import APP, NEW_JOBS, OLD_JOBS, States, desired
from transportlab import model
from transportlab.context import Context
from transportlab.evidence.run.progress import progress
from transportlab.host import HostOptions, open_backend

WARM_UP = 2
"""Sessions before the first count: what the first ones keep for good does not count as left."""

GONE_SECONDS = 5.0
"""How long after the kill all processes of a host must be gone."""

STOPPED = "stopped"
"""What a host says after each session."""


def place(column: Column) -> str:
    """Return the reference plugin as a column reaches it: a program by name, a library by path."""
    scripts = Path(sys.executable).parent
    return str(scripts / "cronix-backend-crontab.so") if column.library else "crontab"


def one_session(column: Column, crontab: Path, jobs: dict[str, str]) -> None:
    """Open, plan, apply, close."""
    options = HostOptions(config={"path": str(crontab)})
    with open_backend(place(column), column.transport, options) as session:
        plan = session.backend.plan(model.PlanRequest(APP, desired(jobs)), Context())
        list(session.backend.apply(model.ApplyRequest(plan), Context()))


def cycle(column: Column, number: int, folder: Path) -> dict[str, int]:
    """Return how much more there is after that many sessions than before."""
    crontab, mark = folder / "crontab", os.environ[ENV_MARK]
    for at in range(WARM_UP):
        one_session(column, crontab, (OLD_JOBS, NEW_JOBS)[at % 2])
    before = census(mark)
    for at in range(number):
        one_session(column, crontab, (OLD_JOBS, NEW_JOBS)[at % 2])
    return settled(before, mark).since(before)


def host(title: str, crontab: str) -> None:
    """Be the host that is killed: open sessions for ever, and say each step on stdout."""
    column = next(c for c in columns() if c.title == title)
    options = HostOptions(config={"path": crontab}, on_phase=lambda name, _pid: tell(name))
    turn = 0
    while True:
        turn += 1
        tell("start")
        with open_backend(place(column), column.transport, options) as session:
            request = model.PlanRequest(APP, desired((OLD_JOBS, NEW_JOBS)[turn % 2]))
            plan = session.backend.plan(request, Context())
            tell("apply")
            list(session.backend.apply(model.ApplyRequest(plan), Context()))
            tell("stop")
        tell(STOPPED)


def tell(step: str) -> None:
    """Write a step at once, so that it is read whole or not at all."""
    os.write(1, f"{step}\n".encode())


@dataclass(frozen=True, slots=True)
class Killed:
    """The end of one host: its step, seconds until its processes had gone, how many had not.

    broken: the crontab held something else than old and new entries.
    """

    step: str
    seconds: float
    processes: int
    broken: bool


def kill(column: Column, folder: Path, states: States, draw: Random) -> Killed:
    """Kill a host at a random moment of a random step, after its first few sessions."""
    crontab = folder / "crontab"
    crontab.write_bytes(states.old)
    mark = os.environ[ENV_MARK]
    command = [sys.executable, "-m", "bench.cycles", "--host", column.title, str(crontab)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, cwd=ROOT, process_group=0
    ) as child:
        try:
            step = reach(child, draw)
        finally:
            child.kill()
        killed = time.monotonic()
    while (left := marked(mark)) and time.monotonic() - killed < GONE_SECONDS:
        time.sleep(0.002)
    broken = states.judge(crontab.read_bytes())[0].startswith("BROKEN")
    return Killed(step, time.monotonic() - killed, len(left), broken)


def reach(child: "subprocess.Popen[bytes]", draw: Random) -> str:
    """Wait for a random moment of a random step, by the time that the step took before."""
    stdout = child.stdout
    assert stdout is not None
    marks: list[tuple[str, float]] = []
    for line in stdout:
        marks.append((line.decode().strip(), time.monotonic()))
        if [step for step, _ in marks].count(STOPPED) == WARM_UP:
            break
    took = {step: after - begin for (step, begin), (_, after) in pairwise(marks) if step != STOPPED}
    wanted = draw.choice(list(took))
    for line in stdout:
        if line.decode().strip() == wanted:
            time.sleep(draw.uniform(0, took[wanted]))
            break
    return wanted


def directories() -> int:
    """Count the private directories of hosts, alive or dead."""
    return len([name for name in files() if Path(name).is_dir() and "cronix-" in Path(name).name])


def report(title: str, found: Sequence[Killed]) -> bool:
    """Print a column's row. Returns whether nothing was left."""
    steps = sorted(Counter(kill.step for kill in found).items())
    left = sum(kill.processes for kill in found)
    broken = sum(kill.broken for kill in found)
    print(
        f"| {title} | {len(found)} | {', '.join(f'{number} {step}' for step, number in steps)}"
        f" | {left} | {max(kill.seconds for kill in found):.2f} s | {broken} |"
    )
    return not (left or broken)


def kills(number: int, chosen: Sequence[Column], seed: int, folder: Path) -> bool:
    """Make that many kills in all, in turn over the columns. Returns whether nothing was left."""
    draw = Random(seed)
    states = States.make(folder)
    found: dict[Column, list[Killed]] = {column: [] for column in chosen}
    with progress(["kill"] * number) as say:
        for at in range(number):
            column = chosen[at % len(chosen)]
            say(column.title)
            found[column].append(kill(column, folder, states, draw))
    print("| plugin reached by | kills | in the step | processes left | gone after, at worst"
          " | broken crontabs |")  # fmt: skip
    print("|---|---|---|---|---|---|")
    clean = True
    for column, ends in found.items():
        clean &= not ends or report(column.title, ends)
    before = directories()
    for column in chosen:
        one_session(column, folder / "crontab", NEW_JOBS)
    after = directories()
    print(f"\nPrivate directories left: {before}; after the next start: {after}.")
    return clean and not after


def cycles(number: int, chosen: Sequence[Column], folder: Path) -> bool:
    """Open that many sessions of each column. Returns whether nothing was left."""
    print(f"| plugin reached by | left after {number} sessions |\n|---|---|")
    clean = True
    for column in chosen:
        more = cycle(column, number, folder)
        clean &= not more
        shown = ", ".join(f"{count} {kind}" for kind, count in more.items())
        print(f"| {column.title} | {shown or 'nothing'} |", flush=True)
    return clean


def main(arguments: Sequence[str]) -> int:
    """Return 1 if something is left."""
    if arguments[:1] == ["--host"]:
        host(*arguments[1:3])
    parser = argparse.ArgumentParser("bench.cycles", description="What is left behind.")
    parser.add_argument("--cycles", type=int, default=0)
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--transport", action="append", help=", ".join(c.title for c in columns()))
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    chosen = [c for c in columns() if not options.transport or c.title in options.transport]
    chosen = [c for c in chosen if not c.library or Path(place(c)).exists()]
    if not chosen:
        parser.error("no such transport")
    with tempfile.TemporaryDirectory(prefix="tl-", dir="/tmp") as name:
        tempfile.tempdir = os.environ["TMPDIR"] = name
        os.environ[ENV_MARK] = name
        os.environ["CRONIX_PLUGIN_ENV"] = f"{ENV_MARK},PYTHONPATH"
        folder = Path(name, "f")
        folder.mkdir()
        clean = not options.cycles or cycles(options.cycles, chosen, folder)
        clean &= not options.kills or kills(options.kills, chosen, options.seed, folder)
    return 0 if clean else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
