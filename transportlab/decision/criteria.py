"""The types of spec/decision.json, and how it is read: options, criteria, weights and scenarios.

spec/decision.schema.json is derived from the types. A measured figure is not written down but
looked up: each Figure says where. Of a criterion's figures the first one counts that is for the
option and the language and whose source has a value.
"""

from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from transportlab.data import SPEC
from transportlab.errors import LabError, ManifestError, UsageError
from transportlab.manifest.strict_json import parse
from transportlab.quote import SHOWN, clean, nearest, quote

DECISION = SPEC / "decision.json"

BEST = 10.0
"""The highest score. The lowest is 0, and what is not measured is anything between the two."""

Id = Annotated[str, Meta(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=40)]
Weight = Annotated[float, Meta(ge=0, le=1000)]
Text = Annotated[str, Meta(min_length=1)]


class DecisionError(LabError):
    """A file of criteria or of weights cannot be used. The message has the file and the place."""


class Option(Struct, frozen=True, forbid_unknown_fields=True):
    """One of what is chosen from.

    transport, codec: of the lab's that stand for it. clauses: those of PROTOCOL.md that it needs
    and not every other option, as their ids or as what all of a family begin with. parts: the
    options of which an author chooses one; it has no transport of its own then. plea: the strongest
    argument for it.
    """

    id: Id
    name: Text
    plea: Text
    transport: str = ""
    codec: str = ""
    clauses: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()


class Language(Struct, frozen=True, forbid_unknown_fields=True):
    """A language of plugins.

    plugins: the programs in it, by their ids in spec/arms.json. Of each figure the best one's
    counts.
    """

    id: Id
    name: Text
    plugins: Annotated[tuple[str, ...], Meta(min_length=1)]


class Figure(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="from"):
    """Where a figure comes from.

    options, languages: for which ones; for all if empty. proofs: what else holds it, as references:
    "test:FILE::TEST", "vector:ID", "clause:P-...", "doc:FILE#ANCHOR". note: what to know about it.
    """

    options: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    proofs: tuple[str, ...] = ()
    note: str = ""


class FromTable(Figure, frozen=True, tag="languages"):
    """Counted for each language, in evidence/languages.json.

    key: size: bytes of the plugin's file or packages. lines: those for the
    transport. passes: 1 if all vectors that were run passed, else 0. factor: from the key's unit to
    the criterion's.
    """

    key: Literal["size", "lines", "passes"]
    factor: float = 1


class FromRun(Figure, frozen=True, tag="run"):
    """Measured by the runs of evidence.

    metric: one, or several with "+" between, which are added up. over_baseline: whether
    the baseline of the host (spec/report.json) is subtracted, block by block; a baseline itself
    then has no figure. factor: from the run's unit, seconds or bytes, to the criterion's.
    """

    suite: str
    placement: str
    case: str
    metric: Text
    over_baseline: bool = False
    factor: float = 1


class FromFaults(Figure, frozen=True, tag="faults"):
    """Measured by the campaign of faults: % of the runs with these that the host outlived."""

    faults: Annotated[tuple[str, ...], Meta(min_length=1)]


class FromTrait(Figure, frozen=True, tag="trait"):
    """A trait of the transport, as its code declares it. figures: the figure of each value."""

    trait: str
    figures: dict[str, float]


class FromVectors(Figure, frozen=True, tag="vectors"):
    """How many vectors of these groups the transport cannot meet or, in the run, did not."""

    groups: Annotated[tuple[str, ...], Meta(min_length=1)]


class FromClauses(Figure, frozen=True, tag="clauses"):
    """How many clauses of PROTOCOL.md this option needs and not every other."""


class FromLines(Figure, frozen=True, tag="lines"):
    """How many lines, with comments and empty ones, these files of the checkout have.

    A package that is installed elsewhere has none of them, and nothing is counted.
    """

    files: Annotated[tuple[str, ...], Meta(min_length=1)]


