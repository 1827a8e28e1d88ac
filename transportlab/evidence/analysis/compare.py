"""Ratios out of evidence: which samples are set against which, and the noise beside each.

A ratio is formed within a block and only there; blocks that lack one of the two sides do not
count. A process counts for its median, or its one value.
"""

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

from transportlab.evidence.analysis.stats import Interval, ratio_interval, seed_of
from transportlab.evidence.record import Block, Evidence, Sample


@dataclass(frozen=True, slots=True, order=True)
class Side:
    """What one side of a ratio is made of: the samples of an arm for one case and metric."""

    arm: str
    case: str
    metric: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """A ratio of two sides with its interval; noise is the A/A factor, None if not measured.

    processes and calls are those of both sides together.
    """

    interval: Interval
    noise: float | None
    processes: int
    calls: int

    @property
    def within_noise(self) -> bool:
        """Whether the ratio lies where two copies of one arm can differ."""
        return self.noise is not None and 1 / self.noise <= self.interval.ratio <= self.noise


class Measured:
    """The samples of one evidence file, by suite and placement."""

    def __init__(self, evidence: Evidence) -> None:
        self.evidence = evidence
        self._blocks: dict[tuple[str, str], list[dict[Side, list[Sample]]]] = defaultdict(list)
        for block in sorted(evidence.blocks, key=lambda b: (b.suite, b.placement, b.number)):
            self._blocks[block.suite, block.placement].append(_by_side(block))
        self._copies = {arm.id: arm.original for arm in evidence.arms if arm.role == "aa"}

    def placements(self, suite: str) -> list[str]:
        """The placements that a suite was run with, sorted."""
        return sorted(placement for name, placement in self._blocks if name == suite)

    def sides(self, suite: str, placement: str) -> list[Side]:
        """Every side of a suite that was measured, sorted."""
        blocks = self._blocks.get((suite, placement), ())
        return sorted({side for block in blocks for side in block})

    def samples(self, suite: str, placement: str, side: Side) -> list[Sample]:
        """One sample a process, in the order of the blocks."""
        blocks = self._blocks.get((suite, placement), ())
        return [sample for block in blocks for sample in block.get(side, ())]

    def absolute(self, suite: str, placement: str, side: Side) -> float | None:
        """The median over processes, in the samples' unit; None if not measured."""
        values = [sample.value for sample in self.samples(suite, placement, side)]
        return median(values) if values else None

    def compare(self, suite: str, placement: str, over: Side, under: Side) -> Comparison | None:
        """over / under with the noise beside it; None if no block has both above zero."""
        interval = self._interval(suite, placement, over, under)
        if interval is None:
            return None
        both = [*self.samples(suite, placement, over), *self.samples(suite, placement, under)]
        noise = self._noise(suite, placement, {(s.case, s.metric) for s in (over, under)})
        return Comparison(interval, noise, len(both), sum(sample.n for sample in both))

    def noise(self, suite: str, placement: str, case: str, metric: str) -> Interval | None:
        """The widest A/A interval of one case and metric; None without an A/A pair."""
        found = [
            self._interval(suite, placement, Side(copy, case, metric), Side(own, case, metric))
            for copy, own in sorted(self._copies.items())
        ]
        return max((i for i in found if i is not None), key=lambda i: i.factor, default=None)

    def _noise(self, suite: str, placement: str, what: set[tuple[str, str]]) -> float | None:
        """The noise of a ratio is that of its noisier side, as far as a copy was measured."""
        found = [self.noise(suite, placement, case, metric) for case, metric in sorted(what)]
        return max((one.factor for one in found if one is not None and one.known), default=None)

    def _interval(self, suite: str, placement: str, over: Side, under: Side) -> Interval | None:
        logs = []
        for block in self._blocks.get((suite, placement), ()):
            top, bottom = _log(block.get(over, ())), _log(block.get(under, ()))
            if top is not None and bottom is not None:
                logs.append(top - bottom)
        if not logs:
            return None
        words = (suite, placement, over.arm, over.case, over.metric)
        return ratio_interval(logs, seed_of(*words, under.arm, under.case, under.metric))


def _by_side(block: Block) -> dict[Side, list[Sample]]:
    found: dict[Side, list[Sample]] = defaultdict(list)
    for sample in block.samples:
        found[Side(sample.arm, sample.case, sample.metric)].append(sample)
    return dict(found)


def _log(samples: Iterable[Sample]) -> float | None:
    """The mean log of a block's processes of one side: None if there are none, or one is zero."""
    values = [sample.value for sample in samples]
    if not values or min(values) <= 0:
        return None
    return sum(map(math.log, values)) / len(values)
