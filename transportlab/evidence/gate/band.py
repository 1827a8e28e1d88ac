"""A band: a stored reference for the gate, for when there is no base build.

It has, for each transport, how many bare spawns of the plugin's interpreter a handshake takes. The
quotient normalises for speed, not for machine type: a band holds for the kind of machine and the
Python that it was made with. The file has both, to be compared.
"""

import math
import os
import platform
from collections.abc import Mapping
from pathlib import Path

import msgspec

from transportlab.evidence.gate.decide import Batch, Reading
from transportlab.evidence.record import EvidenceError

FORMAT = 1

WIDEST = math.log(1.05)
"""Half the interval of an entry, at most. Builds are held to its upper end, and +5 % is to be seen.
"""


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The median handshake over a bare spawn, with its 95 % interval, from that many pairs."""

    ratio: float
    low: float
    high: float
    pairs: int


class Band(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The entries by transport, and what they were measured with."""

    format: int
    plugin: str
    python: str
    machine: str
    entries: dict[str, Entry]


def make(plugin: str, readings: Mapping[str, Reading]) -> Band:
    """A band from readings of this machine."""
    entries = {
        name: Entry(round(r.ratio, 4), round(r.low, 4), round(r.high, 4), r.pairs)
        for name, r in sorted(readings.items())
    }
    return Band(FORMAT, Path(plugin).name, platform.python_version(), _machine(), entries)


def _machine() -> str:
    return f"{platform.machine()}, {os.cpu_count()} CPUs"


def differences(band: Band) -> list[str]:
    """In what this machine differs from the one that the band was made on."""
    pairs = [("Python", band.python, platform.python_version())]
    pairs += [("machine", band.machine, _machine())]
    return [f"{name}: the band has {a}, this is {b}" for name, a, b in pairs if a != b]


def too_wide(low: float, high: float) -> str:
    """Why an interval is no reference: slower builds would lie in it. Empty if it is one."""
    if math.log(high / low) / 2 <= WIDEST:
        return ""
    return f"the interval [{low:.3f}, {high:.3f}] is too wide to judge by"


def against(batch: Batch, entry: Entry) -> Batch:
    """The batch with the band as its reference.

    The reference is the band's upper end, so that the uncertainty of the band fails no build.
    """
    return Batch(tuple(value - math.log(entry.high) for value in batch.logs), batch.control)


def save(band: Band, path: Path) -> None:
    """Write the band as indented JSON, to be reviewed."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(band), indent=2) + b"\n")


def load(path: Path) -> Band:
    """The band of a file. Raises EvidenceError if it is not one."""
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
        if why := too_wide(entry.low, entry.high):
            raise EvidenceError(f"{path}: entries/{name}: {why}; write the band again")
    return found
