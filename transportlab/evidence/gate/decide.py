"""The statistics of the gate: from the log ratios of a batch to a finding. No input or output.

A batch has one log ratio for each pair of handshakes: the head's time over its reference's. The
median of a batch has two one-sided bounds, which decide:

    suspicious     the lower bound lies above +5 %; of several transports those that Holm's
                   step-down rejects, so that many transports do not raise many alarms
    clear          the upper bound lies below +10 %
    inconclusive   neither, or the batch cannot be used

Whether a batch can be used is up to its control alone, which is two bare spawns in each pair. So no
figure of the plugin decides whether the plugin's figures count.
"""

import math
from collections.abc import Mapping, Sequence
from enum import StrEnum
from statistics import median

import msgspec

from transportlab.evidence.analysis.stats import median_tail

SLOWER = math.log(1.05)
EXCLUDED = math.log(1.10)

ALPHA = 0.025
"""The family-wise level of the alarms: that of a one-sided bound of 97.5 %."""

MIN_PAIRS = 20
"""A batch with fewer pairs is not judged."""


class Finding(StrEnum):
    """What one batch says of one transport; the module's docstring defines each."""

    CLEAR = "clear"
    SUSPICIOUS = "suspicious"
    INCONCLUSIVE = "inconclusive"


class Batch(msgspec.Struct, frozen=True):
    """Log ratios of the pairs: head over reference, and one control spawn over the other."""

    logs: tuple[float, ...]
    control: tuple[float, ...]


class Reading(msgspec.Struct, frozen=True):
    """The median ratio of a batch, with its bounds.

    p: small if the head is more than 5 % slower. contaminated: why the machine cannot tell; empty
    if it can. With fewer than MIN_PAIRS pairs the bounds are 0 and infinite.
    """

    ratio: float
    low: float
    high: float
    p: float
    pairs: int
    contaminated: str = ""

    @property
    def usable(self) -> bool:
        """Whether anything can be concluded."""
        return self.pairs >= MIN_PAIRS and not self.contaminated


def read(batch: Batch, seed: int) -> Reading:
    """The figures of a batch. The ratio of an empty one is NaN."""
    pairs = len(batch.logs)
    ratio = math.exp(median(batch.logs)) if batch.logs else math.nan
    if pairs < MIN_PAIRS:
        return Reading(ratio, 0.0, math.inf, 1.0, pairs)
    low, high, p = median_tail(batch.logs, SLOWER, seed)
    told = contaminated(batch.control, seed)
    return Reading(ratio, math.exp(low), math.exp(high), p, pairs, told)


def contaminated(control: Sequence[float], seed: int) -> str:
    """Why the machine cannot tell 5 % from nothing; empty if it can.

    Equal work has to come out equal: the control's interval must meet +-5 %, and must not reach
    over more than 10 % to a side.
    """
    low, high, _ = median_tail(control, SLOWER, seed)
    shown = f"two bare spawns differ by a factor in [{math.exp(low):.3f}, {math.exp(high):.3f}]"
    if low > SLOWER or high < -SLOWER:
        return f"runner contaminated: {shown}, which is off 1"
    if (high - low) / 2 > EXCLUDED:
        return f"runner contaminated: {shown}, too wide"
    return ""


def findings(readings: Mapping[str, Reading]) -> dict[str, Finding]:
    """What the batches of all transports, taken together, say of each."""
    rejected = holm({name: reading.p for name, reading in readings.items()})
    return {name: _finding(one, name in rejected) for name, one in readings.items()}


def _finding(reading: Reading, rejected: bool) -> Finding:
    if not reading.usable:
        return Finding.INCONCLUSIVE
    if rejected:
        return Finding.SUSPICIOUS
    return Finding.CLEAR if math.log(reading.high) < EXCLUDED else Finding.INCONCLUSIVE


def holm(p: Mapping[str, float], alpha: float = ALPHA) -> set[str]:
    """The names whose hypothesis is rejected at the family-wise level alpha.

    Holm 1979, "A Simple Sequentially Rejective Multiple Test Procedure".
    """
    rejected: set[str] = set()
    for place, name in enumerate(sorted(p, key=lambda name: (p[name], name))):
        if p[name] > alpha / (len(p) - place):
            break
        rejected.add(name)
    return rejected
