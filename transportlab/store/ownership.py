"""The decisions of VerifyOwnership and Adopt: pure functions of what is desired and what is there.

Both compare entries as reconcile.py does. They write nothing: Adopt's decision says which entries
to mark, and operations.py gives that to the store.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from transportlab import model
from transportlab.model import AdoptOutcome, Difference, Entry, Verdict
from transportlab.store.base import Express, Snapshot, by_job
from transportlab.store.reconcile import (
    check_app,
    checked_express,
    content,
    desired_entries,
    primaries,
    same,
)


def verify(
    request: model.VerifyOwnershipRequest, snapshot: Snapshot, express: Express
) -> model.VerifyOwnershipReply:
    """A verdict on each entry of the app, by job and index, a job's foreign ones last (P-VERIFY).

    Raises INVALID_ARGUMENT for a job as desired_entries does.
    """
    wanted = desired_entries(request.app, request.jobs, express)
    items: list[model.OwnershipItem] = []
    for job, entries in by_job(snapshot.owned, request.app).items():
        chosen = primaries(wanted.get(job, ()), entries)
        for entry in entries:
            copy = chosen[entry.index] is not entry
            items.append(_verdict(entry, wanted.get(job), entry in snapshot.dead, copy))
    items += [
        model.OwnershipItem(Verdict.FOREIGN, entry, "it runs the job but carries no mark")
        for entry in snapshot.candidates
        if entry.app == request.app
    ]
    items.sort(key=lambda i: (i.entry.job, i.verdict is Verdict.FOREIGN, i.entry.index))
    return model.VerifyOwnershipReply(tuple(items))


def _verdict(
    entry: Entry, wanted: tuple[Entry, ...] | None, dead: bool, copy: bool
) -> model.OwnershipItem:
    """The first verdict that applies: duplicate, tampered, abandoned, owned (P-VERIFY-1).

    An entry with another hash than the desired one has drifted, because its job has changed since.
    That is no tampering.
    """
    if copy:
        reason = f"the mark of index {entry.index} is there more than once"
        return model.OwnershipItem(Verdict.DUPLICATE, entry, reason)
    if dead:
        return model.OwnershipItem(Verdict.TAMPERED, entry, "the marked entry can never run")
    if wanted is None:
        return model.OwnershipItem(Verdict.ABANDONED, entry, "its job is not desired")
    for desired in wanted:
        if (desired.index, desired.hash) == (entry.index, entry.hash):
            reason = _tampering(desired, entry)
            verdict = Verdict.TAMPERED if reason else Verdict.OWNED
            return model.OwnershipItem(verdict, entry, reason)
    return model.OwnershipItem(Verdict.OWNED, entry)


def _tampering(desired: Entry, entry: Entry) -> str:
    if entry.schedule != desired.schedule:
        return f'the hash stands for schedule "{desired.schedule}", not "{entry.schedule}"'
    if entry.command != desired.command:
        return f'the hash stands for command "{desired.command}", not "{entry.command}"'
    return ""


@dataclass(frozen=True, slots=True)
class Adoption:
    """What Adopt decided.

    owned: the entries that are owned already, where the outcome is ALREADY_MANAGED.
    marks: pairs of a candidate and the owned entry that it becomes, where it is ADOPTED.
    """

    outcome: AdoptOutcome
    differences: tuple[Difference, ...] = ()
    owned: tuple[Entry, ...] = ()
    marks: tuple[tuple[Entry, Entry], ...] = ()


def adopt(request: model.AdoptRequest, snapshot: Snapshot, express: Express) -> Adoption:
    """Decide whether the job's candidates can be marked as they stand (P-ADOPT).

    Each schedule needs a candidate of its own with an equal schedule, and none may be left over.
    Raises INVALID_ARGUMENT for an app or a job that breaks P-PLAN-2.
    """
    check_app(request.app)
    wanted = checked_express(express, request.app, request.job, "job")
    job = request.job.job.name
    owned = by_job(snapshot.owned, request.app).get(job, ())
    candidates = by_job(snapshot.candidates, request.app).get(job, ())
    if owned:
        differences = (*_against_owned(wanted, owned), *map(_unasked, candidates))
        outcome = AdoptOutcome.DIVERGED if differences else AdoptOutcome.ALREADY_MANAGED
        return Adoption(outcome, differences, () if differences else owned)
    if not candidates:
        return Adoption(AdoptOutcome.NOT_FOUND)
    marks, unmet, left = _match(wanted, candidates)
    if unmet or left:
        return Adoption(AdoptOutcome.DIVERGED, _against_candidates(unmet, left))
    return Adoption(AdoptOutcome.ADOPTED, marks=tuple(marks))


def _match(
    wanted: Sequence[Entry], candidates: Sequence[Entry]
) -> tuple[list[tuple[Entry, Entry]], list[Entry], list[Entry]]:
    """Pairs of a candidate and a desired entry of equal schedule; then what is left of each side.

    Returns the pairs, the desired entries that found no candidate, the candidates left over.
    """
    left = list(candidates)
    marks: list[tuple[Entry, Entry]] = []
    unmet: list[Entry] = []
    for entry in wanted:
        found = next(
            (candidate for candidate in left if candidate.schedule == entry.schedule), None
        )
        if found is None:
            unmet.append(entry)
        else:
            left.remove(found)
            marks.append((found, entry))
    return marks, unmet, left


def _against_candidates(unmet: list[Entry], left: list[Entry]) -> tuple[Difference, ...]:
    """The differences to report where no pairing of all is possible.

    The nth unmet entry is reported against the nth candidate left over: most likely somebody has
    edited a schedule in its place.
    """
    differences = [
        Difference(entry.index, entry.schedule, found.schedule, found.location)
        for entry, found in zip(unmet, left, strict=False)
    ]
    differences += [Difference(e.index, e.schedule) for e in unmet[len(left) :]]
    differences += [_unasked(entry) for entry in left[len(unmet) :]]
    return tuple(differences)


def _against_owned(wanted: Sequence[Entry], owned: Sequence[Entry]) -> list[Difference]:
    if same(wanted, owned):
        return []
    chosen = primaries(wanted, owned)
    differences = [
        Difference(entry.index, _text(entry), _text(found) if found else "", _where(found))
        for entry in wanted
        if (found := chosen.get(entry.index)) is None or content(found) != content(entry)
    ]
    asked = {id(chosen[entry.index]) for entry in wanted if entry.index in chosen}
    differences += [_unasked(entry) for entry in owned if id(entry) not in asked]
    return differences


def _unasked(entry: Entry) -> Difference:
    return Difference(-1, got=_text(entry), location=entry.location)


def _text(entry: Entry) -> str:
    mark = f" (hash {entry.hash})" if entry.hash else ""
    return f"{entry.schedule} {entry.command}{mark}" if mark else entry.schedule


def _where(entry: Entry | None) -> str:
    return entry.location if entry else ""
