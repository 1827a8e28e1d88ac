"""The statistics of the gate: from pairs of starts to a finding. No input or output.

Theory of operation
===================

A pair has one start of the head and one of its base, in random order. Its log ratio is the head's
time over the base's. The ratio that is judged is the centre of these logs, with a bound on either
side (stats.signed_rank):

    slower        the lower bound lies above the first margin, +5 % unless chosen
    clear         the upper bound lies below the second margin, +10 % unless chosen
    open          neither yet, or the pairs cannot be used

Why pairs. What the machine does to both starts of a pair cancels. And a lot decides which of the
two comes first: if builds are equal, the sign of each log is such a lot, whatever drifts, modes and
neighbours do to the times. So for equal builds the bounds hold without any assumption.

Looks. The pairs are looked at more than once, or time would be wasted on what is clear at once, and
what is not would stay open. Who looks often is fooled more often. So the looks are planned: at
the first number of pairs, at twice and four times as many and so on, and when the time is over.
Each look may err with one part in LOOKS of what all may (Bonferroni's inequality), and with
several transports each has one part of that. This holds however the looks depend on each other, and
for any limit of time. A sharper plan (Pocock's, O'Brien and Fleming's) has to know its last look
beforehand, which depends on the machine's speed here; it would save a fifth of the pairs at most.

What may err. With the chance ALARM or less, over all looks and transports together, a build fails
that is slower by just the first margin; an equal one does so far more rarely, as it is the whole
margin away. With the chance MISS or less, a build passes that is slower by just the second margin.
tests/evidence/gate/test_decide.py counts both, and bench/gate_power.py does so with recorded pairs.

Whether pairs can be used is up to their control alone, two bare spawns in each pair. So no figure
of the plugin decides whether the plugin's figures count.
"""

import math
from enum import StrEnum
from statistics import median

import msgspec

from transportlab.errors import UsageError
from transportlab.evidence.analysis.stats import signed_rank

ALARM = 0.005
"""The chance of a false alarm at the first margin, over all looks and transports."""

MISS = 0.025
"""The chance of a pass at the second margin, over all looks of a transport."""

LOOKS = 8

MIN_PAIRS = 20
"""With fewer pairs nothing is concluded: bounds of a LOOKS-th of ALARM need about that many."""

MOST_PAIRS = 2000
"""The last look at the latest: the bounds are within 1 % then, and there are two million means."""


class Margins(msgspec.Struct, frozen=True):
    """In percent: what is slower by more than the first fails, by less than the second may pass."""

    fail_above: float = 5.0
    pass_below: float = 10.0

    def __post_init__(self) -> None:
        if not 0 < self.fail_above < self.pass_below:
            raise UsageError(
                f"--fail-above {self.fail_above:g} and --pass-below {self.pass_below:g}:"
                " expected the first above 0 and below the second; between the two lies"
                " what may either pass or fail"
            )

    @property
    def slower(self) -> float:
        """The first, as a log ratio."""
        return math.log1p(self.fail_above / 100)

    @property
    def excluded(self) -> float:
        """The second, as a log ratio."""
        return math.log1p(self.pass_below / 100)


class Finding(StrEnum):
    """What the pairs say so far; the module's docstring defines each."""

    CLEAR = "clear"
    SLOWER = "slower"
    OPEN = "open"


class Pairs(msgspec.Struct, frozen=True):
    """Seconds of each start, pair by pair. control and again: the two bare spawns.

    Without a base it is the geometric mean of the bare spawns that the head is compared with.
    """

    head: tuple[float, ...] = ()
    base: tuple[float, ...] = ()
    control: tuple[float, ...] = ()
    again: tuple[float, ...] = ()

    @property
    def logs(self) -> list[float]:
        """The log ratio of each pair."""
        return [math.log(h / b) for h, b in zip(self.head, self.reference, strict=True)]

    @property
    def reference(self) -> tuple[float, ...]:
        """What the head is compared with."""
        if self.base or not self.control:
            return self.base
        spawns = zip(self.control, self.again, strict=True)
        return tuple(math.sqrt(one * other) for one, other in spawns)


