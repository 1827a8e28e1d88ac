"""The decisions of Plan, Drift and Prune, for a scheduler that takes schedules as they are."""

from hashlib import sha256

import pytest
from msgspec.structs import replace

from transportlab import model
from transportlab.errors import Code, RpcError
from transportlab.model import DesiredJob, DriftKind, Entry, Job, OpKind
from transportlab.store import Snapshot
from transportlab.store.reconcile import drift, plan, select_prune, state_digest


def express(app: str, desired: DesiredJob, path: str) -> tuple[Entry, ...]:
    name = desired.job.name
    return tuple(
        Entry(app, name, i, h, s, f"run {app}.{name}")
        for i, (s, h) in enumerate(zip(desired.job.schedules, desired.hashes, strict=True))
    )


def job(name: str, *schedules: str, salt: str = "a") -> DesiredJob:
    schedules = schedules or ("0 1 * * *",)
    hashes = tuple(f"{salt}{i:x}" for i in range(len(schedules)))
    return DesiredJob(Job(name=name, schedules=schedules), hashes)


def entries(*jobs: DesiredJob, app: str = "shop") -> tuple[Entry, ...]:
    return tuple(
        replace(entry, location=f"line {number}")
        for number, entry in enumerate(e for j in jobs for e in express(app, j, ""))
    )


def ask(*jobs: DesiredJob, app: str = "shop", allow_empty: bool = False) -> model.PlanRequest:
    return model.PlanRequest(app, jobs, allow_empty)


def shape(reply: model.PlanReply) -> list[tuple[str, str]]:
    return [(op.kind.value, op.job) for op in reply.ops]


def drifts(reply: model.DriftReply) -> list[tuple[str, str, int]]:
    return [(item.kind.value, item.job, item.index) for item in reply.items]


def test_ops_are_deletes_updates_creates_skips_each_by_job_name() -> None:
    owned = entries(*(job(name) for name in ("u2", "u1", "s2", "s1", "d2", "d1")))
    wanted = [job("s2"), job("c2"), job("u2", salt="b"), job("s1"), job("c1"), job("u1", salt="b")]
    reply = plan(ask(*wanted), Snapshot(owned), express)
    assert shape(reply) == [
        ("delete", "d1"),
        ("delete", "d2"),
        ("update", "u1"),
        ("update", "u2"),
        ("create", "c1"),
        ("create", "c2"),
        ("skip", "s1"),
        ("skip", "s2"),
    ]


def test_each_op_carries_what_its_kind_needs_and_no_more() -> None:
    old, new = job("u"), job("u", salt="b")
    owned = entries(job("d"), old, job("s"))
    reply = plan(ask(new, job("c"), job("s")), Snapshot(owned), express)
    delete, update, create, skip = reply.ops
    assert delete == model.Op(OpKind.DELETE, "d", before=owned[:1])
    assert update == model.Op(OpKind.UPDATE, "u", owned[1:2], express("shop", new, ""), new)
    assert create == model.Op(OpKind.CREATE, "c", (), express("shop", job("c"), ""), job("c"))
    assert skip == model.Op(OpKind.SKIP, "s")
    assert reply.app == "shop"


@pytest.mark.parametrize(
    "change",
    [{"hash": "ff"}, {"schedule": "# 0 1 * * *"}, {"command": "run shop.j --dry"}, {"index": 3}],
    ids=lambda change: next(iter(change)),
)
def test_a_difference_in_any_part_of_an_entry_is_an_update(change: dict[str, str]) -> None:
    owned = (replace(entries(job("j"))[0], **change),)
    assert shape(plan(ask(job("j")), Snapshot(owned), express)) == [("update", "j")]


def test_a_difference_in_location_alone_is_a_skip() -> None:
    owned = (replace(entries(job("j"))[0], location="elsewhere"),)
    assert shape(plan(ask(job("j")), Snapshot(owned), express)) == [("skip", "j")]


def test_a_copied_entry_is_an_update() -> None:
    owned = entries(job("j"), job("j"))
    assert shape(plan(ask(job("j")), Snapshot(owned), express)) == [("update", "j")]


def test_a_missing_and_an_extra_index_are_updates() -> None:
    both = job("j", "0 1 * * *", "0 2 * * *")
    one = DesiredJob(Job(name="j", schedules=both.job.schedules[:1]), both.hashes[:1])
    assert shape(plan(ask(both), Snapshot(entries(one)), express)) == [("update", "j")]
    assert shape(plan(ask(one), Snapshot(entries(both)), express)) == [("update", "j")]


def test_other_apps_are_not_looked_at() -> None:
    owned = entries(job("j"), app="other")
    reply = plan(ask(job("j")), Snapshot(owned), express)
    assert shape(reply) == [("create", "j")]
    assert reply.state_digest == plan(ask(job("j")), Snapshot(), express).state_digest
    assert select_prune(model.PruneRequest("shop", allow_empty=True), Snapshot(owned)) == ()


def test_an_empty_desired_set_needs_allow_empty() -> None:
    snapshot = Snapshot(entries(job("j")))
    with pytest.raises(RpcError) as caught:
        plan(ask(), snapshot, express)
    assert caught.value.code is Code.INVALID_ARGUMENT
    assert (caught.value.details.reason, caught.value.details.path) == ("EMPTY_DESIRED", "jobs")
    assert shape(plan(ask(allow_empty=True), snapshot, express)) == [("delete", "j")]


