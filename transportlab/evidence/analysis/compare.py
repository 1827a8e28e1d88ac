"""Ratios out of evidence: which samples are compared with which, and the noise beside each ratio.

A ratio is formed within a block and nowhere else; a block that lacks one of the two sides does not
count. A process counts with its median, or its one value. stats.py makes an interval of the ratios.

The noise of a ratio is how far apart two copies of one arm, an A/A pair, appear in the same case
and metric: a ratio that lies within it shows nothing.
"""

import math
from collections import defaultdict
from collections.abc import Iterable
from statistics import median

import msgspec

from transportlab.evidence.analysis.stats import Interval, ratio_interval, seed_of
from transportlab.evidence.record import Block, Evidence, Sample


class Side(msgspec.Struct, frozen=True, order=True):
    """One side of a ratio: the samples of an arm for one case and metric."""

    arm: str
    case: str
    metric: str


class Comparison(msgspec.Struct, frozen=True):
    """The ratio of two sides, with its interval.

    noise: the factor by which an A/A pair can differ, None if there was no pair. processes and
    calls: how many are behind both sides together.
    """

    interval: Interval
    noise: float | None
    processes: int
    calls: int

    @property
    def within_noise(self) -> bool:
        """Whether two copies of one arm can differ by as much."""
        return self.noise is not None and 1 / self.noise <= self.interval.ratio <= self.noise


BUSY = 2.0
"""Load for each CPU above which a run shows the machine's other work. A quiet run has below 1."""


def busy(evidence: Evidence) -> str:
    """Why the figures are rather those of the machine's other work; empty if they are not.

    It is the load before the blocks, at their median, as a run knows it.
    """
    loads = [block.before["load1"] for block in evidence.blocks if "load1" in block.before]
    topology = evidence.facts.get("topology")
    cpus = topology.get("available", ()) if isinstance(topology, dict) else ()
    if not loads or not cpus or median(loads) <= BUSY * len(cpus):
        return ""
    return f"measured under a load of {median(loads):.1f} on {len(cpus)} CPUs"


class Measured:
    """Evidence that can be asked for values and ratios. Everything is by suite and placement."""

    def __init__(self, evidence: Evidence) -> None:
        self.evidence = evidence
        self._blocks: dict[tuple[str, str], list[dict[Side, list[Sample]]]] = defaultdict(list)
        for block in sorted(evidence.blocks, key=lambda b: (b.suite, b.placement, b.number)):
            self._blocks[block.suite, block.placement].append(_by_side(block))
        self._sides = {
            key: sorted({side for block in blocks for side in block})
            for key, blocks in self._blocks.items()
        }
        self._copies = {arm.id: arm.original for arm in evidence.arms if arm.role == "aa"}
        self._intervals: dict[tuple[str, str, Side, Side], Interval | None] = {}

    def placements(self, suite: str) -> list[str]:
        """The placements that a suite was run with, sorted."""
        return sorted(placement for name, placement in self._blocks if name == suite)

    def sides(self, suite: str, placement: str) -> list[Side]:
        """Every side that was measured, sorted."""
        return self._sides.get((suite, placement), [])

    def samples(self, suite: str, placement: str, side: Side) -> list[Sample]:
        """The samples of a side, one a process, in the order of the blocks."""
        blocks = self._blocks.get((suite, placement), ())
        return [sample for block in blocks for sample in block.get(side, ())]

    def unit(self, suite: str, placement: str, case: str, metric: str) -> str:
        """The unit of a case and metric; empty if nothing was measured."""
        for side in self.sides(suite, placement):
            if (side.case, side.metric) == (case, metric):
                return self.samples(suite, placement, side)[0].unit
        return ""

    def absolute(self, suite: str, placement: str, side: Side) -> float | None:
        """The median over the processes of a side, in its unit; None if nothing was measured."""
        values = [sample.value for sample in self.samples(suite, placement, side)]
        return median(values) if values else None

    def compare(self, suite: str, placement: str, over: Side, under: Side) -> Comparison | None:
        """The ratio over / under. None if no block has both sides, above zero."""
        interval = self._interval(suite, placement, over, under)
        if interval is None:
            return None
        both = [*self.samples(suite, placement, over), *self.samples(suite, placement, under)]
        noise = self._noise(suite, placement, {(s.case, s.metric) for s in (over, under)})
        return Comparison(interval, noise, len(both), sum(sample.n for sample in both))

    def noise(self, suite: str, placement: str, case: str, metric: str) -> Interval | None:
        """The widest interval of an A/A pair in a case and metric; None if there is no pair."""
        found = [
            self._interval(suite, placement, Side(copy, case, metric), Side(own, case, metric))
            for copy, own in sorted(self._copies.items())
        ]
        return max((i for i in found if i is not None), key=lambda i: i.factor, default=None)

    def _noise(self, suite: str, placement: str, what: set[tuple[str, str]]) -> float | None:
        """The largest noise factor of these cases and metrics, as far as a pair was measured."""
        found = [self.noise(suite, placement, case, metric) for case, metric in sorted(what)]
        return max((one.factor for one in found if one is not None and one.known), default=None)

    def _interval(self, suite: str, placement: str, over: Side, under: Side) -> Interval | None:
        """The interval of over / under. It is kept: the noise of a row is asked for by each arm."""
        key = (suite, placement, over, under)
        if key not in self._intervals:
            self._intervals[key] = self._computed(suite, placement, over, under)
        return self._intervals[key]

    def _computed(self, suite: str, placement: str, over: Side, under: Side) -> Interval | None:
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
    """The mean log of one side of a block; None without samples, or if one of them is zero."""
    values = [sample.value for sample in samples]
    if not values or min(values) <= 0:
        return None
    return sum(map(math.log, values)) / len(values)