class FromParts(Figure, frozen=True, tag="parts"):
    """How many of these hold. A test goes through all of them, those that do not hold included."""

    parts: Annotated[dict[str, bool], Meta(min_length=1)]


class Stated(Figure, frozen=True, tag="stated"):
    """A fact that somebody counted. high: where it is known only to lie between two bounds."""

    value: float
    high: float | None = None


class Unmeasured(Figure, frozen=True, tag="none"):
    """Not measured. The note says why."""


AnyFigure = (
    FromTable
    | FromRun
    | FromFaults
    | FromTrait
    | FromVectors
    | FromClauses
    | FromLines
    | FromParts
    | Stated
    | Unmeasured
)


class Scale(Struct, frozen=True, forbid_unknown_fields=True):
    """From a figure to a score: straight lines between points, level beyond the first and the last.

    points: pairs of a figure and a score. The figures rise; the scores rise or fall throughout.
    """

    points: Annotated[tuple[tuple[float, float], ...], Meta(min_length=2)]
    why: Text

    def __post_init__(self) -> None:
        """Refuse points that are out of order."""
        figures, scores = zip(*self.points, strict=True)
        if any(a >= b for a, b in pairwise(figures)):
            raise ValueError("the figures of a scale must rise")
        if list(scores) not in (sorted(scores), sorted(scores, reverse=True)):
            raise ValueError("the scores of a scale must all rise or all fall")
        if not all(0 <= score <= BEST for score in scores):
            raise ValueError(f"a score lies between 0 and {BEST:g}")

    def score(self, figure: float) -> float:
        """The score of a figure."""
        (x, y), *rest = self.points
        if figure <= x:
            return y
        for right, above in rest:
            if figure <= right:
                return y + (above - y) * (figure - x) / (right - x)
            x, y = right, above
        return y


class Criterion(Struct, frozen=True, forbid_unknown_fields=True):
    """One thing that the options are judged by.

    by: how its figures come about. by_language: whether they differ by the plugin's language.
    several: of an option with parts, whether the author's choice counts, the worse of the parts, or
    their sum. weight: its share in the record's judgement; why_weight gives the reason.
    """

    id: Id
    name: Text
    group: Text
    definition: Text
    unit: str
    by: Literal["measured", "vectors", "counted", "test"]
    how: Text
    weight: Weight
    why_weight: Text
    scale: Scale
    figures: Annotated[tuple[AnyFigure, ...], Meta(min_length=1)]
    by_language: bool = False
    several: Literal["choice", "worst", "sum"] = "choice"


class Scenario(Struct, frozen=True, forbid_unknown_fields=True):
    """A case with its own options, languages and weights.

    languages: the share of each; weights: those that differ from the record's.
    """

    id: Id
    name: Text
    why: Text
    options: Annotated[tuple[str, ...], Meta(min_length=2)]
    languages: Annotated[dict[str, Weight], Meta(min_length=1)]
    weights: dict[str, Weight] = {}


class Cannot(Struct, frozen=True, forbid_unknown_fields=True):
    """An option that a language cannot have: it scores 0 wherever figures differ by language."""

    option: str
    languages: Annotated[tuple[str, ...], Meta(min_length=1)]
    why: Text