INVALID = [
    (ask(job("a"), job("b"), job("a")), "DUPLICATE_JOB", "jobs/2/job/name"),
    (ask(job("a"), DesiredJob(Job("b", ("0 1 * * *",)), ())), "HASH_COUNT", "jobs/1/hashes"),
    (ask(DesiredJob(Job("a", ("x",)), ("aa", "bb"))), "HASH_COUNT", "jobs/0/hashes"),
    (ask(DesiredJob(Job("a", ("x", "y")), ("aa", "xy"))), "INVALID_HASH", "jobs/0/hashes/1"),
    (ask(DesiredJob(Job("a"))), "SCHEDULE_COUNT", "jobs/0/job/schedules"),
    (ask(job("a", *["x"] * 65)), "SCHEDULE_COUNT", "jobs/0/job/schedules"),
    (ask(job("a b")), "INVALID_NAME", "jobs/0/job/name"),
    (ask(job("a\n* * * * * sh")), "INVALID_NAME", "jobs/0/job/name"),
    (ask(job("a"), app=""), "INVALID_NAME", "app"),
    (ask(job("a"), app="Shop"), "INVALID_NAME", "app"),
]


@pytest.mark.parametrize(("request_", "reason", "path"), INVALID)
def test_a_request_that_breaks_the_contract_is_refused_with_its_path(
    request_: model.PlanRequest, reason: str, path: str
) -> None:
    with pytest.raises(RpcError) as caught:
        plan(request_, Snapshot(), express)
    assert caught.value.code is Code.INVALID_ARGUMENT
    assert (caught.value.details.reason, caught.value.details.path) == (reason, path)


def test_the_digest_tells_content_and_order_but_not_location() -> None:
    owned = entries(job("a"), job("b", "x", "y"))
    digest = state_digest(owned, "shop", str)
    assert digest == state_digest([replace(e, location="") for e in owned], "shop", str)
    assert digest == state_digest([*owned, *entries(job("a"), app="other")], "shop", str)
    changed = [
        owned[1:],
        (*owned, owned[0]),
        owned[::-1],
        (replace(owned[0], hash="ff"), *owned[1:]),
        (replace(owned[0], schedule=owned[0].schedule + "r", command="un"), *owned[1:]),
    ]
    digests = {digest, *(state_digest(other, "shop", str) for other in changed)}
    assert len(digests) == 1 + len(changed)


def test_schedules_are_compared_by_when_they_fire() -> None:
    wanted = job("j", "*/15 * * * *", "0 3 * * 1")
    owned = [
        replace(e, schedule=s)
        for e, s in zip(entries(wanted), ("0,15,30,45 * * * *", "0 3 ? * mon"), strict=True)
    ]
    snapshot = Snapshot(tuple(owned))
    reply = plan(ask(wanted), snapshot, express)
    assert shape(reply) == [("skip", "j")]
    assert reply.state_digest == plan(ask(wanted), Snapshot(entries(wanted)), express).state_digest
    assert drift(model.DriftRequest("shop", (wanted,)), snapshot, express).items == ()
    other = Snapshot(tuple(owned), meaning=str)
    assert shape(plan(ask(wanted), other, express)) == [("update", "j")]


def test_the_digest_of_nothing_is_that_of_no_bytes() -> None:
    assert state_digest([], "shop", str) == sha256().hexdigest()


def test_drift_is_empty_when_all_is_as_desired() -> None:
    wanted = (job("a"), job("b", "x", "y"))
    assert (
        drift(model.DriftRequest("shop", wanted), Snapshot(entries(*wanted)), express).items == ()
    )


def test_drift_tells_each_departure_by_job_and_index() -> None:
    wanted = (job("b", "x", "y", "z"), job("a"))
    there = entries(job("b", "x", "Y", "z", "w"), job("gone"))
    there = tuple(entry for entry in there if (entry.job, entry.index) != ("b", 0))
    reply = drift(model.DriftRequest("shop", wanted), Snapshot(there), express)
    assert drifts(reply) == [
        ("missing", "a", 0),
        ("missing", "b", 0),
        ("modified", "b", 1),
        ("orphan", "b", 3),
        ("orphan", "gone", 0),
    ]
    missing, _, modified, orphan, _ = reply.items
    assert (missing.expected, missing.actual) == (express("shop", wanted[1], "")[0], None)
    assert (modified.expected, modified.actual) == (express("shop", wanted[0], "")[1], there[0])
    assert (orphan.expected, orphan.actual) == (None, there[2])


def test_a_hand_edited_schedule_under_an_intact_mark_is_modified() -> None:
    edited = replace(entries(job("j"))[0], schedule="# 0 1 * * *")
    reply = drift(model.DriftRequest("shop", (job("j"),)), Snapshot((edited,)), express)
    assert [(item.kind, item.actual) for item in reply.items] == [(DriftKind.MODIFIED, edited)]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_of_copies_the_one_as_desired_counts_and_the_other_is_an_orphan(
    order: tuple[int, int],
) -> None:
    good = entries(job("j"))[0]
    copies = (good, replace(good, schedule="edited"))
    there = tuple(copies[i] for i in order)
    reply = drift(model.DriftRequest("shop", (job("j"),)), Snapshot(there), express)
    assert [(item.kind, item.actual) for item in reply.items] == [(DriftKind.ORPHAN, copies[1])]


def test_prune_takes_what_is_not_kept() -> None:
    owned = entries(job("a"), job("b", "x", "y"), job("c"))
    request = model.PruneRequest("shop", keep=("a", "never-there"))
    assert select_prune(request, Snapshot(owned)) == owned[1:]


def test_an_empty_keep_needs_allow_empty() -> None:
    owned = entries(job("a"))
    with pytest.raises(RpcError) as caught:
        select_prune(model.PruneRequest("shop"), Snapshot(owned))
    assert caught.value.code is Code.INVALID_ARGUMENT
    assert (caught.value.details.reason, caught.value.details.path) == ("EMPTY_KEEP", "keep")
    assert select_prune(model.PruneRequest("shop", allow_empty=True), Snapshot(owned)) == owned
