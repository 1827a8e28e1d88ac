"""Which vectors count: the sets that revisions of the protocol require, and known failures.

A set is frozen when its revision is released: spec/revisions/1.json has the ids of revision 1. A
vector that is written later is advisory until the next revision. It is run and shown, but a plugin
that conforms does not fail by it.

A file of known failures is its author's. An expected failure is shown and does not fail the run
until its date has passed; one that passes fails the run, so that the file stays true.
"""

import datetime
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

from msgspec import Meta, Struct

from transportlab.conformance.reading import line_of, meant, read
from transportlab.conformance.result import BAD, ArmResult, Outcome, Report, Status
from transportlab.conformance.vectors import Case, Id, Sentence
from transportlab.data import SPEC
from transportlab.errors import UsageError
from transportlab.registry import transport_names

REVISIONS = SPEC / "revisions"

NEXT = "next"
"""The word for the revision that is not yet released: it requires all vectors."""


class Revision(Struct, frozen=True, forbid_unknown_fields=True):
    """A file of spec/revisions: the vectors that a revision of the protocol requires.

    plugin, host: their ids. They do not change once the revision is released.
    """

    revision: Annotated[int, Meta(ge=1)]
    plugin: tuple[Id, ...]
    host: tuple[Id, ...]


class Known(Struct, frozen=True, forbid_unknown_fields=True):
    """One expected failure.

    id: the vector's. reason: why it fails, for whoever reads the run. until: the last day on which
    the failure is expected. transports: where it is; on all that are run, without it.
    """

    id: Id
    reason: Sentence
    until: datetime.date
    transports: tuple[str, ...] = ()

    def at(self, arm: ArmResult) -> bool:
        """Whether it is about this arm."""
        return not self.transports or arm.transport in self.transports


class KnownFile(Struct, frozen=True, forbid_unknown_fields=True):
    """The file of --known."""

    known: tuple[Known, ...]


class Standing(Struct, frozen=True):
    """What counts in a run.

    revision: its number, or NEXT. required: the ids that it requires; None for all. known: the
    expected failures by id, of the file `path`. today: the day that `until` is compared with.
    """

    revision: str = NEXT
    required: frozenset[str] | None = None
    known: dict[str, Known] = {}
    path: str = ""
    today: datetime.date = datetime.date.min

    def requires(self, vector: Case) -> bool:
        """Whether the revision requires this vector."""
        return self.required is None or vector.id in self.required

    def mark(self, arm: ArmResult, outcome: Outcome) -> None:
        """Note at an outcome whether it is advisory, and whether its failure is known."""
        outcome.advisory = not self.requires(outcome.vector)
        known = self.known.get(outcome.vector.id)
        if known is None or outcome.status is not Status.FAIL or not known.at(arm):
            return
        if self.today <= known.until:
            outcome.known = f"{known.reason} (until {known.until})"
        else:
            outcome.reason = f"known until {known.until}, which is over: {known.reason}"

    def judged(self, report: Report) -> Report:
        """The report with the known failures that are fixed: they pass wherever they were run."""
        fixed = []
        for id_, known in self.known.items():
            ends = [
                outcome.status
                for arm in report.arms
                if known.at(arm)
                for outcome in arm.outcomes
                if outcome.vector.id == id_
            ]
            if Status.PASS in ends and not set(ends) & set(BAD):
                fixed.append(id_)
        return Report(report.vectors, report.arms, report.disagreements, tuple(fixed))


def revisions() -> list[int]:
    """The numbers of all released revisions, in order."""
    return sorted(int(path.stem) for path in REVISIONS.glob("*.json"))


def load_standing(
    vectors: Sequence[Case],
    kind: Callable[[Revision], Sequence[str]],
    revision: str | None = None,
    known: Path | None = None,
    today: datetime.date | None = None,
) -> Standing:
    """What counts among these vectors, which are all of a suite.

    kind: takes the suite's ids from a Revision. revision: the newest, without it. known: the file
    of known failures. Raises UsageError.
    """
    numbers = [str(number) for number in revisions()]
    revision = numbers[-1] if revision is None else revision
    if revision not in (*numbers, NEXT):
        there = ", ".join((*numbers, NEXT))
        raise UsageError(f'--revision: there is no revision "{revision}"; there are {there}')
    required = None
    if revision != NEXT:
        found = read(REVISIONS / f"{revision}.json", Revision, "a revision")
        required = frozenset(kind(found))
    day = today or datetime.datetime.now(datetime.UTC).date()
    return Standing(revision, required, _load_known(known, vectors), str(known or ""), day)


def _load_known(path: Path | None, vectors: Sequence[Case]) -> dict[str, Known]:
    if path is None:
        return {}
    ids, transports = [vector.id for vector in vectors], transport_names()
    found: dict[str, Known] = {}
    for number, known in enumerate(read(path, KnownFile, "known failures").known):
        if known.id not in ids:
            said = f'unknown vector "{known.id}"{meant(known.id, ids)}'
            raise UsageError(f"{path}:{line_of(path, ('known', number, 'id'))}: {said}")
        if known.id in found:
            said = f'"{known.id}" stands twice'
            raise UsageError(f"{path}:{line_of(path, ('known', number))}: {said}")
        for name in known.transports:
            if name not in transports:
                said = f'unknown transport "{name}"; there are {", ".join(transports)}'
                way = ("known", number, "transports")
                raise UsageError(f"{path}:{line_of(path, way)}: {said}")
        found[known.id] = known
    return found
