"""spec/report.json: which arm is the reference, and which cases and metrics the report shows where.

Data, so that neither a transport's name nor a suite's cases stand in code.
"""

from pathlib import Path

import msgspec

from transportlab.evidence.claims import SPEC
from transportlab.evidence.evidence import EvidenceError

SETTINGS = SPEC / "report.json"


class Measure(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One thing that a decider compares."""

    title: str
    suite: str
    case: str
    metric: str


class Phase(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A part of a start: the metric that holds its seconds."""

    title: str
    metric: str


class ColdStart(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a start goes: its phases for every arm, and what it is made of, measured alone.

    bare: the control's start of an interpreter that does nothing. imports: a process of each arm
    that only imports what its plugin does.
    """

    suite: str
    case: str
    phases: list[Phase]
    bare: str
    imports: str
    alone: str


class Floor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The cases of a suite by size, as built and as a raw echo: `<prefix><size>`."""

    suite: str
    prefix: str
    floor: str
    metric: str


class Ends(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What each end of a case spends: the metrics of the host and of the plugin."""

    title: str
    suite: str
    case: str
    host: str
    plugin: str


class Curve(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A figure over a size: the cases `<prefix><number>` of a suite, one line an arm."""

    name: str
    title: str
    suite: str
    prefix: str
    metric: str
    xlabel: str


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """See the module. references and placements are by suite, where it departs from the first."""

    reference: str
    placement: str
    references: dict[str, str]
    placements: dict[str, str]
    decider: list[Measure]
    cold_start: ColdStart
    floor: Floor
    ends: list[Ends]
    factors: list[Measure]
    curves: list[Curve]
    threats: list[str]


def load_settings(path: Path = SETTINGS) -> Settings:
    """The settings of a file; EvidenceError if it is not one."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Settings)
    except OSError as error:
        raise EvidenceError(f"{path}: cannot be read: {error.strerror}") from error
    except msgspec.DecodeError as error:
        raise EvidenceError(f"{path}: not settings of a report: {error}") from error
