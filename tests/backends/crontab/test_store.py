"""The crontab under failures, edits from outside, and several writers at once."""

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest

from transportlab import model
from transportlab.context import Context
from transportlab.errors import Code, RpcError
from transportlab.model import DesiredJob, Job

MakeJob = Callable[..., DesiredJob]
Subject = Any


def test_a_failure_midway_tells_what_is_done_and_leaves_the_rest_readable(
    subject: Subject, job: MakeJob
) -> None:
    stream = subject.operations.apply(
        model.ApplyRequest(subject.plan(job("a"), job("b"), job("c"))), Context()
    )
    next(stream)
    next(stream)
    data = subject.file.read_bytes()
    subject.file.unlink()
    subject.file.mkdir()
    next(stream)
    with pytest.raises(RpcError) as caught:
        next(stream)
    assert (caught.value.code, caught.value.details.reason) == (
        Code.FAILED_PRECONDITION,
        "NOT_A_FILE",
    )
    details = caught.value.details
    assert (details.applied, details.failed, details.unattempted) == (("a",), ("b",), ("c",))
    assert details.path == str(subject.file)
    subject.file.rmdir()
    subject.file.write_bytes(data)
    assert subject.converge(job("a"), job("b"), job("c")) == model.Counts(created=2, skipped=1)


def test_an_edit_that_would_give_an_orphan_marker_a_line_is_refused(
    subject: Subject, job: MakeJob
) -> None:
    marker = "# cronix:owned app=shop job=a hash=a0 idx={}\n"
    line = "0 1 * * * /usr/local/bin/cronix trigger shop.a\n"
    subject.file.write_text(line + line + marker.format(0) + marker.format(1))
    before = subject.file.read_bytes()
    told = []
    for dry_run in (True, False):
        with pytest.raises(RpcError) as caught:
            subject.prune(dry_run=dry_run)
        told.append((caught.value.code, caught.value.message, caught.value.details))
    assert told[0] == told[1]
    assert (told[0][0], told[0][2].reason) == (Code.FAILED_PRECONDITION, "ORPHAN_MARKER")
    plan = subject.plan(job("b"))
    assert [(each.reason, each.location) for each in plan.warnings] == [
        ("NOT_MANAGED", "line 1"),
        ("ORPHAN_MARKER", str(subject.file)),
    ]
    with pytest.raises(RpcError) as caught:
        subject.apply(plan)
    assert caught.value.details.reason == "ORPHAN_MARKER"
    assert subject.file.read_bytes() == before


def test_a_plan_warns_of_an_update_that_apply_would_refuse(subject: Subject, job: MakeJob) -> None:
    marker = "# cronix:owned app=shop job={} hash=a0 idx=0\n"
    line = "0 1 * * * /usr/local/bin/cronix trigger shop.{}\n"
    pair, orphan = line.format("a") + marker.format("a"), marker.format("c")
    subject.file.write_text(line.format("c") + pair + orphan + "CRON_TZ=Asia/Tokyo\n")
    before = subject.file.read_bytes()
    there, away = job("a", "0 2 * * *"), DesiredJob(Job("a", ("0 2 * * *",), "Asia/Tokyo"), ("a1",))
    assert "ORPHAN_MARKER" not in [each.reason for each in subject.plan(there).warnings]
    plan = subject.plan(away)  # its line goes below CRON_TZ, and the orphan comes to stand below c
    assert [op.kind for op in plan.ops] == ["update"]
    assert "ORPHAN_MARKER" in [each.reason for each in plan.warnings]
    with pytest.raises(RpcError) as caught:
        subject.apply(plan)
    assert caught.value.details.reason == "ORPHAN_MARKER"
    assert subject.file.read_bytes() == before


def test_an_edit_from_outside_between_two_calls_is_seen(subject: Subject, job: MakeJob) -> None:
    subject.converge(job("a"))
    size, data = subject.file.stat().st_size, subject.file.read_bytes()
    subject.file.write_bytes(data.replace(b"0 1 * * *", b"0 2 * * *"))
    assert subject.file.stat().st_size == size
    assert subject.drift(job("a")) == [("modified", "a", 0)]
    assert subject.converge(job("a")) == model.Counts(updated=1)
    assert subject.file.read_bytes() == data


WORKER = """
import sys
from transportlab.backends.crontab import PLUGIN
from transportlab.context import Context
from transportlab.errors import Code, RpcError
from transportlab.model import *

path, app, mine = sys.argv[1:]
operations = PLUGIN.create({"path": path})
print("ready", flush=True)
sys.stdin.readline()
hashes = ("ab",)
for count in range(1, 17):
    while True:
        names = {e.job for e in operations.read(ReadRequest(app), Context()).entries}
        names |= {f"{mine}{n}" for n in range(count)}
        jobs = tuple(DesiredJob(Job(n, ("0 1 * * *",)), hashes) for n in sorted(names))
        try:
            plan = operations.plan(PlanRequest(app, jobs), Context())
            if any(op.kind is OpKind.DELETE for op in plan.ops):
                continue  # somebody's job that came between the Read and the Plan
            list(operations.apply(ApplyRequest(plan), Context()))
            break
        except RpcError as error:
            assert error.code is Code.ABORTED, error
"""


@pytest.mark.parametrize("apps", [("a", "b", "c"), ("a", "a", "a")], ids=["apart", "one-app"])
def test_processes_that_apply_at_once_lose_nothing(subject: Subject, apps: tuple[str, ...]) -> None:
    foreign = subject.sample("personal")
    with ExitStack() as stack:
        workers = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", WORKER, str(subject.file), app, mine],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                )
            )
            for app, mine in zip(apps, "xyz", strict=True)
        ]
        assert [worker.stdout and worker.stdout.readline() for worker in workers] == [
            b"ready\n"
        ] * 3
        for worker in workers:
            assert worker.stdin
            worker.stdin.write(b"go\n")
            worker.stdin.close()
        assert [worker.wait(100) for worker in workers] == [0, 0, 0]
    there = {(entry[0], entry[1]) for entry in subject.there()}
    assert there == {
        (app, f"{mine}{n}") for app, mine in zip(apps, "xyz", strict=True) for n in range(16)
    }
    assert len(subject.there()) == len(there)
    assert subject.file.read_bytes().startswith(foreign)
    assert sorted(os.listdir(subject.file.parent)) == [
        subject.file.name,
        f"{subject.file.name}.cronix.lock",
    ]
