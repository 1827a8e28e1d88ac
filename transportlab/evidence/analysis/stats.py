"""The numbers behind a ratio: geometric mean of blocks, its bootstrap interval, the noise floor.

The unit of replication is the process start, and blocks are what is resampled: the arms of one
block shared their moment, so their ratio is free of what the machine did at other times. Nothing
here knows what was measured.

Few blocks make a percentile interval too narrow: the bootstrap's spread is that of the sample,
sqrt((n-1)/n) too small, with the tails of a normal distribution where Student's are due. The
percentiles are therefore taken further out, as Hesterberg (2015, "What Teachers Should Know About
the Bootstrap", section 4.2) proposes; with many blocks the two agree.
"""

import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 10_000
MIN_BLOCKS = 5
"""Below five blocks the extremes of all resamples do not reach 95 %: there is no interval."""

LEVEL = 0.95

# Student's t, 97.5 %, for 1 to 30 degrees of freedom (any table).
_T = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
    2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
    2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip
_Z = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True, slots=True)
class Interval:
    """A ratio (1.0: equal) with its 95 % interval; low 0 and high inf where there is none."""

    ratio: float
    low: float
    high: float
    blocks: int

    @property
    def known(self) -> bool:
        """Whether there were blocks enough for an interval."""
        return self.blocks >= MIN_BLOCKS

    @property
    def factor(self) -> float:
        """How far from 1 its further end lies, as a factor >= 1: the noise floor of an A/A pair."""
        return max(self.high, 1 / self.low) if self.low > 0 else math.inf


def seed_of(*words: str) -> int:
    """A seed that depends on what is compared alone, so that no order of work changes a figure."""
    return zlib.crc32("\0".join(words).encode())


def student_t(degrees: int) -> float:
    """97.5 % point of Student's t; past the table by the first term of its expansion."""
    if degrees <= len(_T):
        return _T[degrees - 1]
    return _Z + (_Z**3 + _Z) / (4 * degrees)


def ratio_interval(logs: Sequence[float], seed: int) -> Interval:
    """The interval of the geometric mean; logs are the blocks' log ratios, at least one."""
    values = np.asarray(logs, dtype=float)
    count = len(values)
    ratio = math.exp(values.mean())
    if count < MIN_BLOCKS:
        return Interval(ratio, 0.0, math.inf, count)
    reach = math.sqrt(count / (count - 1)) * student_t(count - 1)
    tail = NormalDist().cdf(-reach)
    means = resampled(values, seed).mean(axis=1)
    low, high = np.quantile(means, [tail, 1 - tail])
    return Interval(ratio, math.exp(low), math.exp(high), count)


def resampled(values: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """RESAMPLES rows, each as long as values and drawn from them with replacement."""
    draw = np.random.default_rng(seed)
    return values[draw.integers(len(values), size=(RESAMPLES, len(values)))]


def median_tail(logs: Sequence[float], bound: float, seed: int) -> tuple[float, float, float]:
    """For the median of log ratios: one-sided 97.5 % bounds below and above, and p of `bound`.

    p is the share of resampled medians at or under the bound: small if the median is above it. It
    is never 0, as one of RESAMPLES + 1 draws is the sample itself.
    """
    medians = np.median(resampled(np.asarray(logs, dtype=float), seed), axis=1)
    low, high = np.quantile(medians, [0.025, 0.975])
    under = int(np.count_nonzero(medians <= bound))
    return float(low), float(high), (under + 1) / (RESAMPLES + 1)
