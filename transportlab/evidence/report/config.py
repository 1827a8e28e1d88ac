"""What the report shows: the settings in spec/report.json, and the evidence seen through them.

The settings say which arm is the reference, and which cases and metrics are shown where. They are
data, so that no transport's name and no suite's case stands in the code of the report.
"""

from pathlib import Path

import msgspec

from transportlab.data import SPEC
from transportlab.evidence.analysis.budget import Budget
from transportlab.evidence.analysis.compare import Comparison, Measured, Side
from transportlab.evidence.record import Arm, Evidence, EvidenceError
from transportlab.registry import load_transport

SETTINGS = SPEC / "report.json"


class Measure(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One thing that arms are compared by."""

    title: str
    suite: str
    case: str
    metric: str


class Cost(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A measure that is held against an allowance of the budget, over its host's baseline.

    also: another allowance with a limit of its own for it.
    """

    allowance: str
    measure: Measure
    also: str = ""


class Phase(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A phase of a start, and the metric that has its seconds."""

    title: str
    metric: str


class ColdStart(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the phases of a start are, and the parts of it that were measured alone.

    parts: the same in fewer columns, for the summary. bare: the control's case, an interpreter that
    does nothing. imports: the case of each arm that only imports what its plugin does. alone: the
    metric of both. again: the case of a second start in the same host, and ready its metric to the
    first Read.
    """

    suite: str
    case: str
    phases: list[Phase]
    parts: list[Phase]
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

    question: what the report answers. references and placements: by suite, where a suite has others
    than `reference` and `placement`. baselines: by host, the arm in the host's own process, over
    which the others cost something. margin: the factor within which two arms are practically equal.
    costs: the columns of the summary. ratios: what the figure of the summary shows. decider: what
    transports are better or worse in. factors: what codecs and carriages are compared by.
    sure: what else bears on how sure the figures are. unmeasured: what no run measures, in short;
    threats in full.
    """

    question: str
    reference: str
    placement: str
    references: dict[str, str]
    placements: dict[str, str]
    baselines: dict[str, str]
    margin: float
    costs: list[Cost]
    ratios: list[Measure]
    decider: list[Measure]
    cold_start: ColdStart
    floor: Floor
    ends: list[Ends]
    factors: list[Measure]
    curves: list[Curve]
    sure: list[str]
    unmeasured: list[str]
    threats: list[str]


def load_settings(path: Path = SETTINGS) -> Settings:
    """The settings of a file. Raises EvidenceError if it is not a file of settings."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Settings)
    except OSError as error:
        raise EvidenceError(f"{path}: cannot be read: {error.strerror}") from error
    except msgspec.DecodeError as error:
        raise EvidenceError(f"{path}: not settings of a report: {error}") from error


class Pair(msgspec.Struct, frozen=True, order=True):
    """A host and a plugin, by their ids."""

    host: str
    plugin: str


class View(msgspec.Struct, frozen=True):
    """The evidence as the settings show it. Every section and figure of the report takes one.

    titles: of hosts, plugins and peers, by kind and id, where they are known. drawn: the names of
    the figures that there are.
    """

    measured: Measured
    settings: Settings
    budget: Budget
    titles: dict[str, dict[str, str]] = {}
    drawn: frozenset[str] = frozenset()

    @property
    def evidence(self) -> Evidence:
        """What was measured."""
        return self.measured.evidence

    @property
    def all_arms(self) -> list[Arm]:
        """The arms that have a transport: the reference first, then by pair and id."""
        return sorted(
            (arm for arm in self.evidence.measured if arm.transport),
            key=lambda a: (a.id != self.settings.reference, self._place(pair_of(a)), a.id),
        )

    def _place(self, pair: Pair) -> tuple[bool, int, int, Pair]:
        """What pairs are sorted by: the reference's first, then as the file of arms has them."""
        places = [
            [*self.titles_of(kind), name].index(name)
            for kind, name in (("hosts", pair.host), ("plugins", pair.plugin))
        ]
        return pair != self.own, places[0], places[1], pair

    @property
    def candidates(self) -> list[Arm]:
        """The arms of the summary: with a wire, and their transport's usual codec."""
        return [
            arm for arm in self.all_arms if arm.usual and load_transport(arm.transport).traits.wire
        ]

    @property
    def peers(self) -> list[Arm]:
        """What stands beside the arms: plugins that others would write, and the least ones."""
        return sorted((a for a in self.evidence.arms if a.role == "peer"), key=lambda a: a.id)

    @property
    def hosts(self) -> list[str]:
        """The ids of the hosts that there are or that were measured."""
        return list(dict.fromkeys([*self.titles_of("hosts"), *(p.host for p in self.pairs)]))

    @property
    def plugins(self) -> list[str]:
        """The ids of the plugins that there are or that were measured."""
        return list(dict.fromkeys([*self.titles_of("plugins"), *(p.plugin for p in self.pairs)]))

    @property
    def own(self) -> Pair:
        """The host and the plugin of the reference."""
        arms = {arm.id: arm for arm in self.evidence.arms}
        found = arms.get(self.settings.reference) or next(iter(arms.values()))
        return pair_of(found)

    @property
    def arms(self) -> list[Arm]:
        """The arms of the reference's host and plugin, the reference first."""
        return self.arms_of(self.own)

    @property
    def pairs(self) -> list[Pair]:
        """The hosts and plugins that were measured, the reference's first."""
        return list(dict.fromkeys(pair_of(arm) for arm in self.all_arms))

    def arms_of(self, pair: Pair) -> list[Arm]:
        """The arms of a host and a plugin."""
        return [arm for arm in self.all_arms if pair_of(arm) == pair]

    def titles_of(self, kind: str) -> dict[str, str]:
        """The titles of "hosts", "plugins" or "peers" by their ids."""
        return self.titles.get(kind, {})

    def reference_of(self, pair: Pair) -> Arm | None:
        """The arm of a pair that has the reference's transport and codec."""
        known = {arm.id: arm for arm in self.evidence.arms}
        wanted = known.get(self.settings.reference)
        same = (a for a in self.arms_of(pair) if wanted and _carried(a) == _carried(wanted))
        return next(same, None)

    def named(self, kind: str, name: str) -> str:
        """The title of a host or a plugin, or its id if it has none."""
        return self.titles_of(kind).get(name, name)

    def title(self, pair: Pair) -> str:
        """A host and a plugin for people."""
        plugin = self.named("plugins", pair.plugin)
        return f"{plugin}, host {self.named('hosts', pair.host)}"

    def ids_of(self, suite: str, placement: str, pair: Pair) -> list[str]:
        """The ids of a pair's arms that a suite has samples of, the one to compare with first.

        That is the reference of the suite or, of another pair, the arm that has its transport and
        codec. Without samples of it the first by name is in its place. The arms of codecs alone go
        with the reference's pair.
        """
        measured = {side.arm for side in self.measured.sides(suite, placement)}
        arms = [a for a in self.evidence.measured if a.id in measured and pair_of(a) == pair]
        reference = self.settings.references.get(suite, self.settings.reference)
        known = {arm.id: arm for arm in self.evidence.arms}
        wanted = known.get(reference)
        same = {arm.id for arm in arms if wanted and _carried(arm) == _carried(wanted)}
        return sorted((arm.id for arm in arms), key=lambda name: (name not in same, name))

    def placement(self, suite: str) -> str:
        """The placement that is shown first: that of the settings, or the first that there is."""
        found = self.measured.placements(suite)
        wanted = self.settings.placements.get(suite, self.settings.placement)
        return wanted if wanted in found or not found else found[0]

    def compare(self, measure: Measure, over: str, under: str) -> Comparison | None:
        """One arm over another, by a measure."""
        sides = (Side(arm, measure.case, measure.metric) for arm in (over, under))
        return self.measured.compare(measure.suite, self.placement(measure.suite), *sides)

    @property
    def baselines(self) -> dict[str, Arm]:
        """By host, the arm over which the others cost something, if it was measured."""
        known = {arm.id: arm for arm in self.evidence.measured}
        named = self.settings.baselines.items()
        return {host: known[name] for host, name in named if name in known}

    def is_baseline(self, arm: Arm) -> bool:
        """Whether the arm is the baseline of its host, so that its figures are whole."""
        return self.baselines.get(arm.host) == arm

    def baseline(self, host: str) -> str:
        """The baseline of a host for people, if it has one."""
        arm = self.baselines[host]
        if not load_transport(arm.transport).traits.wire:
            return f"`{arm.transport}`"
        return f"{self.named('plugins', arm.plugin)} plugin over {arm.transport}, in its process"

    def cost(self, measure: Measure, arm: Arm) -> Comparison | None:
        """What an arm costs over the baseline of its host.

        It is the whole figure of a baseline itself, and of an arm whose host has none.
        """
        baseline = self.baselines.get(arm.host, arm)
        if baseline != arm:
            return self.compare(measure, arm.id, baseline.id)
        side = Side(arm.id, measure.case, measure.metric)
        return self.measured.alone(measure.suite, self.placement(measure.suite), side)

    def unit(self, measure: Measure) -> str:
        """The unit of a measure; empty if nothing was measured."""
        placement = self.placement(measure.suite)
        return self.measured.unit(measure.suite, placement, measure.case, measure.metric)

    def absolute(self, measure: Measure, arm: str) -> float | None:
        """The geometric mean over an arm's blocks, by a measure."""
        side = Side(arm, measure.case, measure.metric)
        return self.measured.absolute(measure.suite, self.placement(measure.suite), side)

    def sizes(self, suite: str, arm: str, prefix: str) -> list[int]:
        """The numbers of an arm's cases `<prefix><number>`, sorted."""
        cases = {s.case for s in self.measured.sides(suite, self.placement(suite)) if s.arm == arm}
        tails = (case.removeprefix(prefix) for case in cases if case.startswith(prefix))
        return sorted(int(tail) for tail in tails if tail.isdigit())

    def figure(self, name: str, text: str, folder: str = "") -> list[str]:
        """The lines that show a figure, none if it was not drawn. text: its description."""
        return [f"![{text}]({folder}{name}.svg)", ""] if name in self.drawn else []


def pair_of(arm: Arm) -> Pair:
    """The host and the plugin of an arm."""
    return Pair(arm.host, arm.plugin)


def _carried(arm: Arm) -> tuple[str, str]:
    return arm.transport, arm.codec
