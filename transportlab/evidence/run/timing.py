"""How anything is timed here: repeated calls, their quantiles, CPU time and memory of a process."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

QUANTILES = 21
"""0, 5, ... 100 %."""

DIGITS = 4
"""Significant digits that are kept: an error of 0.05 % at most, far below any noise."""

QUANTILE_KIND, VALUE_KIND = "quantiles", "value"
SECONDS, BYTES, PER_SECOND = "s", "B", "1/s"


@dataclass(frozen=True, slots=True)
class Effort:
    """How long a steady-state case is measured.

    Calls go on for so many seconds, at least `least` and at most `most` of them, after a warm-up of
    a fifth of that time and of one call at least. largest bounds a payload, in bytes.
    """

    seconds: float
    least: int
    most: int
    largest: int = 1 << 24


@dataclass(frozen=True, slots=True)
class Sample:
    """What one process showed for one case and metric; n calls are behind it."""

    case: str
    metric: str
    unit: str
    n: int
    values: list[float]
    kind: str


def rounded(value: float) -> float:
    """The value with DIGITS significant digits."""
    return float(f"{value:.{DIGITS}g}")


def one(case: str, metric: str, value: float, unit: str = SECONDS, n: int = 1) -> Sample:
    """A sample of something that a process shows once, or in all."""
    return Sample(case, metric, unit, n, [rounded(value)], VALUE_KIND)


def many(case: str, metric: str, values: Sequence[float], unit: str = SECONDS) -> Sample:
    """A sample of something that a process shows again and again: its quantiles.

    Something that there was the time to see once is one value.
    """
    if len(values) == 1:
        return one(case, metric, values[0], unit)
    return Sample(case, metric, unit, len(values), quantiles(values), QUANTILE_KIND)


def quantiles(values: Sequence[float]) -> list[float]:
    """The 0, 5, ... 100 % quantiles, interpolated between neighbours."""
    ordered = sorted(values)
    found = []
    for step in range(QUANTILES):
        place = step * (len(ordered) - 1) / (QUANTILES - 1)
        below = int(place)
        above = min(below + 1, len(ordered) - 1)
        found.append(rounded(ordered[below] + (ordered[above] - ordered[below]) * (place - below)))
    return found


def timed(call: Callable[[], object], effort: Effort) -> list[float]:
    """Seconds of each call, one after the other, after the warm-up."""
    clock = time.perf_counter
    warm = clock() + effort.seconds / 5
    while True:
        call()
        if clock() >= warm:
            break
    taken: list[float] = []
    end = clock() + effort.seconds
    begin = clock()
    while len(taken) < effort.most and (begin < end or len(taken) < effort.least):
        call()
        done = clock()
        taken.append(done - begin)
        begin = clock()
    return taken


def cpu_seconds(pid: int) -> float:
    """CPU time of a process that runs, all its threads, those that have ended included.

    The number of another process's CPU clock is made as clock_getcpuclockid(3) makes it.
    """
    return time.clock_gettime(~pid << 3 | 2)


def resident(pid: int | str = "self") -> int:
    """Resident memory of a process in bytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return 1024 * int(next(line.split()[1] for line in lines if line.startswith("VmRSS")))
