"""What the benchmarks share with `transportlab evidence`: arms, sessions, efforts."""

from transportlab.evidence.run.placement import UNPINNED, Placement
from transportlab.evidence.run.plan import Arm
from transportlab.evidence.run.session import Run
from transportlab.evidence.run.timing import Effort

HERE = Placement(UNPINNED, None, None)
"""pytest runs in one process, wherever the scheduler puts it; evidence has the placements."""


def run_of(transport: str, codec: str, seconds: float = 0.02) -> Run:
    """What a measuring function wants to know."""
    return Run(Arm(f"{transport}-{codec}", transport, codec), HERE, Effort(seconds, 3, 500))
