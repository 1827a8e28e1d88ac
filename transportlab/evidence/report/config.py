"""spec/report.json: which arm is the reference, and which cases and metrics the report shows where.

Data, so that neither a transport's name nor a suite's cases stand in code.
"""

from dataclasses import dataclass
from pathlib import Path

import msgspec

from transportlab.data import SPEC
from transportlab.evidence.analysis.compare import Comparison, Measured, Side
from transportlab.evidence.record import Arm, Evidence, EvidenceError

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


# What report and figures both ask of the evidence: arms, references, ratios to them.


@dataclass(frozen=True, slots=True)
class View:
    """The evidence as the settings want it seen. drawn: the names of the figures there are."""

    measured: Measured
    settings: Settings
    drawn: frozenset[str] = frozenset()

    def figure(self, name: str, text: str) -> list[str]:
        """The picture of that name, if there was anything to draw; text is for who sees none."""
        return [f"![{text}](report/{name}.svg)", ""] if name in self.drawn else []

    @property
    def evidence(self) -> Evidence:
        """What was measured."""
        return self.measured.evidence

    @property
    def arms(self) -> list[Arm]:
        """The arms with a transport, the reference first, then by id."""
        return sorted(
            (arm for arm in self.evidence.measured if arm.transport),
            key=lambda arm: (arm.id != self.settings.reference, arm.id),
        )

    def arms_of(self, suite: str, placement: str) -> list[str]:
        """The ids of the compared arms that a suite has samples of, its reference first."""
        known = {arm.id for arm in self.evidence.measured}
        found = {side.arm for side in self.measured.sides(suite, placement)} & known
        reference = self.reference(suite, found)
        return sorted(found, key=lambda name: (name != reference, name))

    def reference(self, suite: str, among: set[str]) -> str:
        """The arm that a suite's ratios are taken to; the first by name if that is absent."""
        wanted = self.settings.references.get(suite, self.settings.reference)
        return wanted if wanted in among else min(among, default="")

    def placement(self, suite: str) -> str:
        """The placement that is shown first: the set one, or the first that the suite has."""
        found = self.measured.placements(suite)
        wanted = self.settings.placements.get(suite, self.settings.placement)
        return wanted if wanted in found or not found else found[0]

    def unit(self, suite: str, placement: str, case: str, metric: str) -> str:
        """The unit of a case and metric, empty if nobody measured it."""
        for side in self.measured.sides(suite, placement):
            if (side.case, side.metric) == (case, metric):
                return self.measured.samples(suite, placement, side)[0].unit
        return ""

    def against(self, measure: Measure, arm: str) -> Comparison | None:
        """An arm over the reference, for a measure of the decider's."""
        over = Side(arm, measure.case, measure.metric)
        under = Side(self.settings.reference, measure.case, measure.metric)
        return self.measured.compare(measure.suite, self.placement(measure.suite), over, under)

    def absolute(self, measure: Measure, arm: str) -> tuple[float | None, str]:
        """The median over an arm's processes, and its unit."""
        placement = self.placement(measure.suite)
        side = Side(arm, measure.case, measure.metric)
        unit = self.unit(measure.suite, placement, measure.case, measure.metric)
        return self.measured.absolute(measure.suite, placement, side), unit

    def sizes(self, suite: str, arm: str, prefix: str) -> list[int]:
        """The numbers of an arm's cases `<prefix><number>`, sorted."""
        cases = {s.case for s in self.measured.sides(suite, self.placement(suite)) if s.arm == arm}
        tails = (case.removeprefix(prefix) for case in cases if case.startswith(prefix))
        return sorted(int(tail) for tail in tails if tail.isdigit())
