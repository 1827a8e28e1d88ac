"""The statistics: a ratio of two arms with its interval, from the log ratios of blocks.

Theory of operation
===================

What is compared. Calls in one process are not independent: they share its memory layout, its hash
seed, its place on a CPU. A hundred thousand calls of one process are still one process, so a
process counts once, with its median or its one value, and the number of processes is what makes an
interval narrow (Kalibera and Jones 2013, "Rigorous Benchmarking in Reasonable Time"; Georges,
Buytaert and Eeckhout 2007, "Statistically Rigorous Java Performance Evaluation").

Why blocks. A machine changes while a run goes on: its frequency, its neighbours, its caches. A
block holds every arm once, close together and in random order, so that a change that lasts longer
than a block meets all of its arms. A ratio is formed within a block, and what the arms share
cancels.

Why logarithms. Effects are factors: a slow moment makes a call take 1.3 times as long, not 2 ms
longer. The mean of log ratios is the log of the ratios' geometric mean. It is symmetric: a/b is
exactly 1 / (b/a), whichever arm is the reference.

What is resampled. The blocks: their log ratios are drawn with replacement, as many as there are,
RESAMPLES times. The spread of the means of these draws estimates the spread that the mean would
have if the run were repeated (Efron's bootstrap, percentile intervals). Nothing is assumed about
how blocks are distributed, which matters because times have long tails.

Few blocks make such an interval too narrow, for two reasons: the spread of the draws has the
divisor n where n - 1 is due, so it is sqrt((n-1)/n) too small; and the interval reaches as far as
one of a normal distribution, where Student's t is due. The percentiles are therefore taken further
out (Hesterberg 2015, "What Teachers Should Know About the Bootstrap", section 4.2, expanded
percentile intervals). With many blocks the two agree.

What the interval covers: how the ratio would vary if this build were measured again, in the same
way, on this machine. About 95 of a hundred such intervals contain the true ratio; the tests count.

What it does not cover:

- another machine, kernel, compiler or Python; `transportlab reproduce` is for these;
- a bias that all processes of an arm share, such as the layout of one build;
- a state of the machine that lasts over many blocks and favours one arm: blocks are resampled as if
  they were independent, and such blocks are not;
- that many intervals are shown at once: 95 % holds for each alone, without a correction for their
  number.

The random numbers have seeds that depend on what is compared alone, so the same evidence gives the
same digits. Nothing in this module knows what was measured.
"""

import math
import zlib
from collections.abc import Sequence
from statistics import NormalDist

import msgspec
import numpy as np
from numpy.typing import NDArray

RESAMPLES = 10_000
"""Draws of a bootstrap. With another seed an end of an interval moves by some 1 % of its width."""

MIN_BLOCKS = 5
"""With fewer blocks there is no interval.

The percentiles that four blocks ask for, 0.012 %, are rarer than the draw of one block four times
(1 in 256): even the most extreme draw does not reach out far enough.
"""

# Student's t, 97.5 %, for 1 to 30 degrees of freedom, as in any table. 97.5 % on either side is the
# 95 % of an interval.
_T = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
    2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
    2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip
_Z = NormalDist().inv_cdf(0.975)


class Interval(msgspec.Struct, frozen=True):
    """A ratio, 1.0 for equal, with its 95 % interval. Without an interval low is 0 and high inf."""

    ratio: float
    low: float
    high: float
    blocks: int

    @property
    def known(self) -> bool:
        """Whether there were enough blocks for an interval."""
        return self.blocks >= MIN_BLOCKS

    @property
    def factor(self) -> float:
        """The factor, at least 1, between 1 and the end that is further from it.

        For two copies of one arm it is the noise: how far apart equal things can appear.
        """
        return max(self.high, 1 / self.low) if self.low > 0 else math.inf


def ratio_interval(logs: Sequence[float], seed: int) -> Interval:
    """The geometric mean of the blocks' ratios and its interval. logs: their logs, at least one."""
    values = np.asarray(logs, dtype=float)
    count = len(values)
    ratio = math.exp(values.mean())
    if count < MIN_BLOCKS:
        return Interval(ratio, 0.0, math.inf, count)
    # Hesterberg's expansion: as far out as Student's t, and wider by what a sample's spread lacks.
    reach = math.sqrt(count / (count - 1)) * student_t(count - 1)
    tail = NormalDist().cdf(-reach)
    means = resampled(values, seed).mean(axis=1)
    low, high = np.quantile(means, [tail, 1 - tail])
    return Interval(ratio, math.exp(low), math.exp(high), count)


def median_tail(logs: Sequence[float], bound: float, seed: int) -> tuple[float, float, float]:
    """For the median of log ratios: its one-sided 97.5 % bounds, low and high, and a p value.

    p is small if the median lies above `bound`: it is the share of resampled medians at or below
    it. One is added to both counts, for the sample itself, so that p is never 0 (Davison and
    Hinkley 1997, "Bootstrap Methods and their Application", section 4.2).
    """
    medians = np.median(resampled(np.asarray(logs, dtype=float), seed), axis=1)
    low, high = np.quantile(medians, [0.025, 0.975])
    under = int(np.count_nonzero(medians <= bound))
    return float(low), float(high), (under + 1) / (RESAMPLES + 1)


def resampled(values: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """RESAMPLES rows, each with as many values as were given, drawn from them with replacement."""
    draw = np.random.default_rng(seed)
    return values[draw.integers(len(values), size=(RESAMPLES, len(values)))]


def student_t(degrees: int) -> float:
    """The 97.5 % point of Student's t.

    Beyond the table it is the first term of the expansion about the normal distribution (Abramowitz
    and Stegun 1964, 26.7.5), which is at most 0.003 too small there.
    """
    if degrees <= len(_T):
        return _T[degrees - 1]
    return _Z + (_Z**3 + _Z) / (4 * degrees)


def seed_of(*words: str) -> int:
    """A seed that depends on these words alone, and not on the order in which work is done."""
    return zlib.crc32("\0".join(words).encode())
