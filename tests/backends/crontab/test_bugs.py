"""Bugs that have been seen in crontab backends, and must not be in this one."""

from collections.abc import Callable
from typing import Any

import pytest

from transportlab import model
from transportlab.errors import Code, RpcError
from transportlab.model import DesiredJob, Job

MakeJob = Callable[..., DesiredJob]
Subject = Any

RECONCILE = DesiredJob(Job("reconcile", ("*/15 * * * *",)), ("21c1b02a51242d12",))


def test_an_orphan_marker_is_reported_and_the_foreign_line_above_never_removed(
    subject: Subject, job: MakeJob
) -> None:
    data = subject.sample("orphan-marker")
    (orphan,) = subject.read().malformed
    assert orphan.location == "line 2"
    assert orphan.text.startswith("# cronix:owned app=billing job=reconcile")
    assert "billing.reconcile" in orphan.reason
    assert subject.prune(app="billing").removed == ()
    subject.converge(job("reconcile"), app="billing")
    subject.converge(app="billing")
    assert subject.file.read_bytes() == data


def test_a_hand_edited_line_under_an_intact_marker_is_no_skip(subject: Subject) -> None:
    subject.sample("hand-edited")
    jobs = [
        DesiredJob(Job("first", ("*/15 * * * *",)), ("aa",)),
        DesiredJob(Job("second", ("0 6 * * *",)), ("bb",)),
        DesiredJob(Job("third", ("0 3 * * *",)), ("cc",)),
        DesiredJob(Job("fourth", ("0 4 * * *",)), ("dd",)),
    ]
    plan = subject.plan(*jobs, app="billing")
    assert [(op.kind.value, op.job) for op in plan.ops] == [
        ("update", "first"),
        ("update", "fourth"),
        ("update", "second"),
        ("update", "third"),
    ]
    assert plan.ops[0].before[0].schedule == "# */15 * * * *"
    assert subject.drift(*jobs, app="billing") == [
        ("modified", "first", 0),
        ("modified", "fourth", 0),
        ("modified", "second", 0),
        ("orphan", "third", 0),
    ]
    assert subject.verify(*jobs, app="billing") == [
        ("tampered", "first", 0),
        ("tampered", "fourth", 0),
        ("tampered", "second", 0),
        ("owned", "third", 0),
        ("duplicate", "third", 0),
    ]
    subject.apply(plan)
    assert subject.drift(*jobs, app="billing") == []
    assert subject.file.read_text().splitlines()[0].startswith("# the first was commented out")


def test_a_schedule_that_cannot_be_expressed_is_refused_at_plan_with_its_path(
    subject: Subject, job: MakeJob
) -> None:
    jobs = (job("a"), job("b", "0 1 * * *", "@every 7m"))
    calls: list[tuple[Callable[..., object], str]] = [
        (lambda: subject.plan(*jobs), "jobs/1/job/schedules/1"),
        (lambda: subject.drift(*jobs), "jobs/1/job/schedules/1"),
        (lambda: subject.verify(*jobs), "jobs/1/job/schedules/1"),
        (lambda: subject.adopt(jobs[1]), "job/job/schedules/1"),
    ]
    for call, path in calls:
        with pytest.raises(RpcError) as caught:
            call()
        assert (caught.value.code, caught.value.details.path) == (Code.INVALID_ARGUMENT, path)
        assert caught.value.details.reason == "SCHEDULE_NOT_EXPRESSIBLE"
        assert caught.value.details.got == "@every 7m"
        assert "divides 60" in caught.value.details.expected
    assert not subject.file.exists()


@pytest.mark.parametrize("mode", [0o644, 0o600])
def test_line_ends_of_others_and_the_mode_stay(subject: Subject, job: MakeJob, mode: int) -> None:
    data = subject.sample("crlf")
    subject.file.chmod(mode)
    subject.converge(job("a"))
    made = subject.file.read_bytes()
    assert made.startswith(data)
    assert made.removeprefix(data).count(b"\r") == 0  # cron would hand it to the command
    subject.converge()
    assert subject.file.read_bytes() == data
    assert subject.file.stat().st_mode & 0o7777 == mode


def test_an_owned_line_that_got_a_cr_is_tampered_with_and_repaired(subject: Subject) -> None:
    data = subject.sample("crlf-owned")
    assert subject.verify(RECONCILE, app="billing") == [("tampered", "reconcile", 0)]
    assert subject.drift(RECONCILE, app="billing") == [("modified", "reconcile", 0)]
    assert subject.converge(RECONCILE, app="billing") == model.Counts(updated=1)
    assert subject.verify(RECONCILE, app="billing") == [("owned", "reconcile", 0)]
    assert subject.file.read_bytes().count(b"\r") == 2
    subject.converge(app="billing")
    first, _, _, last = data.splitlines(keepends=True)
    assert subject.file.read_bytes() == first + last


def test_a_huge_index_is_malformed_and_costs_nothing(subject: Subject) -> None:
    subject.sample("huge-index")
    reply = subject.read()
    assert reply.entries == ()
    assert [(m.location, m.reason.partition(":")[0]) for m in reply.malformed] == [
        ("line 2", "idx out of range"),
        ("line 4", "idx out of range"),
    ]
