"""What the benchmarks share: a task to measure in this process, and the ratios that they find."""

from transportlab.evidence.record import Arm
from transportlab.evidence.run.placement import UNPINNED, Placement
from transportlab.evidence.run.task import Task
from transportlab.evidence.run.timing import Effort

HERE = Placement(UNPINNED, None, None)
"""pytest runs in one process, wherever the scheduler puts it. Only evidence pins processes."""

RATIOS: list[str] = []
"""Ratios that benchmarks find beside their times, for the summary at the end of the run."""


def task_of(transport: str, codec: str, seconds: float = 0.02) -> Task:
    """Return the task that a suite's measuring function takes."""
    arm = Arm(f"{transport}-{codec}", transport, codec, "arm")
    return Task((), arm, HERE, Effort(seconds, 3, 500))