class Reading(msgspec.Struct, frozen=True):
    """The ratio with its bounds; medians of the head's and the reference's start, in seconds.

    contaminated: why the machine cannot tell; empty if it can. With fewer than MIN_PAIRS pairs the
    bounds are 0 and infinite.
    """

    ratio: float
    low: float
    high: float
    pairs: int
    head: float
    base: float
    contaminated: str = ""

    @property
    def usable(self) -> bool:
        """Whether anything can be concluded."""
        return self.pairs >= MIN_PAIRS and not self.contaminated

    @property
    def shown(self) -> str:
        """The ratio, its bounds and both times, for people."""
        if not self.pairs:
            return "no pair"
        bounds = f" [{self.low:.3f}, {self.high:.3f}]" if self.pairs >= MIN_PAIRS else ""
        return f"{self.ratio:.3f}{bounds}, {milliseconds(self.base, self.head)}, {self.pairs} pairs"


def milliseconds(base: float, head: float) -> str:
    """Two times, as in 25.1 -> 29.3 ms."""
    return f"{base * 1000:.1f} -> {head * 1000:.1f} ms"


def read(pairs: Pairs, margins: Margins | None = None, transports: int = 1) -> Reading:
    """The figures of the pairs of one of so many transports. The ratio of none is NaN."""
    logs = pairs.logs
    if not logs:
        return Reading(math.nan, 0.0, math.inf, 0, math.nan, math.nan)
    below = ALARM / LOOKS / transports
    centre, low, high = signed_rank(logs, below, MISS / LOOKS)
    if len(logs) < MIN_PAIRS:
        low, high = -math.inf, math.inf
    return Reading(
        math.exp(centre),
        math.exp(low),
        math.exp(high),
        len(logs),
        median(pairs.head),
        median(pairs.reference),
        contaminated(pairs, margins or Margins()) if len(logs) >= MIN_PAIRS else "",
    )


def contaminated(pairs: Pairs, margins: Margins) -> str:
    """Why the machine cannot tell the first margin from nothing; empty if it can.

    Equal work has to come out equal: the control's interval must meet that margin on either side of
    1, and must not reach further to a side than the second margin.
    """
    spawns = zip(pairs.control, pairs.again, strict=True)
    chance = ALARM / LOOKS
    _, low, high = signed_rank([math.log(one / other) for one, other in spawns], chance, chance)
    shown = f"two bare spawns differ by a factor in [{math.exp(low):.3f}, {math.exp(high):.3f}]"
    if low > margins.slower or high < -margins.slower:
        return f"runner contaminated: {shown}, which is off 1"
    if (high - low) / 2 > margins.excluded:
        return f"runner contaminated: {shown}, too wide"
    return ""


def finding(reading: Reading, margins: Margins) -> Finding:
    """What a reading says."""
    if not reading.usable:
        return Finding.OPEN
    if reading.low > 1 + margins.fail_above / 100:
        return Finding.SLOWER
    excluded = reading.high < 1 + margins.pass_below / 100
    return Finding.CLEAR if excluded else Finding.OPEN


def more_needed(reading: Reading, margins: Margins) -> int | None:
    """About how many more pairs decide, if the ratio stays; None if that cannot be told.

    A bound's distance from the ratio shrinks with the root of the number of pairs.
    """
    if reading.pairs < MIN_PAIRS:
        return MIN_PAIRS - reading.pairs
    if reading.contaminated or not 0 < reading.low <= reading.high < math.inf:
        return None
    ratio, low, high = (math.log(x) for x in (reading.ratio, reading.low, reading.high))
    enough = []
    if ratio > margins.slower:
        enough.append(((ratio - low) / (ratio - margins.slower)) ** 2)
    if ratio < margins.excluded:
        enough.append(((high - ratio) / (margins.excluded - ratio)) ** 2)
    return max(1, math.ceil(reading.pairs * min(enough)) - reading.pairs)


def looks(first: int) -> list[int]:
    """At how many pairs to look, besides the look when the time is over."""
    return sorted({min(first << number, MOST_PAIRS) for number in range(LOOKS - 1)})
