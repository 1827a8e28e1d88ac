"""The statistics: the mean of blocks within runs, with an interval that repeated runs would meet.

Theory of operation
===================

What is compared. Calls in one process are not independent: they share its memory layout, its hash
seed, its place on a CPU. A hundred thousand calls of one process are still one process, so a
process counts once, with its median or its one value (Kalibera and Jones 2013, "Rigorous
Benchmarking in Reasonable Time"; Georges, Buytaert and Eeckhout 2007, "Statistically Rigorous Java
Performance Evaluation").

Why blocks. A machine changes while a run goes on: its frequency, its neighbours, its caches. A
block holds every arm once, close together and in random order, so that a change that lasts longer
than a block meets all of its arms. Two arms are compared within a block, and what they share
cancels. The block is the unit: the number of blocks is what makes an interval narrow.

Two scales. Ratios are averaged as logarithms: the mean is the log of the geometric mean, and a/b is
exactly 1 / (b/a). Differences are averaged as they are, in seconds or bytes: they are held against
a budget. Each has an interval of its own.

Two levels. Blocks of one run differ less than runs do: a machine that is started again, or measured
on another day, has other memory, other neighbours, another temperature. What all blocks of a run
share is in its mean, however many blocks there are. So the interval has a term for runs:

    three runs or more     their means are the data: Student's t with one degree of freedom less
                           than there are runs. Nothing is assumed about how runs or blocks are
                           distributed, but that the mean of a run is nearly normal.
    one or two             cannot show how runs differ. The variance between runs is taken to be
                           BETWEEN of the variance within, as two full runs have shown.

The second kind counts half the degrees of freedom that its blocks have. A sample's variance is less
certain if times have long tails: with an excess kurtosis g it has (n - 1) / (1 + g/2) degrees
(Satterthwaite's approximation), and g is taken as 2. The ratios of full runs have 0.1 to 0.8 in the
mean of a suite, those of codecs alone 3.4.

Why not a bootstrap. Resampling blocks of one run cannot show how runs differ, and with five blocks
a percentile interval covers 66 % of bimodal data. The t interval needs no random numbers, so the
same evidence gives the same digits, and coverage.py counts how often it is right.

What an interval says: where the mean would be if this build were measured again and again, in the
same way, on this machine. It does not cover

- another machine, kernel, compiler or Python; `transportlab reproduce` is for these;
- a bias that all processes of an arm share, such as the layout of one build;
- that many intervals are shown at once: 95 % holds for each alone. For the claims there is Holm's
  correction, in claims.py.

Nothing in this module knows what was measured.
"""

import math
from collections.abc import Sequence
from enum import StrEnum
from statistics import NormalDist, fmean, variance
from typing import NamedTuple

import msgspec
import numpy as np

from transportlab.evidence.analysis import students

MIN_BLOCKS = 5
"""With fewer blocks there is no interval: two of them in one mode of bimodal data look certain."""

MIN_RUNS = 3
"""From so many runs on, the runs themselves show how far they differ."""

BETWEEN = 0.03
"""The variance between runs, as a part of that of blocks within one, where runs cannot show it.

Of the steady ratios of the runs of 2026-11-23 and 2026-11-24 in evidence/older, 13 to 18 % differ
by more than 1.96 standard errors of 30 blocks, not 5 %. So differ runs with this part or a little
less.
"""

LEVEL = 0.95


class Interval(msgspec.Struct, frozen=True):
    """A ratio or a difference, with its 95 % interval. If that is not known, its ends are infinite.

    blocks, runs: how many are behind it.
    """

    value: float
    low: float
    high: float
    blocks: int
    runs: int = 1

    @property
    def known(self) -> bool:
        """Whether there were enough blocks for an interval."""
        return math.isfinite(self.high)


class Told(StrEnum):
    """What is told of a ratio: its interval, held against 1 and against a margin of equality."""

    LESS = "less"
    MORE = "more"
    EQUAL = "practically equal"
    OPEN = "not told apart"


