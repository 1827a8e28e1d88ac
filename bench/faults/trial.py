"""A host that meets one fault over one transport, a number of times.

    python -m bench.faults.trial    (a Job as JSON on stdin; JSON Lines on stdout)

It is a process of its own because some faults end the host. Then the last line on stdout is the
beginning of a run, and campaign.py sees how this process ended.
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

import msgspec

from bench.faults import state
from bench.faults.actions import ENV_FAULT
from bench.faults.catalogue import BOUNDS, CALL, SHORT_START, Bounds, Fault, Point, fault_named
from bench.faults.disk import small_disk
from bench.faults.leftovers import BALLAST, ENV_MARK, census, clear, settled
from transportlab import model
from transportlab.cli.errors import error_text
from transportlab.context import Context
from transportlab.errors import LabError, PluginError, RpcError
from transportlab.host import HostOptions, HostSession, open_backend
from transportlab.host.apply import ApplyInterrupted, carry_out
from transportlab.registry import load_transport

Say = Callable[[dict[str, Any]], None]

LARGE = "x" * (1 << 20)
"""A configuration value that fills every buffer on the way to a plugin that does not read."""


@dataclass(frozen=True, slots=True)
class Job:
    """What to do: these runs of a fault over a transport, with the plugin at a path."""

    fault: str
    transport: str
    plugin: str
    folder: str
    runs: list[int]
    bounds: str

    @property
    def crontab(self) -> Path:
        """The file that the plugin changes."""
        return Path(self.folder, "crontab")


@dataclass(slots=True)
class RunResult:
    """What one run showed: times in seconds, the error, what was left, the crontab.

    control: from the strike until the host had control again. stop: what the stop took then.
    code, problem, exit: of the error; text: the error as the command line would print it.
    reached: how far an Apply came. left: what was left behind, by kind; files: by name.
    state, done: States.judge() of the crontab. converged: whether a fresh plugin then brought it
        to the desired state; None if that was not tried.
    """

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
        """Record what the error says."""
        self.text = error_text(error)
        if isinstance(error, ApplyInterrupted):
            self.reached = msgspec.structs.asdict(error.reached)
            error = error.error
        if isinstance(error, RpcError):
            self.code, self.problem = error.code.name, error.message
        if isinstance(error, PluginError):
            self.code, self.problem, self.exit = error.code, error.problem, error.exit


def options(job: Job, fault: Fault | None, bounds: Bounds) -> HostOptions:
    """Return the options of a session with the fault, or of one without."""
    config = {"path": str(job.crontab)}
    start, opening = 5.0, 10.0
    if fault is not None and fault.hangs and fault.point in (Point.START, Point.OPEN):
        start = opening = SHORT_START
    if fault is not None and fault.point is Point.OPEN:
        config["trigger_bin"] = LARGE
        start = 5.0
    return HostOptions(
        config=config, handshake=start, open=opening, close=bounds.close, stop=bounds.stop
    )


def run_fault(job: Job, fault: Fault, result: RunResult, say: Say) -> None:
    """Open a session with the fault, and time what the host has to wait for."""
    os.environ[ENV_FAULT] = fault.name
    session: HostSession | None = None
    say({"begin": result.run})
    begin = time.monotonic()
    try:
        session = open_backend(job.plugin, job.transport, options(job, fault, BOUNDS[job.bounds]))
        plan = session.backend.plan(
            model.PlanRequest(state.APP, state.desired(state.NEW_JOBS)), Context()
        )
        say({"begin": result.run})
        begin = time.monotonic()
        call(session, fault, plan)
    except LabError as error:
        result.failed(error)
    result.control = time.monotonic() - begin
    begin = time.monotonic()
    if session is not None:
        session.close()
    result.stop = time.monotonic() - begin
    os.environ[ENV_FAULT] = ""
    say({"back": result.run})


def call(session: HostSession, fault: Fault, plan: model.PlanReply) -> None:
    """Make the call that the fault strikes, or that comes before it."""
    timeout = CALL if fault.hangs and fault.point is not Point.STOP else None
    if fault.point in (Point.READ, Point.STOP):
        session.backend.read(model.ReadRequest(), Context(timeout=timeout))
    if fault.point is Point.APPLY:
        for _ in carry_out(session.backend, plan, Context(timeout=timeout)):
            pass


def converge(job: Job, states: state.States) -> bool:
    """Return whether a fresh plugin makes the file as desired, and then finds no drift."""
    with suppress(FileNotFoundError):  # as an operator makes room
        job.crontab.with_name(BALLAST).unlink()
    request = model.PlanRequest(state.APP, state.desired(state.NEW_JOBS))
    drift = model.DriftRequest(state.APP, request.jobs)
    with open_backend(job.plugin, job.transport, options(job, None, BOUNDS["default"])) as session:
        plan = session.backend.plan(request, Context())
        list(session.backend.apply(model.ApplyRequest(plan), Context()))
        clean = not session.backend.drift(drift, Context()).items
    return clean and states.judge(job.crontab.read_bytes())[0] == "new"


def warm_up(job: Job, states: state.States) -> None:
    """Open a session without a fault, so that what the first one keeps does not count as left.

    Do not call this if a library is to fail when it is loaded.
    """
    job.crontab.write_bytes(states.old)
    with open_backend(job.plugin, job.transport, options(job, None, BOUNDS["default"])) as session:
        session.backend.read(model.ReadRequest(), Context())


def run_all(job: Job, states: state.States, say: Say) -> None:
    """Make the runs. Each says when it begins, when the fault may strike, and its result."""
    fault, mark = fault_named(job.fault), os.environ[ENV_MARK]
    if fault.point is not Point.START or load_transport(job.transport).traits.isolated:
        warm_up(job, states)
    for number in job.runs:
        job.crontab.write_bytes(states.old)
        before = census(mark)
        result = RunResult(number, job.bounds)
        run_fault(job, fault, result, say)
        after = settled(before, mark)
        result.left = after.since(before)
        result.files = tuple(sorted(Path(name).name for name in after.files - before.files))
        clear(before, after)
        result.state, result.done = states.judge(job.crontab.read_bytes())
        if result.state != "old" or number == 0:
            result.converged = converge(job, states)
        say({"result": asdict(result)})


def main(out: TextIO) -> None:
    """Do the job on stdin. Without runs, only converge."""
    job = Job(**json.load(sys.stdin))
    if fault_named(job.fault).full:
        small_disk(job.folder)
    with tempfile.TemporaryDirectory() as folder:
        states = state.States.make(Path(folder))

    def say(line: dict[str, Any]) -> None:
        out.write(json.dumps(line) + "\n")
        out.flush()

    if job.runs:
        run_all(job, states, say)
    else:
        say({"converged": converge(job, states)})


if __name__ == "__main__":
    private = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints must not reach campaign.py
    main(private)
