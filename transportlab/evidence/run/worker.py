"""One measuring process: it measures one arm for one group of suites, and ends.

    python -m transportlab.evidence.run.worker

It reads a Task as JSON from stdin and writes a Result as JSON to stdout. It imports nothing that
the arm does not need, because imports are part of what is measured.
"""

import os
import sys

import msgspec

from transportlab.errors import LabError
from transportlab.evidence.arms import FAULTS
from transportlab.evidence.record import Affinity, Sample
from transportlab.evidence.run.task import Task
from transportlab.evidence.suites import STEADY, load_suite
from transportlab.sdk.program import claim_stdout


class Result(msgspec.Struct, frozen=True):
    """Samples by suite, and where the process and its plugins ran."""

    samples: dict[str, list[Sample]]
    affinity: Affinity


def measure(task: Task) -> Result:
    """Do the task in this process."""
    if task.arm.role == "control":
        from transportlab.evidence.suites import control

        samples = {suite: control.measure(task, suite) for suite in task.suites}
    elif not task.host.inside:
        samples = {suite: load_suite(suite).measure_host(task) for suite in task.suites}
    elif set(task.suites) <= set(STEADY):
        faults = {"faults": "requests"} if FAULTS in task.plugin.offers else {}
        with task.open({**task.plugin.quiet, **faults}) as opened:
            samples = {suite: load_suite(suite).measure(task, opened) for suite in task.suites}
    else:
        samples = {suite: load_suite(suite).measure(task) for suite in task.suites}
    here = tuple(sorted(os.sched_getaffinity(0)))
    return Result(samples, Affinity(here, sorted(task.plugin_cpus)))


def main() -> None:
    """Read the task, print the result; the reason in the last line of stderr if that fails."""
    out = claim_stdout()
    task = msgspec.json.decode(sys.stdin.buffer.read(), type=Task)
    try:
        result = measure(task)
    except Exception as error:  # a host's error may have many lines
        told = str(error) if isinstance(error, LabError) else f"{type(error).__name__}: {error}"
        lines = [*told.splitlines(), *getattr(error, "__notes__", ())]
        sys.exit("; ".join(line.strip() for line in lines))
    out.write(msgspec.json.encode(result))


if __name__ == "__main__":
    main()
