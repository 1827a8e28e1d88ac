"""What a batch of pairs says. Pure: log ratios in, a finding out.

A batch holds one log ratio a pair: the head's handshake over its reference. Their median is held
against two bounds. *Suspicious*: its one-sided 97.5 % lower bound lies above +5 %; across several
transports by Holm's step-down, so that many transports do not make many alarms. *Clear*: the upper
bound excludes +10 %. Neither: inconclusive, which is not a pass.

The runner is judged by the control alone, two bare spawns a pair, so that no finding about the
plugin decides whether the plugin's finding counts.
"""

import math
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import msgspec

from transportlab.evidence.analysis.stats import median_tail
from transportlab.evidence.record import EvidenceError

SLOWER = math.log(1.05)
EXCLUDED = math.log(1.10)
ALPHA = 0.025
MIN_PAIRS = 20
"""With fewer pairs no batch is read at all."""


class Finding(StrEnum):
    """What one batch says of one transport."""

    CLEAR = "clear"
    SUSPICIOUS = "suspicious"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True)
class Batch:
    """Log ratios of one batch: head over reference, and one control spawn over the other."""

    logs: tuple[float, ...]
    control: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Reading:
    """A batch's median ratio with its bounds; p is that of a ratio at most 5 % over reference."""

    ratio: float
    low: float
    high: float
    p: float
    pairs: int
    contaminated: str = ""

    @property
    def usable(self) -> bool:
        """Whether anything may be concluded from it."""
        return self.pairs >= MIN_PAIRS and not self.contaminated


def read(batch: Batch, seed: int) -> Reading:
    """The batch's figures; without MIN_PAIRS pairs the bounds are 0 and inf."""
    pairs = len(batch.logs)
    if pairs < MIN_PAIRS:
        return Reading(_exp_median(batch.logs), 0.0, math.inf, 1.0, pairs)
    low, high, p = median_tail(batch.logs, SLOWER, seed)
    return Reading(
        _exp_median(batch.logs),
        math.exp(low),
        math.exp(high),
        p,
        pairs,
        contaminated(batch.control, seed),
    )


def _exp_median(logs: Sequence[float]) -> float:
    ordered = sorted(logs)
    middle = len(ordered) // 2
    return math.exp((ordered[middle] + ordered[~middle]) / 2) if ordered else math.nan


def contaminated(control: Sequence[float], seed: int) -> str:
    """Why the runner cannot tell 5 % from nothing; empty if it can.

    Equal work must come out equal: the control's interval may neither leave +-5 % nor reach over
    more than 10 % to a side.
    """
    low, high, _ = median_tail(control, SLOWER, seed)
    shown = f"two bare spawns differ by a factor in [{math.exp(low):.3f}, {math.exp(high):.3f}]"
    if low > SLOWER or high < -SLOWER:
        return f"runner contaminated: {shown}, which is off 1"
    if (high - low) / 2 > EXCLUDED:
        return f"runner contaminated: {shown}, too wide"
    return ""


def holm(p: Mapping[str, float], alpha: float = ALPHA) -> set[str]:
    """The names whose hypothesis is rejected at the family-wise level alpha (Holm 1979)."""
    rejected: set[str] = set()
    for place, name in enumerate(sorted(p, key=lambda name: (p[name], name))):
        if p[name] > alpha / (len(p) - place):
            break
        rejected.add(name)
    return rejected


def findings(readings: Mapping[str, Reading]) -> dict[str, Finding]:
    """What the batches of all transports say, taken together."""
    rejected = holm({name: reading.p for name, reading in readings.items()})
    return {name: _finding(one, name in rejected) for name, one in readings.items()}


def _finding(reading: Reading, rejected: bool) -> Finding:
    if not reading.usable:
        return Finding.INCONCLUSIVE
    if rejected:
        return Finding.SUSPICIOUS
    return Finding.CLEAR if math.log(reading.high) < EXCLUDED else Finding.INCONCLUSIVE


# A stored reference for when there is no base build: a plugin's handshakes over bare spawns.
#
# The quotient takes out how fast a machine is, not what kind it is: a band holds for the kind of
# runner and the Python that it was made on, and both are in the file to be compared.

FORMAT = 1


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The median handshake over a bare spawn with its 95 % interval, of so many pairs."""

    ratio: float
    low: float
    high: float
    pairs: int


class Band(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was measured, on what, by transport."""

    format: int
    plugin: str
    python: str
    machine: str
    entries: dict[str, Entry]


def make(plugin: str, readings: dict[str, Reading]) -> Band:
    """A band of this machine's readings."""
    entries = {
        name: Entry(round(r.ratio, 4), round(r.low, 4), round(r.high, 4), r.pairs)
        for name, r in sorted(readings.items())
    }
    return Band(FORMAT, Path(plugin).name, platform.python_version(), _machine(), entries)


def _machine() -> str:
    return f"{platform.machine()}, {os.cpu_count()} CPUs"


def differences(band: Band) -> list[str]:
    """How this machine differs from the one that made the band."""
    pairs = [("Python", band.python, platform.python_version())]
    pairs += [("machine", band.machine, _machine())]
    return [f"{name}: the band has {a}, this is {b}" for name, a, b in pairs if a != b]


def save(band: Band, path: Path) -> None:
    """Write it as indented JSON, for review."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(band), indent=2) + b"\n")


def load(path: Path) -> Band:
    """A band, or EvidenceError with what is wrong."""
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Band)
    except OSError as error:
        raise EvidenceError(f"{path}: cannot be read: {error.strerror}") from error
    except msgspec.DecodeError as error:
        raise EvidenceError(f"{path}: not a band: {error}") from error
    if found.format != FORMAT:
        raise EvidenceError(f"{path}: format {found.format}; this version reads {FORMAT}")
    for name, entry in found.entries.items():
        if not 0 < entry.low <= entry.ratio <= entry.high:
            raise EvidenceError(f"{path}: entries/{name}: expected 0 < low <= ratio <= high")
    return found
