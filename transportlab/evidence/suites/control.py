"""The control: no transport, but work of the same kind. It shows what the machine did meanwhile.

It is not a suite of its own. It runs as one more arm of every block, beside whatever suites the
block is of.
"""

import sys

from transportlab.evidence.record import Sample
from transportlab.evidence.run.task import Task
from transportlab.evidence.run.timing import spawn, timed
from transportlab.evidence.suites import STEADY
from transportlab.floor import pipe_echo

PAYLOAD = b"x" * 64


def measure(task: Task, suite: str) -> list[Sample]:
    """A pipe echo, and for a suite that starts processes also the start of a bare interpreter."""
    case = f"echo/{len(PAYLOAD)}"
    with pipe_echo(task.placement.pin_plugin) as echo:
        taken = timed(lambda: echo(PAYLOAD), task.effort)
    found = [task.arm.many(case, "latency", taken)]
    if suite not in STEADY:
        seconds = spawn([sys.executable, "-c", "pass"], task.placement)
        found.append(task.arm.one("bare-spawn", "total", seconds))
    return found
