"""Looks up the figures of criteria where they stand: in evidence, in the contract, in the code.

A figure that is not there is not measured. A source is read when the first figure asks for it.
"""

import re
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from transportlab.conformance.vectors import load_vectors, select
from transportlab.data import ANY_RUN, EVIDENCE, ROOT, RUNS, SPEC
from transportlab.decision.criteria import (
    AnyFigure,
    DecisionError,
    FromClauses,
    FromFaults,
    FromLines,
    FromParts,
    FromRun,
    FromTable,
    FromTrait,
    FromVectors,
    Language,
    Option,
    Stated,
    Unmeasured,
)
from transportlab.evidence.analysis.compare import Measured, Side
from transportlab.evidence.analysis.runs import read
from transportlab.evidence.record import Arm
from transportlab.evidence.report.config import load_settings
from transportlab.registry import load_transport

LOST = "HOST "
"""How the code of a run in faults.json begins if the fault took the host along."""


class Found(Struct, frozen=True):
    """A figure. value stands for it; it lies between low and high. source: where it stands."""

    value: float
    low: float
    high: float
    source: str


def exactly(value: float, source: str) -> Found:
    """A figure without uncertainty."""
    return Found(value, value, value, source)


class Sources:
    """Looks figures up. hosts: whose figures are taken, the first that has any.

    evidence, root: where the files of evidence are, and the checkout. measured: the runs to take
    in place of those in evidence.
    """

    def __init__(
        self,
        hosts: Sequence[str],
        evidence: Path = EVIDENCE,
        root: Path = ROOT,
        measured: Sequence[Measured] = (),
    ) -> None:
        self.hosts = hosts
        self._evidence, self._root, self._given = evidence, root, measured

    def figures(self, figure: AnyFigure, option: Option, language: Language) -> list[Found]:
        """The figures for an option and a language; [] if it is not measured.

        There are several if plugins in the language are: the best one is the language's.
        """
        look_up: Callable[[Any, Any, Option, Language], list[Found]] = _LOOK_UP[type(figure)]
        return look_up(self, figure, option, language)

    def table(self, figure: FromTable, option: Option, language: Language) -> list[Found]:
        """See FromTable."""
        ids = [f"{plugin}/{option.transport}" for plugin in language.plugins]
        rows = [row for row in self._table.get("rows", ()) if row["id"] in ids]
        found = [_of_row(row, figure) for row in rows]
        return [one for one in found if one is not None]

    def run(self, figure: FromRun, option: Option, language: Language) -> list[Found]:
        """See FromRun."""
        for measured in self._measured:
            for host in self.hosts:
                arms = [a for a in measured.evidence.measured if _is(a, host, option, language)]
                found = [_of_run(measured, figure, arm) for arm in arms]
                if known := [one for one in found if one is not None]:
                    return known
        return []

    def faults(self, figure: FromFaults, option: Option, _: Language) -> list[Found]:
        """See FromFaults."""
        codes = [
            run["code"]
            for cell in self._faults.get("cells", [])
            if cell["fault"] in figure.faults and cell["column"] == option.transport
            for run in cell["runs"]
        ]
        if not codes:
            return []
        outlived = sum(not code.startswith(LOST) for code in codes)
        return [exactly(100 * outlived / len(codes), f"evidence/faults.json: {len(codes)} runs")]

    def trait(self, figure: FromTrait, option: Option, _: Language) -> list[Found]:
        """See FromTrait."""
        value = msgspec.to_builtins(load_transport(option.transport).traits)[figure.trait]
        word = str(value).lower()
        return [exactly(figure.figures[word], f"trait {figure.trait}: {word}")]

    def vectors(self, figure: FromVectors, option: Option, _: Language) -> list[Found]:
        """See FromVectors."""
        traits = msgspec.to_builtins(load_transport(option.transport).traits)
        chosen = select(load_vectors(), figure.groups)
        missed = {
            vector.id
            for vector in chosen
            if any(traits[name] != value for name, value in vector.needs.traits.items())
            and traits["wire"]  # without messages nothing of them can be lost
        }
        for measured in self._measured[:1]:
            conformance = measured.evidence.conformance
            for result in conformance.results if conformance else ():
                if (result.transport, result.codec) == (option.transport, option.codec):
                    missed |= {vector.id for vector in chosen} & set(result.failures)
        words = f": {', '.join(sorted(missed))}" if missed else ""
        return [exactly(len(missed), f"{len(chosen)} vectors{words}")]

    def clauses(self, _figure: FromClauses, option: Option, _: Language) -> list[Found]:
        """See FromClauses."""
        known = re.findall(r"\*\*((P-[A-Z]+)-\d+)\*\*", (SPEC / "PROTOCOL.md").read_text())
        found = {one for one, family in known if {one, family} & set(option.clauses)}
        return [exactly(len(found), f"spec/PROTOCOL.md: {', '.join(option.clauses) or 'none'}")]

    def lines(self, figure: FromLines, _option: Option, _: Language) -> list[Found]:
        """See FromLines."""
        paths = [self._root / name for name in figure.files]
        if not all(path.is_file() for path in paths):
            return []
        count = sum(len(path.read_text().splitlines()) for path in paths)
        return [exactly(count, ", ".join(figure.files))]

    def parts(self, figure: FromParts, _option: Option, _: Language) -> list[Found]:
        """See FromParts."""
        missing = [part for part, holds in figure.parts.items() if not holds]
        words = f"all but {', '.join(missing)}" if missing else "all"
        return [exactly(sum(figure.parts.values()), f"of {len(figure.parts)}: {words}")]

    def stated(self, figure: Stated, _option: Option, _: Language) -> list[Found]:
        """See Stated."""
        high = figure.value if figure.high is None else figure.high
        return [Found((figure.value + high) / 2, figure.value, high, figure.note or "counted")]

    def unmeasured(self, _figure: Unmeasured, _option: Option, _: Language) -> list[Found]:
        """See Unmeasured."""
        return []

    @cached_property
    def _measured(self) -> Sequence[Measured]:
        """The runs of the newest code, by machine, the one with most blocks first."""
        if self._given:
            return self._given
        paths = sorted((self._evidence / RUNS.name).glob(ANY_RUN))
        return [Measured(group) for group in read(paths).groups] if paths else []

    @cached_property
    def _table(self) -> Any:
        return self._json("languages.json")

    @cached_property
    def _faults(self) -> Any:
        return self._json("faults.json")

    def _json(self, name: str) -> Any:
        """A file of evidence; {} if there is none. Raises DecisionError."""
        path = self._evidence / name
        if not path.exists():
            return {}
        try:
            return msgspec.json.decode(path.read_bytes())
        except msgspec.DecodeError as error:
            raise DecisionError(f"{path}: {error}") from error


