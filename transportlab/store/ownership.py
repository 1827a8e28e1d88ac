"""The decisions of VerifyOwnership and Adopt: pure functions of what is desired and what is there.

Both compare entries as reconcile.py does. They write nothing: Adopt's decision says which entries
to mark, and operations.py gives that to the store.
"""

from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from transportlab import model
from transportlab.model import AdoptOutcome, Difference, Entry, Verdict
from transportlab.store.base import Express, Meaning, Snapshot, by_job
from transportlab.store.reconcile import (
    check_app,
    checked_express,
    concerns,
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
        chosen = primaries(wanted.get(job, ()), entries, snapshot.meaning)
        for entry in entries:
            copy = chosen[entry.index] is not entry
            items.append(_verdict(entry, wanted.get(job), snapshot, copy))
    items += [
        model.OwnershipItem(Verdict.FOREIGN, entry, "it runs the job but carries no mark")
        for entry in snapshot.unmarked(request.app)
    ]
    items.sort(key=lambda i: (i.entry.job, i.verdict is Verdict.FOREIGN, i.entry.index))
    return model.VerifyOwnershipReply(tuple(items), concerns(request.app, request.jobs, snapshot))


def _verdict(
    entry: Entry, wanted: tuple[Entry, ...] | None, snapshot: Snapshot, copy: bool
) -> model.OwnershipItem:
    """The first verdict that applies: duplicate, tampered, abandoned, owned (P-VERIFY-1).

    An entry with another hash than the desired one has drifted, because its job has changed since.
    That is no tampering.
    """
    if copy:
        reason = f"the mark of index {entry.index} is there more than once"
        return model.OwnershipItem(Verdict.DUPLICATE, entry, reason)
    if entry in snapshot.dead:
        return model.OwnershipItem(Verdict.TAMPERED, entry, "the marked entry can never run")
    if wanted is None:
        return model.OwnershipItem(Verdict.ABANDONED, entry, "its job is not desired")
    for desired in wanted:
        if (desired.index, desired.hash) == (entry.index, entry.hash):
            reason = _tampering(desired, entry, snapshot.meaning)
            verdict = Verdict.TAMPERED if reason else Verdict.OWNED
            return model.OwnershipItem(verdict, entry, reason)
    return model.OwnershipItem(Verdict.OWNED, entry)


def _tampering(desired: Entry, entry: Entry, meaning: Meaning) -> str:
    if meaning(entry.schedule) != meaning(desired.schedule):
        return f'the hash stands for schedule "{desired.schedule}", not "{entry.schedule}"'
    if entry.command != desired.command:
        return f'the hash stands for command "{desired.command}", not "{entry.command}"'
    return ""


class Adoption(msgspec.Struct, frozen=True):
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

    Each schedule needs a candidate of its own that means the same, and no entry that runs the job
    may be left over: with the adopted ones the job would run twice.
    Raises INVALID_ARGUMENT for an app or a job that breaks P-PLAN-2.
    """
    check_app(request.app)
    wanted = checked_express(express, request.app, request.job, "job")
    job = request.job.job.name
    owned = by_job(snapshot.owned, request.app).get(job, ())
    candidates = by_job(snapshot.candidates, request.app).get(job, ())
    strays = by_job(snapshot.strays, request.app).get(job, ())
    if owned:
        against = _against_owned(wanted, owned, snapshot.meaning)
        differences = (*against, *map(_unasked, candidates), *map(_stray, strays))
        outcome = AdoptOutcome.DIVERGED if differences else AdoptOutcome.ALREADY_MANAGED
        return Adoption(outcome, differences, () if differences else owned)
    if not candidates and not strays:
        return Adoption(AdoptOutcome.NOT_FOUND)
    marks, unmet, left = _match(wanted, candidates, snapshot.meaning)
    if unmet or left or strays:
        return Adoption(AdoptOutcome.DIVERGED, _against_unmarked(unmet, left, strays))
    return Adoption(AdoptOutcome.ADOPTED, marks=tuple(marks))


def _match(
    wanted: Sequence[Entry], candidates: Sequence[Entry], meaning: Meaning
) -> tuple[list[tuple[Entry, Entry]], list[Entry], list[Entry]]:
    """Pairs of a candidate and a desired entry of equal schedule; then what is left of each side.

    Returns the pairs, the desired entries that found no candidate, the candidates left over.
    """
    left = list(candidates)
    marks: list[tuple[Entry, Entry]] = []
    unmet: list[Entry] = []
    for entry in wanted:
        when = meaning(entry.schedule)
        found = next((each for each in left if meaning(each.schedule) == when), None)
        if found is None:
            unmet.append(entry)
        else:
            left.remove(found)
            marks.append((found, replace(found, index=entry.index, hash=entry.hash)))
    return marks, unmet, left


def _against_unmarked(
    unmet: list[Entry], left: list[Entry], strays: Sequence[Entry]
) -> tuple[Difference, ...]:
    """The differences to report where no pairing of all is possible.

    Strays are reported against the unmet entries first, by their whole lines: only the command
    differs, most likely. Then the nth unmet entry is reported against the nth candidate left over:
    most likely somebody has edited a schedule in its place.
    """
    differences = [
        Difference(entry.index, _line(entry), _line(found), found.location)
        for entry, found in zip(unmet, strays, strict=False)
    ]
    differences += map(_stray, strays[len(unmet) :])
    unmet = unmet[len(strays) :]
    differences += [
        Difference(entry.index, entry.schedule, found.schedule, found.location)
        for entry, found in zip(unmet, left, strict=False)
    ]
    differences += [Difference(e.index, e.schedule) for e in unmet[len(left) :]]
    differences += [_unasked(entry) for entry in left[len(unmet) :]]
    return tuple(differences)


def _against_owned(
    wanted: Sequence[Entry], owned: Sequence[Entry], meaning: Meaning
) -> list[Difference]:
    if same(wanted, owned, meaning):
        return []
    chosen = primaries(wanted, owned, meaning)
    differences = [
        Difference(entry.index, _text(entry), _text(found) if found else "", _where(found))
        for entry in wanted
        if (found := chosen.get(entry.index)) is None
        or content(found, meaning) != content(entry, meaning)
    ]
    asked = {id(chosen[entry.index]) for entry in wanted if entry.index in chosen}
    differences += [_unasked(entry) for entry in owned if id(entry) not in asked]
    return differences


def _unasked(entry: Entry) -> Difference:
    return Difference(-1, got=_text(entry), location=entry.location)


def _stray(entry: Entry) -> Difference:
    return Difference(-1, got=_line(entry), location=entry.location)


def _text(entry: Entry) -> str:
    return f"{_line(entry)} (hash {entry.hash})" if entry.hash else entry.schedule


def _line(entry: Entry) -> str:
    return f"{entry.schedule} {entry.command}"


def _where(entry: Entry | None) -> str:
    return entry.location if entry else ""
