"""The verdicts of VerifyOwnership and the decision of Adopt."""

import pytest
from msgspec.structs import replace

from transportlab import model
from transportlab.errors import Code, RpcError
from transportlab.model import AdoptOutcome, DesiredJob, Difference, Entry, Job
from transportlab.store import Snapshot
from transportlab.store.ownership import Adoption, adopt, verify


def express(app: str, desired: DesiredJob, path: str) -> tuple[Entry, ...]:
    name = desired.job.name
    return tuple(
        Entry(app, name, i, h, s, f"run {app}.{name}")
        for i, (s, h) in enumerate(zip(desired.job.schedules, desired.hashes, strict=True))
    )


def job(name: str, *schedules: str, salt: str = "a") -> DesiredJob:
    schedules = schedules or ("s",)
    hashes = tuple(f"{salt}{i:x}" for i in range(len(schedules)))
    return DesiredJob(Job(name=name, schedules=schedules), hashes)


def owned(desired: DesiredJob, **change: str) -> tuple[Entry, ...]:
    made = express("shop", desired, "")
    return tuple(replace(e, location=f"at {e.index}", **change) for e in made)


def unmarked(*schedules: str, name: str = "j", app: str = "shop") -> tuple[Entry, ...]:
    return tuple(
        Entry(app, name, 0, "", s, f"run {app}.{name}", f"at {number}")
        for number, s in enumerate(schedules)
    )


def verdicts(snapshot: Snapshot, *jobs: DesiredJob) -> list[tuple[str, str, int]]:
    reply = verify(model.VerifyOwnershipRequest("shop", jobs), snapshot, express)
    assert all((item.reason == "") == (item.verdict == "owned") for item in reply.items)
    return [(item.verdict.value, item.entry.job, item.entry.index) for item in reply.items]


def decide(snapshot: Snapshot, desired: DesiredJob) -> Adoption:
    return adopt(model.AdoptRequest("shop", desired), snapshot, express)


def test_a_sound_entry_is_owned() -> None:
    assert verdicts(Snapshot(owned(job("j"))), job("j")) == [("owned", "j", 0)]


def test_another_hash_alone_is_drift_and_no_tampering() -> None:
    older = owned(job("j", salt="b"), schedule="older")
    assert verdicts(Snapshot(older), job("j")) == [("owned", "j", 0)]


def test_an_index_beyond_the_desired_ones_is_owned() -> None:
    assert verdicts(Snapshot(owned(job("j", "s", "t"))), job("j"))[1] == ("owned", "j", 1)


@pytest.mark.parametrize("part", ["schedule", "command"])
def test_an_entry_that_differs_from_what_its_hash_stands_for_is_tampered(part: str) -> None:
    snapshot = Snapshot(owned(job("j"), **{part: "edited"}))
    reply = verify(model.VerifyOwnershipRequest("shop", (job("j"),)), snapshot, express)
    assert [item.verdict.value for item in reply.items] == ["tampered"]
    assert part in reply.items[0].reason
    assert "edited" in reply.items[0].reason


@pytest.mark.parametrize("salt", ["a", "b"])
def test_an_entry_that_never_runs_is_tampered_whatever_its_hash(salt: str) -> None:
    dead = owned(job("j", salt=salt), schedule="# s")
    snapshot = Snapshot(dead, dead=frozenset(dead))
    assert verdicts(snapshot, job("j")) == [("tampered", "j", 0)]
    assert verdicts(snapshot) == [("tampered", "j", 0)]


def test_an_entry_of_an_undesired_job_is_abandoned() -> None:
    assert verdicts(Snapshot(owned(job("j"))), job("k")) == [("abandoned", "j", 0)]


def test_a_copied_mark_is_a_duplicate_even_of_an_undesired_job() -> None:
    there = (*owned(job("j")), *owned(job("j")))
    assert verdicts(Snapshot(there), job("j")) == [("owned", "j", 0), ("duplicate", "j", 0)]
    assert verdicts(Snapshot(there)) == [("abandoned", "j", 0), ("duplicate", "j", 0)]


def test_of_copies_the_one_that_is_as_desired_is_the_owned_one() -> None:
    there = (*owned(job("j"), schedule="edited"), *owned(job("j")))
    assert verdicts(Snapshot(there), job("j")) == [("duplicate", "j", 0), ("owned", "j", 0)]


