"""One measuring process: an arm's sample for one group of suites, and then its end.

    python -m transportlab.evidence.run.worker

It gets a Job as JSON on stdin and answers with a Result as JSON on stdout. Nothing is imported that
the arm does not need, as imports are a part of what is measured.
"""

import os
import sys

import msgspec

from transportlab.evidence.run.placement import Placement
from transportlab.evidence.run.plan import CONTROL, Arm
from transportlab.evidence.run.session import Run
from transportlab.evidence.run.timing import Effort, Sample
from transportlab.evidence.suites import STEADY, load_suite
from transportlab.sdk.program import claim_stdout


class Job(msgspec.Struct, frozen=True):
    """What to measure; the members are those of Run. suites are of one group."""

    suites: tuple[str, ...]
    arm: Arm
    placement: Placement
    effort: Effort
    modules: tuple[str, ...]
    spawned: float


class Result(msgspec.Struct, frozen=True):
    """Samples by suite, and the CPUs on which the host and its plugins could really run."""

    samples: dict[str, list[Sample]]
    host: tuple[int, ...]
    plugin: list[tuple[int, ...]]


def measure(job: Job) -> Result:
    """Carry the job out in this process."""
    run = Run(job.arm, job.placement, job.effort, job.modules, job.spawned)
    samples: dict[str, list[Sample]] = {}
    if job.arm.role == CONTROL:
        from transportlab.evidence.run import control

        samples = {suite: control.measure(run, suite) for suite in job.suites}
    elif set(job.suites) <= set(STEADY):
        with run.open("echo", {"faults": "requests"}) as opened:
            for suite in job.suites:
                samples[suite] = load_suite(suite).measure(run, opened)
    else:
        samples = {suite: load_suite(suite).measure(run) for suite in job.suites}
    return Result(samples, tuple(sorted(os.sched_getaffinity(0))), sorted(run.affinity))


def main() -> None:
    """Read the job, print the result."""
    out = claim_stdout()
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=Job)
    out.write(msgspec.json.encode(measure(job)))


if __name__ == "__main__":
    main()
