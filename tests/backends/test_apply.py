"""Apply over both reference backends: what is checked before, what is told when it ends early."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from msgspec.structs import replace

from transportlab import model
from transportlab.context import Cancellation, Context
from transportlab.errors import Code, RpcError
from transportlab.model import DesiredJob, OpKind, PlanReply

MakeJob = Callable[..., DesiredJob]
Subject = Any


def started(subject: Subject, plan: PlanReply, context: Context | None = None) -> Iterator[Any]:
    stream: Iterator[Any] = subject.operations.apply(model.ApplyRequest(plan), context or Context())
    return stream


def test_events_tell_each_op_by_its_place_in_the_plan_and_counts_at_the_end(
    subject: Subject, job: MakeJob
) -> None:
    subject.converge(job("d"), job("u"), job("s"))
    plan = subject.plan(job("u", salt="b"), job("c"), job("s"))
    events = subject.apply(plan)
    assert [(e.kind.value, e.op_index, e.op_kind.value, e.job) for e in events[:-1]] == [
        ("started", 0, "delete", "d"),
        ("done", 0, "delete", "d"),
        ("started", 1, "update", "u"),
        ("done", 1, "update", "u"),
        ("started", 2, "create", "c"),
        ("done", 2, "create", "c"),
    ]
    assert events[-1].counts == model.Counts(deleted=1, updated=1, created=1, skipped=1)
    assert subject.there() == [
        ("shop", "c", 0, "a0", "0 1 * * *"),
        ("shop", "s", 0, "a0", "0 1 * * *"),
        ("shop", "u", 0, "b0", "0 1 * * *"),
    ]


def test_after_an_apply_there_is_no_drift_and_the_next_plan_only_skips(
    subject: Subject, job: MakeJob
) -> None:
    jobs = (job("a", "0 1 * * *", "*/5 2 * * mon"), job("b"))
    subject.converge(*jobs)
    assert subject.drift(*jobs) == []
    assert [op.kind for op in subject.plan(*jobs).ops] == [OpKind.SKIP, OpKind.SKIP]
    assert subject.verify(*jobs) == [("owned", "a", 0), ("owned", "a", 1), ("owned", "b", 0)]


def test_an_apply_of_skips_alone_does_not_touch_the_file(subject: Subject, job: MakeJob) -> None:
    subject.converge(job("a"))
    before = subject.file.stat()
    assert subject.converge(job("a")) == model.Counts(skipped=1)
    after = subject.file.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_other_apps_are_left_alone(subject: Subject, job: MakeJob) -> None:
    subject.converge(job("a"), app="other")
    subject.converge(job("a", salt="b"))
    subject.converge()
    assert subject.there() == [("other", "a", 0, "a0", "0 1 * * *")]


def test_a_state_that_changed_since_the_plan_aborts_with_nothing_written(
    subject: Subject, job: MakeJob
) -> None:
    plan = subject.plan(job("a"), job("b"))
    subject.converge(job("z"))
    before = subject.file.read_bytes()
    with pytest.raises(RpcError) as caught:
        subject.apply(plan)
    assert caught.value.code is Code.ABORTED
    details = caught.value.details
    assert (details.reason, details.action) == ("STATE_CHANGED", "plan again")
    assert details.expected == plan.state_digest != details.got
    assert (details.applied, details.failed, details.unattempted) == ((), (), ("a", "b"))
    assert subject.file.read_bytes() == before


def test_a_plan_of_skips_alone_aborts_too_when_the_state_has_changed(
    subject: Subject, job: MakeJob
) -> None:
    subject.converge(job("a"))
    plan = subject.plan(job("a"))
    subject.converge(job("a", salt="b"))
    with pytest.raises(RpcError) as caught:
        subject.apply(plan)
    assert caught.value.code is Code.ABORTED


def test_a_job_that_changes_during_the_apply_aborts_it_and_what_is_done_stays(
    subject: Subject, job: MakeJob
) -> None:
    stream = started(subject, subject.plan(job("a"), job("b"), job("c")))
    assert [next(stream).job for _ in range(2)] == ["a", "a"]
    other = subject.make()
    request = model.PlanRequest("shop", (job("a"), job("b", salt="b")))
    list(other.apply(model.ApplyRequest(other.plan(request, Context())), Context()))
    assert next(stream).job == "b"
    with pytest.raises(RpcError) as caught:
        next(stream)
    assert caught.value.code is Code.ABORTED
    details = caught.value.details
    assert (details.reason, details.path) == ("STATE_CHANGED", "shop.b")
    assert (details.applied, details.failed, details.unattempted) == (("a",), ("b",), ("c",))
    assert [entry[1:4] for entry in subject.there()] == [("a", 0, "a0"), ("b", 0, "b0")]


def test_a_job_of_another_app_may_change_during_the_apply(subject: Subject, job: MakeJob) -> None:
    stream = started(subject, subject.plan(job("a"), job("b")))
    next(stream)
    subject.converge(job("x"), app="other")
    assert [event.kind.value for event in stream][-1] == "finished"
    assert [entry[:2] for entry in subject.there()] == [
        ("other", "x"),
        ("shop", "a"),
        ("shop", "b"),
    ]


def test_a_call_cancelled_midway_tells_what_is_done(subject: Subject, job: MakeJob) -> None:
    switch = Cancellation()
    plan = subject.plan(job("a"), job("b"), job("c"))
    stream = started(subject, plan, Context(cancellation=switch))
    assert [next(stream).job for _ in range(2)] == ["a", "a"]
    switch.cancel()
    with pytest.raises(RpcError) as caught:
        next(stream)
    assert caught.value.code is Code.CANCELLED
    details = caught.value.details
    assert (details.applied, details.failed, details.unattempted) == (("a",), (), ("b", "c"))
    assert [entry[1] for entry in subject.there()] == ["a"]


def test_a_call_past_its_deadline_tells_what_is_done(subject: Subject, job: MakeJob) -> None:
    context = Context(timeout=3600)
    stream = started(subject, subject.plan(job("a"), job("b")), context)
    next(stream)
    next(stream)
    context.deadline = 0.0
    with pytest.raises(RpcError) as caught:
        next(stream)
    assert caught.value.code is Code.DEADLINE_EXCEEDED
    assert caught.value.details.applied == ("a",)
    assert caught.value.details.unattempted == ("b",)


def test_an_abandoned_stream_stops_and_what_is_done_stays(subject: Subject, job: MakeJob) -> None:
    stream = started(subject, subject.plan(job("a"), job("b")))
    assert [next(stream).kind.value for _ in range(3)] == ["started", "done", "started"]
    stream.close()  # type: ignore[attr-defined]  # apply gives a generator
    assert [entry[1] for entry in subject.there()] == ["a"]


def changed(plan: PlanReply, position: int, **members: Any) -> PlanReply:
    ops = list(plan.ops)
    ops[position] = replace(ops[position], **members)
    return replace(plan, ops=tuple(ops))


def test_a_plan_that_plan_would_not_make_is_refused_with_its_path(
    subject: Subject, job: MakeJob
) -> None:
    subject.converge(job("d"), job("u"), job("s"))
    plan = subject.plan(job("u", salt="b"), job("c"), job("s"))
    delete, update, create, skip = plan.ops
    edited = (replace(create.after[0], schedule="* * * * *"),)
    moved = replace(job("c"), job=replace(job("c").job, name="x"))
    nowhere = replace(job("c"), hashes=())
    before = subject.file.read_bytes()
    for bad, path in [
        (changed(plan, 0, after=update.after), "plan/ops/0/after"),
        (changed(plan, 0, desired=update.desired), "plan/ops/0/desired"),
        (changed(plan, 0, before=()), "plan/ops/0/before"),
        (changed(plan, 0, before=update.before), "plan/ops/0/before"),
        (changed(plan, 1, before=()), "plan/ops/1/before"),
        (changed(plan, 1, desired=None), "plan/ops/1/desired"),
        (changed(plan, 1, job="d"), "plan/ops/1/job"),
        (changed(plan, 2, before=update.before), "plan/ops/2/before"),
        (changed(plan, 2, after=()), "plan/ops/2/after"),
        (changed(plan, 2, after=edited), "plan/ops/2/after"),
        (changed(plan, 2, after=create.after * 2), "plan/ops/2/after"),
        (changed(plan, 2, desired=moved), "plan/ops/2/desired/job/name"),
        (changed(plan, 2, desired=nowhere), "plan/ops/2/desired/hashes"),
        (changed(plan, 2, kind=OpKind.UPDATE), "plan/ops/2/before"),
        (changed(plan, 3, before=delete.before), "plan/ops/3/before"),
        (replace(plan, app=""), "plan/app"),
    ]:
        with pytest.raises(RpcError) as caught:
            subject.apply(bad)
        assert (caught.value.code, caught.value.details.path) == (Code.INVALID_ARGUMENT, path)
        assert subject.file.read_bytes() == before
    assert skip.kind is OpKind.SKIP


def test_the_location_of_entries_in_a_plan_does_not_matter(subject: Subject, job: MakeJob) -> None:
    subject.converge(job("a"))
    plan = subject.plan(job("a", salt="b"))
    entry = replace(plan.ops[0].before[0], location="line 99")
    assert subject.apply(changed(plan, 0, before=(entry,)))[-1].counts == model.Counts(updated=1)


def test_ops_may_be_left_out_or_stand_in_another_order(subject: Subject, job: MakeJob) -> None:
    subject.converge(job("d"))
    plan = subject.plan(job("a"), job("b"))
    assert [op.job for op in plan.ops] == ["d", "a", "b"]
    events = subject.apply(replace(plan, ops=(plan.ops[2], plan.ops[0])))
    assert [e.job for e in events if e.kind is model.ApplyEventKind.DONE] == ["b", "d"]
    assert [job for _, job, *_ in subject.there()] == ["b"]


def test_a_plan_without_ops_finishes_at_once(subject: Subject) -> None:
    assert [event.kind.value for event in subject.apply(subject.plan())] == ["finished"]


def test_prune_removes_what_is_not_kept_and_a_dry_run_only_tells(
    subject: Subject, job: MakeJob
) -> None:
    subject.converge(job("a"), job("b", "0 1 * * *", "0 2 * * *"))
    subject.converge(job("b"), app="other")
    before = subject.file.read_bytes()
    told = subject.prune("a", dry_run=True)
    assert [(entry.job, entry.index) for entry in told.removed] == [("b", 0), ("b", 1)]
    assert subject.file.read_bytes() == before
    assert subject.prune("a") == told
    assert [entry[:2] for entry in subject.there()] == [("other", "b"), ("shop", "a")]


def test_prune_of_nothing_does_not_touch_the_file(subject: Subject, job: MakeJob) -> None:
    subject.converge(job("a"))
    before = subject.file.stat()
    assert subject.prune("a").removed == ()
    after = subject.file.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_read_sorts_by_app_job_and_index(subject: Subject, job: MakeJob) -> None:
    subject.converge(job("b"), job("a", *(f"{n} 1 * * *" for n in range(12))))
    subject.converge(job("c"), app="first")
    assert [entry[:3] for entry in subject.there()] == [
        ("first", "c", 0),
        *(("shop", "a", n) for n in range(12)),
        ("shop", "b", 0),
    ]
    assert [entry.job for entry in subject.read("first").entries] == ["c"]
    assert subject.read("none").entries == ()
