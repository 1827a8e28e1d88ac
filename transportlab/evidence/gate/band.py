"""A stored reference for when there is no base build: a plugin's handshakes over bare spawns.

The quotient takes out how fast a machine is, not what kind it is: a band holds for the kind of
runner and the Python that it was made on, and both are in the file to be compared.
"""

import os
import platform
from pathlib import Path

import msgspec

from transportlab.evidence.evidence import EvidenceError
from transportlab.evidence.gate.decide import Reading

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