def test_an_unmarked_entry_of_the_app_is_foreign_and_comes_after_the_owned_of_its_job() -> None:
    candidates = (*unmarked("s"), *unmarked("s", app="other"))
    snapshot = Snapshot((*owned(job("j")), *owned(job("k"))), candidates=candidates)
    assert verdicts(snapshot, job("j"), job("k")) == [
        ("owned", "j", 0),
        ("foreign", "j", 0),
        ("owned", "k", 0),
    ]


def test_entries_of_other_apps_get_no_verdict() -> None:
    other = tuple(replace(entry, app="other") for entry in owned(job("j")))
    assert verdicts(Snapshot(other), job("j")) == []


def test_unmarked_entries_that_are_just_the_schedules_are_adopted_in_any_order() -> None:
    candidates = unmarked("t", "s", "s")
    desired = job("j", "s", "t", "s")
    found = decide(Snapshot(candidates=candidates), desired)
    assert found.outcome is AdoptOutcome.ADOPTED
    marks = [(mark, entry.index, entry.hash) for mark, entry in found.marks]
    assert marks == [(candidates[1], 0, "a0"), (candidates[0], 1, "a1"), (candidates[2], 2, "a2")]


def test_a_marked_entry_keeps_its_own_words() -> None:
    candidates = unmarked("0,15,30,45 * * * *")
    found = decide(Snapshot(candidates=candidates), job("j", "*/15 * * * *"))
    assert found.marks == ((candidates[0], replace(candidates[0], hash="a0")),)


def test_nothing_there_is_not_found() -> None:
    others = (*unmarked("s", name="k"), *unmarked("s", app="other"))
    found = decide(Snapshot(owned(job("k")), candidates=others), job("j"))
    assert found == Adoption(AdoptOutcome.NOT_FOUND)


DIVERGED = [
    (("t",), [Difference(0, "s", "t", "at 0")]),
    (("s", "t"), [Difference(-1, "", "t", "at 1")]),
    (("s", "s"), [Difference(-1, "", "s", "at 1")]),
    (("t", "u"), [Difference(0, "s", "t", "at 0"), Difference(-1, "", "u", "at 1")]),
]


@pytest.mark.parametrize(("there", "differences"), DIVERGED)
def test_another_or_an_extra_schedule_diverges(
    there: tuple[str, ...], differences: list[Difference]
) -> None:
    found = decide(Snapshot(candidates=unmarked(*there)), job("j"))
    assert found == Adoption(AdoptOutcome.DIVERGED, tuple(differences))


def test_a_missing_schedule_diverges() -> None:
    found = decide(Snapshot(candidates=unmarked("t")), job("j", "s", "t", "u"))
    assert found == Adoption(AdoptOutcome.DIVERGED, (Difference(0, "s"), Difference(2, "u")))


def test_owned_entries_as_desired_are_already_managed() -> None:
    there = owned(job("j"))
    assert decide(Snapshot(there), job("j")) == Adoption(AdoptOutcome.ALREADY_MANAGED, owned=there)


def test_owned_entries_with_another_hash_diverge() -> None:
    found = decide(Snapshot(owned(job("j", salt="b"))), job("j"))
    difference = Difference(0, "s run shop.j (hash a0)", "s run shop.j (hash b0)", "at 0")
    assert found == Adoption(AdoptOutcome.DIVERGED, (difference,))


def test_owned_entries_that_are_too_few_or_too_many_diverge() -> None:
    few = decide(Snapshot(owned(job("j"))), job("j", "s", "t"))
    assert few.differences == (Difference(1, "t run shop.j (hash a1)"),)
    many = decide(Snapshot(owned(job("j", "s", "t"))), job("j"))
    assert many.differences == (Difference(-1, "", "t run shop.j (hash a1)", "at 1"),)
    assert few.outcome is many.outcome is AdoptOutcome.DIVERGED


def test_an_unmarked_entry_beside_owned_ones_diverges() -> None:
    found = decide(Snapshot(owned(job("j")), candidates=unmarked("s")), job("j"))
    assert found == Adoption(AdoptOutcome.DIVERGED, (Difference(-1, "", "s", "at 0"),))


def test_a_job_that_breaks_the_contract_is_refused_with_its_path() -> None:
    with pytest.raises(RpcError) as caught:
        decide(Snapshot(), DesiredJob(Job("j", ("s",)), ()))
    assert caught.value.code is Code.INVALID_ARGUMENT
    assert caught.value.details.path == "job/hashes"
    with pytest.raises(RpcError) as caught:
        adopt(model.AdoptRequest("", job("j")), Snapshot(), express)
    assert caught.value.details.path == "app"