class Estimate(msgspec.Struct, frozen=True):
    """A mean over runs, its standard error, and the degrees of freedom of Student's t.

    The error is infinite if there were too few blocks to tell.
    """

    mean: float
    error: float
    degrees: float
    blocks: int
    runs: int

    def interval(self, level: float = LEVEL) -> Interval:
        """The mean with its interval."""
        reach = students.quantile(level, self.degrees) * self.error
        return Interval(self.mean, self.mean - reach, self.mean + reach, self.blocks, self.runs)

    def ratio(self) -> Interval:
        """The same, of a mean of log ratios: as a ratio."""
        found = self.interval()
        low, high = (_exp(end) for end in (found.low, found.high))
        return Interval(math.exp(self.mean), low, high, self.blocks, self.runs)

    def p_other_than(self, bound: float) -> float:
        """p of the hypothesis that the true mean is the bound; small if it is above or below."""
        return students.two_sided(self._steps(self.mean - bound), self.degrees)

    def p_outside(self, low: float, high: float) -> float:
        """p of the hypothesis that the true mean is not within these ends; small if it is.

        The larger p of two one-sided tests (Schuirmann 1987): above the low end, and below the high
        one.
        """
        steps = (self._steps(self.mean - low), self._steps(high - self.mean))
        return max(students.one_sided(step, self.degrees) for step in steps)

    def told(self, margin: float) -> Told:
        """What is told of a mean of log ratios. margin: the factor within which two are equal."""
        if self.p_outside(-math.log(margin), math.log(margin)) < 1 - LEVEL:
            return Told.EQUAL
        ends = self.interval()
        if ends.low <= 0 <= ends.high:
            return Told.OPEN
        return Told.LESS if ends.high < 0 else Told.MORE

    def _steps(self, distance: float) -> float:
        if self.error > 0:
            return distance / self.error
        return math.copysign(math.inf, distance) if distance else 0.0


def _exp(power: float) -> float:
    try:
        return math.exp(power)
    except OverflowError:
        return math.inf


def estimate(runs: Sequence[Sequence[float]]) -> Estimate:
    """The mean of blocks within runs. Each run has at least one block, and there is one run."""
    count, blocks = len(runs), sum(map(len, runs))
    means = [fmean(run) for run in runs]
    mean = fmean(means)
    if blocks < MIN_BLOCKS:
        return Estimate(mean, math.inf, 1, blocks, count)
    if count >= MIN_RUNS:
        return Estimate(mean, math.sqrt(variance(means) / count), count - 1, blocks, count)
    freedom = blocks - count
    squares = sum(variance(run) * (len(run) - 1) for run in runs if len(run) > 1)
    share = sum(1 / len(run) + BETWEEN for run in runs) / count**2
    return Estimate(mean, math.sqrt(squares / freedom * share), freedom / 2, blocks, count)


def minus(over: Estimate, under: Estimate) -> Estimate:
    """The difference of two means that share no block, with the degrees of freedom of Welch (1947).

    Of means of logarithms it is that of a ratio.
    """
    squares = [one.error**2 for one in (over, under)]
    both = sum(squares)
    parts = sum(square**2 / one.degrees for square, one in zip(squares, (over, under), strict=True))
    known = 0 < both < math.inf
    return Estimate(
        over.mean - under.mean,
        math.sqrt(both),
        both**2 / parts if known else 1,
        min(over.blocks, under.blocks),
        min(over.runs, under.runs),
    )


def holm(values: Sequence[float]) -> list[float]:
    """The p values, adjusted for their number by the method of Holm (1979), in their order."""
    adjusted, least = [0.0] * len(values), 0.0
    order = sorted(range(len(values)), key=values.__getitem__)
    for rank, place in enumerate(order):
        least = max(least, min(1.0, (len(values) - rank) * values[place]))
        adjusted[place] = least
    return adjusted


class Bounds(NamedTuple):
    """The centre of values that are symmetric about it, with a bound on either side."""

    centre: float
    low: float
    high: float


def signed_rank(values: Sequence[float], below: float, above: float) -> Bounds:
    """The centre of values, with one-sided bounds that err with at most these chances.

    The centre is the median of the means of any two values, each with itself too (Hodges and
    Lehmann 1963). The bounds invert Wilcoxon's signed-rank test: `low` is above the true centre
    with chance `below` at most, `high` below it with chance `above`. The test's normal
    approximation is used, which is cautious in the tails. A bound is infinite if there are too few
    values for its chance.
    """
    array = np.asarray(values, dtype=float)
    count = len(array)
    first, second = np.triu_indices(count)
    means = (array[first] + array[second]) / 2
    lowest, highest = (_rank(count, chance) for chance in (below, above))
    last = len(means) - 1
    places = [last // 2, (last + 1) // 2]
    places += [lowest] if lowest >= 0 else []
    places += [last - highest] if highest >= 0 else []
    means.partition(sorted(set(places)))
    return Bounds(
        float(means[last // 2] + means[(last + 1) // 2]) / 2,
        float(means[lowest]) if lowest >= 0 else -math.inf,
        float(means[last - highest]) if highest >= 0 else math.inf,
    )


def _rank(count: int, chance: float) -> int:
    """How many of the means lie beyond a bound of that chance; negative if there is no bound."""
    mean = count * (count + 1) / 4
    deviation = math.sqrt(count * (count + 1) * (2 * count + 1) / 24)
    return math.floor(mean - NormalDist().inv_cdf(1 - chance) * deviation - 0.5)
