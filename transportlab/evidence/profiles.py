"""How much a run measures: blocks by group of suites and placement, and the effort in a process.

The process start is the unit, so a profile that has to be short has fewer calls in a process
rather than fewer blocks: a case gets hundredths of a second. What a group is measured for decides
where. Round trips depend on the placement, so the steady suites have all of their blocks on each
pinned one and, in full, some unpinned; a start and a whole apply are what an operator sees, who
pins nothing, so all or most of their blocks are unpinned. Codecs have one process, for which there
is nothing to split, and little noise. The largest payloads are for full alone.

On two idle cores, conformance included, quick is made for less than four minutes and full for 25;
the file of full is made for less than 10 MB.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from transportlab.evidence.measure import Effort
from transportlab.evidence.placement import SAME, SPLIT, UNPINNED

Blocks = Mapping[str, Mapping[str, int]]
"""Group -> placement -> how many blocks."""


@dataclass(frozen=True, slots=True)
class Profile:
    """A run's size. every_codec: whether the conformance matrix has more than the usual codecs."""

    blocks: Blocks
    effort: Effort
    every_codec: bool = True


PROFILES = {
    "smoke": Profile(
        {
            "handshake": {UNPINNED: 1},
            "session": {UNPINNED: 1},
            "codec": {SAME: 1},
            "steady": {UNPINNED: 1},
        },
        Effort(0.002, 2, 20, 1 << 16),
        every_codec=False,
    ),
    "quick": Profile(
        {
            "handshake": {UNPINNED: 5},
            "session": {UNPINNED: 5},
            "codec": {SAME: 5},
            "steady": {SAME: 5, SPLIT: 5},
        },
        Effort(0.006, 3, 1000, 1 << 18),
        every_codec=False,
    ),
    "full": Profile(
        {
            "handshake": {UNPINNED: 30, SAME: 10, SPLIT: 10},
            "session": {UNPINNED: 30},
            "codec": {SAME: 15},
            "steady": {SAME: 30, SPLIT: 30, UNPINNED: 10},
        },
        Effort(0.015, 3, 1000),
    ),
}
