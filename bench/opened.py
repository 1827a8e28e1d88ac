"""What the benchmarks share with `transportlab evidence`: arms, sessions, efforts."""

from transportlab.evidence.record import Arm
from transportlab.evidence.run.placement import UNPINNED, Placement
from transportlab.evidence.run.task import Task
from transportlab.evidence.run.timing import Effort

HERE = Placement(UNPINNED, None, None)
"""pytest runs in one process, wherever the scheduler puts it; evidence has the placements."""


def task_of(transport: str, codec: str, seconds: float = 0.02) -> Task:
    """What a measuring function is told, outside of a run."""
    arm = Arm(f"{transport}-{codec}", transport, codec, "arm")
    return Task((), arm, HERE, Effort(seconds, 3, 500))
