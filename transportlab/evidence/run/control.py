"""The control: no transport, but work of the same kind. It tells what the machine did meanwhile."""

import sys

from transportlab.evidence.run.session import Run
from transportlab.evidence.run.timing import Sample, many, one, timed
from transportlab.evidence.suites import STEADY
from transportlab.evidence.suites.handshake import spawn
from transportlab.floor import pipe_echo

PAYLOAD = b"x" * 64


def measure(run: Run, suite: str) -> list[Sample]:
    """A pipe echo; beside suites that start processes also the start of a bare interpreter."""
    with pipe_echo(run.placement.pin_plugin) as echo:
        found = [many(f"echo/{len(PAYLOAD)}", "latency", timed(lambda: echo(PAYLOAD), run.effort))]
    if suite not in STEADY:
        bare = spawn([sys.executable, "-c", "pass"], run.placement)
        found.append(one("bare-spawn", "total", bare))
    return found