class Decision(Struct, frozen=True, forbid_unknown_fields=True):
    """The file. The first scenario is the record's.

    seed: of the weights that are drawn. hosts: those of spec/arms.json whose figures are taken, the
    first that has any.
    """

    question: Text
    seed: int
    hosts: Annotated[tuple[str, ...], Meta(min_length=1)]
    options: Annotated[tuple[Option, ...], Meta(min_length=2)]
    languages: Annotated[tuple[Language, ...], Meta(min_length=1)]
    cannot: tuple[Cannot, ...]
    criteria: Annotated[tuple[Criterion, ...], Meta(min_length=1)]
    scenarios: Annotated[tuple[Scenario, ...], Meta(min_length=1)]

    def option(self, name: str) -> Option:
        """The option of that id, which must be there."""
        return next(option for option in self.options if option.id == name)

    def scenario(self, name: str) -> Scenario:
        """The scenario of that id. Raises UsageError."""
        names = [scenario.id for scenario in self.scenarios]
        if name not in names:
            raise UsageError(f"unknown scenario {quote(name)}; there are {', '.join(names)}")
        return self.scenarios[names.index(name)]

    def weights(self, scenario: Scenario) -> dict[str, float]:
        """The weight of each criterion in a scenario."""
        return {c.id: scenario.weights.get(c.id, c.weight) for c in self.criteria}


def load_decision(path: Path = DECISION) -> Decision:
    """The criteria of a file. Raises DecisionError."""
    decision: Decision = _read(path, Decision)
    problem = _problem(decision)
    if problem:
        raise DecisionError(f"{path}: {problem}")
    return decision


def load_weights(path: Path, decision: Decision) -> dict[str, float]:
    """The weights of a file, a JSON object: by a criterion's id, a number from 0 to 1000.

    Raises DecisionError.
    """
    try:
        parse(_bytes(path), str(path))  # msgspec takes a member that is there twice
    except ManifestError as error:
        raise DecisionError(str(error)) from error
    found = _read(path, dict[str, msgspec.Raw])
    known = [criterion.id for criterion in decision.criteria]
    weights = {}
    for name, raw in found.items():
        if name not in known:
            near = nearest(name, known)
            hint = f"is it {near}?" if near else f"there are {', '.join(known)}"
            raise DecisionError(f"{path}: unknown criterion {quote(name)}; {hint}")
        try:
            weights[name] = msgspec.json.decode(raw, type=Weight)
        except msgspec.MsgspecError as error:
            got = clean(bytes(raw)[:SHOWN].decode("utf-8", "replace"))
            problem = f"expected a number from 0 to 1000, got {got}"
            raise DecisionError(f"{path}: {name}: {problem}") from error
    if not weights:
        raise DecisionError(f"{path}: expected weights by criterion, got none")
    for scenario in decision.scenarios:
        if not any((decision.weights(scenario) | weights).values()):
            raise DecisionError(f"{path}: all weights are 0; one must be more")
    return weights


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DecisionError(f"{path}: cannot be read: {error.strerror}") from error


def _read(path: Path, kind: Any) -> Any:
    try:
        return msgspec.json.decode(_bytes(path), type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise DecisionError(f"{path}: {error}") from error


def _problem(decision: Decision) -> str:
    """The first thing wrong that the types cannot show; empty if there is none."""
    for many in (decision.options, decision.languages, decision.criteria, decision.scenarios):
        names = [one.id for one in many]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            return f"{twice[0]} is there twice"
    for where, named, known in _names(decision):
        for name in named:
            if name not in known:
                return f"{where}: unknown name {quote(name)}; there are {', '.join(known)}"
    return ""


def _names(decision: Decision) -> Iterator[tuple[str, Iterable[str], list[str]]]:
    """Where something is named, what is named there, and what could be."""
    options = [option.id for option in decision.options]
    languages = [language.id for language in decision.languages]
    for option in decision.options:
        yield f"option {option.id}", option.parts, options
    for cannot in decision.cannot:
        yield "cannot", [cannot.option], options
        yield "cannot", cannot.languages, languages
    for criterion in decision.criteria:
        for figure in criterion.figures:
            yield f"criterion {criterion.id}", figure.options, options
            yield f"criterion {criterion.id}", figure.languages, languages
    for scenario in decision.scenarios:
        yield f"scenario {scenario.id}", scenario.options, options
        yield f"scenario {scenario.id}", scenario.languages, languages
        yield f"scenario {scenario.id}", scenario.weights, [c.id for c in decision.criteria]
