"""What the report shows: the settings in spec/report.json, and the evidence seen through them.

The settings say which arm is the reference, and which cases and metrics are shown where. They are
data, so that no transport's name and no suite's case stands in the code of the report.
"""

from pathlib import Path

import msgspec

from transportlab.data import SPEC
from transportlab.evidence.analysis.compare import Comparison, Measured, Side
from transportlab.evidence.record import Arm, Evidence, EvidenceError

SETTINGS = SPEC / "report.json"


class Measure(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One thing that arms are compared by."""

    title: str
    suite: str
    case: str
    metric: str


class Phase(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A phase of a start, and the metric that has its seconds."""

    title: str
    metric: str


class ColdStart(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the phases of a start are, and the parts of it that were measured alone.

    bare: the control's case, an interpreter that does nothing. imports: the case of each arm that
    only imports what its plugin does. alone: the metric of both.
    """

    suite: str
    case: str
    phases: list[Phase]
    bare: str
    imports: str
    alone: str


class Floor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the carriage is: cases `<prefix><size>` as built, `<floor><size>` as a raw echo."""

    suite: str
    prefix: str
    floor: str
    metric: str


class Ends(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A case in which host and plugin each have a metric of their own."""

    title: str
    suite: str
    case: str
    host: str
    plugin: str


class Curve(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A figure with one line for each arm, over the cases `<prefix><number>` of a suite."""

    name: str
    title: str
    suite: str
    prefix: str
    metric: str
    xlabel: str


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """spec/report.json.

    references and placements: by suite, where a suite has others than `reference` and `placement`.
    decider: what the summary compares arms by. factors: what codecs and carriages are compared by.
    """

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
    """The settings of a file. Raises EvidenceError if it is not a file of settings."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Settings)
    except OSError as error:
        raise EvidenceError(f"{path}: cannot be read: {error.strerror}") from error
    except msgspec.DecodeError as error:
        raise EvidenceError(f"{path}: not settings of a report: {error}") from error


class View(msgspec.Struct, frozen=True):
    """The evidence as the settings show it. Every section and figure of the report takes one.

    drawn: the names of the figures that there are.
    """

    measured: Measured
    settings: Settings
    drawn: frozenset[str] = frozenset()

    @property
    def evidence(self) -> Evidence:
        """What was measured."""
        return self.measured.evidence

    @property
    def arms(self) -> list[Arm]:
        """The arms that have a transport: the reference first, the others by id."""
        return sorted(
            (arm for arm in self.evidence.measured if arm.transport),
            key=lambda arm: (arm.id != self.settings.reference, arm.id),
        )

    def arms_of(self, suite: str, placement: str) -> list[str]:
        """The ids of the compared arms that a suite has samples of, its reference first.

        A suite without samples of its reference has the first arm by name in its place.
        """
        known = {arm.id for arm in self.evidence.measured}
        found = {side.arm for side in self.measured.sides(suite, placement)} & known
        reference = self.settings.references.get(suite, self.settings.reference)
        return sorted(found, key=lambda name: (name != reference, name))

    def placement(self, suite: str) -> str:
        """The placement that is shown first: that of the settings, or the first that there is."""
        found = self.measured.placements(suite)
        wanted = self.settings.placements.get(suite, self.settings.placement)
        return wanted if wanted in found or not found else found[0]

    def against(self, measure: Measure, arm: str) -> Comparison | None:
        """An arm over the reference, by a measure."""
        return self.compare(measure, arm, self.settings.reference)

    def compare(self, measure: Measure, over: str, under: str) -> Comparison | None:
        """One arm over another, by a measure."""
        sides = (Side(arm, measure.case, measure.metric) for arm in (over, under))
        return self.measured.compare(measure.suite, self.placement(measure.suite), *sides)

    def absolute(self, measure: Measure, arm: str) -> tuple[float | None, str]:
        """The median over an arm's processes, by a measure, and its unit."""
        placement = self.placement(measure.suite)
        side = Side(arm, measure.case, measure.metric)
        unit = self.measured.unit(measure.suite, placement, measure.case, measure.metric)
        return self.measured.absolute(measure.suite, placement, side), unit

    def sizes(self, suite: str, arm: str, prefix: str) -> list[int]:
        """The numbers of an arm's cases `<prefix><number>`, sorted."""
        cases = {s.case for s in self.measured.sides(suite, self.placement(suite)) if s.arm == arm}
        tails = (case.removeprefix(prefix) for case in cases if case.startswith(prefix))
        return sorted(int(tail) for tail in tails if tail.isdigit())

    def figure(self, name: str, text: str) -> list[str]:
        """The lines that show a figure, none if it was not drawn. text: its description."""
        return [f"![{text}](report/{name}.svg)", ""] if name in self.drawn else []
