"""Ratios and differences out of evidence: which samples are compared with which.

Two sides are compared within a block and nowhere else; a block that lacks one of the two does not
count. A process counts with its median, or its one value. stats.py makes an interval of the blocks
of all runs.

An A/A pair is two copies of one arm. It shows whether the measurement itself favours a place in the
order or a name: its interval should hold 1. It says nothing about other arms.
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from statistics import fmean, median

import msgspec
from msgspec.structs import replace

from transportlab.evidence.analysis.runs import joined
from transportlab.evidence.analysis.stats import Estimate, Interval, estimate
from transportlab.evidence.record import Block, Evidence, Sample

STEADY = 0.05
"""By how much the second half of a process's calls may differ from the first, in the mean."""

DRIFTING = 0.10
"""By how much it may differ in a single process, which is noisier."""

BUSY = 2.0
"""Load for each CPU above which a run shows the machine's other work. A quiet run has below 1."""


class Side(msgspec.Struct, frozen=True, order=True):
    """One side of a comparison: the samples of an arm for one case and metric.

    The metric may be a sum, such as "uss-host+uss-plugin". What a process does not have adds
    nothing, as an arm without a plugin's process has all in the host's.
    """

    arm: str
    case: str
    metric: str


class Counts(msgspec.Struct, frozen=True):
    """How much is behind a figure. calls: of each process, the fewest and the most."""

    runs: int
    blocks: int
    processes: int
    calls: tuple[int, int]


class Comparison(msgspec.Struct, frozen=True):
    """Two sides: the log of their ratio, and their difference in the unit of the samples.

    logs is None if a value is zero, so that there is no ratio.
    """

    logs: Estimate | None
    difference: Estimate
    counts: Counts

    @property
    def ratio(self) -> Interval | None:
        """The ratio with its interval."""
        return None if self.logs is None else self.logs.ratio()


