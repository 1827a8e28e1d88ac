"""What report and figures both ask of the evidence: arms, references, ratios to them."""

from dataclasses import dataclass

from transportlab.evidence.compare import Comparison, Measured, Side
from transportlab.evidence.evidence import Arm, Evidence
from transportlab.evidence.settings import Measure, Settings


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