_LOOK_UP: dict[type, Callable[..., list[Found]]] = {
    FromTable: Sources.table,
    FromRun: Sources.run,
    FromFaults: Sources.faults,
    FromTrait: Sources.trait,
    FromVectors: Sources.vectors,
    FromClauses: Sources.clauses,
    FromLines: Sources.lines,
    FromParts: Sources.parts,
    Stated: Sources.stated,
    Unmeasured: Sources.unmeasured,
}


def _of_row(row: Any, figure: FromTable) -> Found | None:
    """The figure of a row of the table of languages; None if it has none."""
    source = f"languages.json: {row['id']}"
    if figure.key == "passes":
        vectors = row["vectors"]
        known = (
            None if vectors["not_run"] else float(vectors["passed"] > 0 and not vectors["failed"])
        )
    elif figure.key == "lines":
        known = row["lines"]["transport"]
    else:
        known = row["size"]
    return None if known is None else exactly(known * figure.factor, source)


def _is(arm: Arm, host: str, option: Option, language: Language) -> bool:
    """Whether an arm is a plugin in the language, over the option, under the host."""
    return (
        (arm.transport, arm.codec) == (option.transport, option.codec)
        and arm.host == host
        and arm.plugin in language.plugins
    )


def _of_run(measured: Measured, figure: FromRun, arm: Arm) -> Found | None:
    """The figure of an arm, with its interval; None if there are too few blocks for one."""
    base = _base(measured, arm) if figure.over_baseline else None
    sides = [Side(one, figure.case, figure.metric) for one in (arm.id, base) if one]
    ask = measured.compare if base else measured.alone
    found = None if base == arm.id else ask(figure.suite, figure.placement, *sides)
    if found is None:
        return None
    interval = found.difference.interval()
    if not interval.known:
        return None
    value, low, high = (x * figure.factor for x in (interval.value, interval.low, interval.high))
    over = f" over {base}" if base else ""
    date = measured.evidence.started[:10]
    source = f"evidence/{RUNS.name}: {arm.id}{over}, {interval.blocks} blocks of {date}"
    return Found(value, low, high, source)


def _base(measured: Measured, arm: Arm) -> str | None:
    """The id of the baseline of an arm's host; None if it was not measured: figures are whole."""
    wanted = load_settings().baselines.get(arm.host)
    return wanted if wanted in {one.id for one in measured.evidence.measured} else None