class Steadiness(msgspec.Struct, frozen=True):
    """Whether calls were as fast in the second half of their processes as in the first.

    change: the second half over the first, the geometric mean over processes. drifting: processes
    in which the two differ by more than DRIFTING.
    """

    change: float
    drifting: int
    processes: int

    @property
    def reached(self) -> bool:
        """Whether the calls were warm in the mean."""
        return abs(math.log(self.change)) <= math.log(1 + STEADY)


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
    """The runs of one machine, to be asked for values and comparisons, by suite and placement."""

    def __init__(self, runs: Sequence[Evidence]) -> None:
        self.runs = list(runs)
        self.evidence = joined(runs)
        self._blocks: dict[tuple[str, str], list[tuple[int, _Found]]] = defaultdict(list)
        for number, run in enumerate(self.runs):
            for block in sorted(run.blocks, key=lambda b: (b.suite, b.placement, b.number)):
                self._blocks[block.suite, block.placement].append((number, _by_side(block)))
        self._sides = {
            key: sorted({side for _, block in blocks for side in block})
            for key, blocks in self._blocks.items()
        }
        self._copies = {arm.id: arm.original for arm in self.evidence.arms if arm.role == "aa"}
        self._compared: dict[tuple[str, str, Side, Side], Comparison | None] = {}

    def placements(self, suite: str) -> list[str]:
        """The placements that a suite was run with, sorted."""
        return sorted(placement for name, placement in self._blocks if name == suite)

    def sides(self, suite: str, placement: str) -> list[Side]:
        """Every side that was measured, sorted."""
        return self._sides.get((suite, placement), [])

    def samples(self, suite: str, placement: str, side: Side) -> list[Sample]:
        """The samples of a side, one a process, in the order of the blocks."""
        blocks = self._blocks.get((suite, placement), ())
        return [sample for _, block in blocks for sample in _parts(block, side)]

    def unit(self, suite: str, placement: str, case: str, metric: str) -> str:
        """The unit of a case and metric; empty if nothing was measured."""
        parts = metric.split("+")
        for side in self.sides(suite, placement):
            if side.case == case and side.metric in parts:
                return self.samples(suite, placement, side)[0].unit
        return ""

    def absolute(self, suite: str, placement: str, side: Side) -> float | None:
        """The geometric mean over the blocks of a side, in its unit; None without samples.

        It goes with ratios: where two sides were measured in the same blocks, their quotient is the
        ratio. Of values that may be zero it is the mean.
        """
        values = [value for _, value in self._values(suite, placement, side)]
        if not values:
            return None
        return math.exp(fmean(map(math.log, values))) if min(values) > 0 else fmean(values)

    def alone(self, suite: str, placement: str, side: Side) -> Comparison | None:
        """The side as a difference to nothing, with its interval. None without samples."""
        found = list(self._values(suite, placement, side))
        if not found:
            return None
        counts = self._counts(suite, placement, [side], [run for run, _ in found])
        return Comparison(None, estimate(_by_run(found)), counts)

    def logs(self, suite: str, placement: str, side: Side) -> Estimate | None:
        """The mean of the logarithms of a side. None without samples, and if a value is zero."""
        found = list(self._values(suite, placement, side))
        if not found or min(value for _, value in found) <= 0:
            return None
        return estimate(_by_run([(run, math.log(value)) for run, value in found]))

    def compare(self, suite: str, placement: str, over: Side, under: Side) -> Comparison | None:
        """The sides over and under, compared. None if no block has both."""
        key = (suite, placement, over, under)
        if key not in self._compared:
            self._compared[key] = self._computed(suite, placement, over, under)
        return self._compared[key]

    def bias(self, suite: str, placement: str, case: str, metric: str) -> list[Interval]:
        """The ratio of each A/A pair in a case and metric."""
        found = [
            self.compare(suite, placement, Side(copy, case, metric), Side(own, case, metric))
            for copy, own in sorted(self._copies.items())
        ]
        return [one.ratio for one in found if one is not None and one.ratio is not None]

    def all_bias(self) -> list[Interval]:
        """The ratios of A/A pairs in every suite, placement, case and metric."""
        return [
            interval
            for suite, placement in sorted(self._blocks)
            for side in self.sides(suite, placement)
            if side.arm in self._copies
            for interval in self.bias(suite, placement, side.case, side.metric)
            if interval.known
        ]

    def steadiness(self, suite: str, placement: str, side: Side) -> Steadiness | None:
        """Whether a side's calls were warm; None if their order is not known."""
        pairs = [s.halves for s in self.samples(suite, placement, side) if s.halves]
        if not pairs or any(min(pair) <= 0 for pair in pairs):
            return None
        logs = [math.log(second / first) for first, second in pairs]
        drifting = sum(abs(one) > math.log(1 + DRIFTING) for one in logs)
        return Steadiness(math.exp(fmean(logs)), drifting, len(logs))

    def _values(self, suite: str, placement: str, side: Side) -> Iterator[tuple[int, float]]:
        """The run and the value of each block that has the side."""
        for run, block in self._blocks.get((suite, placement), ()):
            value = _value(block, side)
            if value is not None:
                yield run, value

    def _computed(self, suite: str, placement: str, over: Side, under: Side) -> Comparison | None:
        pairs = []
        for run, block in self._blocks.get((suite, placement), ()):
            top, bottom = _value(block, over), _value(block, under)
            if top is not None and bottom is not None:
                pairs.append((run, (top, bottom)))
        if not pairs:
            return None
        differences = [(run, top - bottom) for run, (top, bottom) in pairs]
        logs = None
        if all(min(pair) > 0 for _, pair in pairs):
            logs = estimate(_by_run([(run, math.log(a / b)) for run, (a, b) in pairs]))
        counts = self._counts(suite, placement, [over, under], [run for run, _ in pairs])
        return Comparison(logs, estimate(_by_run(differences)), counts)

    def _counts(
        self, suite: str, placement: str, sides: Sequence[Side], runs: Sequence[int]
    ) -> Counts:
        calls = [s.n for side in sides for s in self.samples(suite, placement, side)]
        processes = sum(
            max(len(self.samples(suite, placement, replace(side, metric=part))) for part in parts)
            for side, parts in ((side, side.metric.split("+")) for side in sides)
        )
        return Counts(len(set(runs)), len(runs), processes, (min(calls), max(calls)))


_Found = dict[Side, list[Sample]]
"""The samples of a block."""


def _by_side(block: Block) -> _Found:
    found: _Found = defaultdict(list)
    for sample in block.samples:
        found[Side(sample.arm, sample.case, sample.metric)].append(sample)
    return dict(found)


def _parts(block: _Found, side: Side) -> Iterator[Sample]:
    for metric in side.metric.split("+"):
        yield from block.get(Side(side.arm, side.case, metric), ())


def _value(block: _Found, side: Side) -> float | None:
    """The value of a side in a block; None if it is not there. Of a sum one part has to be."""
    parts = (block.get(Side(side.arm, side.case, name)) for name in side.metric.split("+"))
    means = [fmean(sample.value for sample in samples) for samples in parts if samples]
    return sum(means) if means else None


def _by_run(values: Sequence[tuple[int, float]]) -> list[list[float]]:
    found: dict[int, list[float]] = defaultdict(list)
    for run, value in values:
        found[run].append(value)
    return list(found.values())
