"""A host that meets one fault on one transport, a number of times, in a process of its own.

    python -m bench.faults.trial    (its Job as JSON on stdin; JSON Lines on stdout)

A process of its own, because some faults take the host along: then the line of a run's begin is the
last one, and campaign.py sees what became of this process.
"""

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TextIO

from bench.faults import state
from bench.faults.actions import ENV_FAULT
from bench.faults.catalogue import BOUNDS, CALL, SHORT_START, Bounds, Fault, Point, fault
from bench.faults.disk import small_disk
from bench.faults.leftovers import BALLAST, ENV_MARK, census, clear, settled
from transportlab import model
from transportlab.cli.render import error_text
from transportlab.context import Context
from transportlab.errors import LabError, PluginError, RpcError
from transportlab.host import HostOptions, HostSession, open_backend
from transportlab.host.apply import ApplyInterrupted, carry_out
from transportlab.registry import load_transport

Say = Callable[[dict[str, Any]], None]

LARGE = "x" * (1 << 20)
"""A request that fills every buffer on the way to a plugin that does not read."""


@dataclass(frozen=True, slots=True)
class Job:
    """What to do: runs of a fault over a transport, with the plugin at the path."""

    fault: str
    transport: str
    plugin: str
    folder: str
    runs: list[int]
    bounds: str

    @property
    def crontab(self) -> Path:
        """The file that the plugin works on."""
        return Path(self.folder, "crontab")


@dataclass(slots=True)
class Met:
    """What one run has seen; seconds, and the error as the command line would print it."""

    run: int
    bounds: str
    control: float = 0.0
    stop: float = 0.0
    code: str = ""
    problem: str = ""
    exit: str = ""
    text: str = ""
    reached: dict[str, tuple[str, ...]] = field(default_factory=dict)
    left: dict[str, int] = field(default_factory=dict)
    files: tuple[str, ...] = ()
    state: str = ""
    done: tuple[str, ...] = ()
    converged: bool | None = None

    def failed(self, error: LabError) -> None:
        """Take down what the error says."""
        self.text = error_text(error)
        if isinstance(error, ApplyInterrupted):
            self.reached = asdict(error.reached)
            error = error.error
        if isinstance(error, RpcError):
            self.code, self.problem = error.code.name, error.message
        if isinstance(error, PluginError):
            self.code, self.problem, self.exit = error.code, error.problem, error.exit


def options(job: Job, found: Fault | None, bounds: Bounds) -> HostOptions:
    """Of a session with the fault, or of one without."""
    config = {"path": str(job.crontab)}
    start, opening = 5.0, 10.0
    if found is not None and found.hangs and found.point in (Point.START, Point.OPEN):
        start = opening = SHORT_START
    if found is not None and found.point is Point.OPEN:
        config["trigger_bin"] = LARGE
        start = 5.0
    return HostOptions(
        config=config, handshake=start, open=opening, close=bounds.close, stop=bounds.stop
    )


def meet(job: Job, found: Fault, met: Met, say: Say) -> None:
    """One session with the fault; what the host has to wait for is timed."""
    os.environ[ENV_FAULT] = found.name
    session: HostSession | None = None
    say({"begin": met.run})
    begin = time.monotonic()
    try:
        session = open_backend(job.plugin, job.transport, options(job, found, BOUNDS[job.bounds]))
        plan = session.backend.plan(
            model.PlanRequest(state.APP, state.desired(state.NEW_JOBS)), Context()
        )
        say({"begin": met.run})
        begin = time.monotonic()
        call(session, found, plan)
    except LabError as error:
        met.failed(error)
    met.control = time.monotonic() - begin
    begin = time.monotonic()
    if session is not None:
        session.close()
    met.stop = time.monotonic() - begin
    os.environ[ENV_FAULT] = ""
    say({"back": met.run})


def call(session: HostSession, found: Fault, plan: model.PlanReply) -> None:
    """The calls that the fault strikes, if it is no fault of the start."""
    timeout = CALL if found.hangs and found.point is not Point.STOP else None
    if found.point in (Point.READ, Point.STOP):
        session.backend.read(model.ReadRequest(), Context(timeout=timeout))
    if found.point is Point.APPLY:
        for _ in carry_out(session.backend, plan, Context(timeout=timeout)):
            pass


def converge(job: Job, states: state.States) -> bool:
    """Whether a fresh plugin brings the file to the desired state, and then finds nothing to do."""
    with suppress(FileNotFoundError):  # an operator has made room
        job.crontab.with_name(BALLAST).unlink()
    request = model.PlanRequest(state.APP, state.desired(state.NEW_JOBS))
    drift = model.DriftRequest(state.APP, request.jobs)
    with open_backend(job.plugin, job.transport, options(job, None, BOUNDS["default"])) as session:
        plan = session.backend.plan(request, Context())
        list(session.backend.apply(model.ApplyRequest(plan), Context()))
        clean = not session.backend.drift(drift, Context()).items
    return clean and states.judge(job.crontab.read_bytes())[0] == "new"


def warm_up(job: Job, states: state.States) -> None:
    """A session without a fault: what the first one brings for good is nothing that is left behind.

    A library that is to fail when it is loaded must not be loaded before.
    """
    job.crontab.write_bytes(states.old)
    with open_backend(job.plugin, job.transport, options(job, None, BOUNDS["default"])) as session:
        session.backend.read(model.ReadRequest(), Context())


def serve(job: Job, states: state.States, say: Say) -> None:
    """Each run: its begin (again when the fault is about to strike), its end, what it has met."""
    found, mark = fault(job.fault), os.environ[ENV_MARK]
    if found.point is not Point.START or load_transport(job.transport).traits.isolated:
        warm_up(job, states)
    for number in job.runs:
        job.crontab.write_bytes(states.old)
        before = census(mark)
        met = Met(number, job.bounds)
        meet(job, found, met, say)
        after = settled(before, mark)
        met.left = after.since(before)
        met.files = tuple(sorted(Path(name).name for name in after.files - before.files))
        clear(before, after)
        met.state, met.done = states.judge(job.crontab.read_bytes())
        if met.state != "old" or number == 0:
            met.converged = converge(job, states)
        say({"met": asdict(met)})


def main(out: TextIO) -> None:
    """The job on stdin; without runs it is to converge alone."""
    job = Job(**json.load(sys.stdin))
    if fault(job.fault).full:
        small_disk(job.folder)
    with tempfile.TemporaryDirectory() as folder:
        states = state.States.make(Path(folder))

    def say(line: dict[str, Any]) -> None:
        out.write(json.dumps(line) + "\n")
        out.flush()

    if job.runs:
        serve(job, states, say)
    else:
        say({"converged": converge(job, states)})


if __name__ == "__main__":
    private = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints is not for campaign.py
    main(private)
