"""The crontab backend whole, on real files: cronix's format, the samples, adoption."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from transportlab import __version__, model
from transportlab.backends.crontab import PLUGIN
from transportlab.context import Context
from transportlab.errors import Code, RpcError
from transportlab.model import AdoptOutcome, DesiredJob, Difference, Job
from transportlab.registry import load_backend

MakeJob = Callable[..., DesiredJob]
Subject = Any

RECONCILE = DesiredJob(Job("reconcile", ("*/15 * * * *",)), ("21c1b02a51242d12",))


def test_the_registry_finds_it() -> None:
    assert load_backend("crontab") is PLUGIN
    assert (PLUGIN.name, PLUGIN.version) == ("crontab", __version__)
    assert [(key.name, key.required) for key in PLUGIN.config] == [
        ("path", True),
        ("trigger_bin", False),
        ("format", False),
        ("user", False),
        ("timezone", False),
    ]


def test_lines_are_cronixs_own_format(subject: Subject) -> None:
    subject.converge(RECONCILE, app="billing-service")
    assert subject.file.read_bytes() == (
        b"*/15 * * * * /usr/local/bin/cronix trigger billing-service.reconcile\n"
        b"# cronix:owned app=billing-service job=reconcile hash=21c1b02a51242d12 idx=0\n"
    )
    assert subject.read().entries == (
        model.Entry(
            "billing-service",
            "reconcile",
            0,
            "21c1b02a51242d12",
            "*/15 * * * *",
            "/usr/local/bin/cronix trigger billing-service.reconcile",
            "line 1",
        ),
    )


def test_the_trigger_binary_can_be_another(tmp_path: Path, job: MakeJob) -> None:
    path = tmp_path / "tab"
    operations = PLUGIN.create({"path": str(path), "trigger_bin": "/opt/ä/cronix"})
    plan = operations.plan(model.PlanRequest("shop", (job("a"),)), Context())
    assert plan.ops[0].after[0].command == "/opt/ä/cronix trigger shop.a"
    list(operations.apply(model.ApplyRequest(plan), Context()))
    assert path.read_text().startswith("0 1 * * * /opt/ä/cronix trigger shop.a\n")
    again = operations.plan(model.PlanRequest("shop", (job("a"),)), Context())
    assert [op.kind.value for op in again.ops] == ["skip"]
    plain = PLUGIN.create({"path": str(path)})
    plan = plain.plan(model.PlanRequest("shop", (job("a"),)), Context())
    assert [op.kind.value for op in plan.ops] == ["update"]


@pytest.mark.parametrize(
    "binary", ["", "a b", "a\tb", "a%b", "a\n* * * * * sh", "a\u00a0b", "\ud800"]
)
def test_a_trigger_binary_that_is_not_one_word_is_refused(tmp_path: Path, binary: str) -> None:
    with pytest.raises(RpcError) as caught:
        PLUGIN.create({"path": str(tmp_path / "tab"), "trigger_bin": binary})
    assert (caught.value.code, caught.value.details.path) == (
        Code.INVALID_ARGUMENT,
        "config/trigger_bin",
    )


def test_a_missing_file_is_empty_and_made_by_the_first_write(
    subject: Subject, job: MakeJob
) -> None:
    assert subject.read() == model.ReadReply()
    assert subject.drift(job("a")) == [("missing", "a", 0)]
    assert not subject.file.exists()
    subject.converge(job("a"))
    assert subject.file.stat().st_mode & 0o7777 == 0o600
    assert sorted(os.listdir(subject.file.parent)) == [
        subject.file.name,
        f"{subject.file.name}.cronix.lock",
    ]


def test_malformed_markers_are_reported_each_with_its_line(subject: Subject) -> None:
    subject.sample("malformed-markers")
    reply = subject.read("another-app")
    assert reply.entries == ()
    assert [e.hash for e in subject.read("billing").entries] == ["21C1B02A51242D12"]  # opaque
    assert [m.location for m in reply.malformed] == [f"line {n}" for n in (4, 6, 8, 9, 11, 12)]


def test_a_file_of_many_kinds(subject: Subject) -> None:
    subject.sample("mixed")
    reply = subject.read()
    assert [(e.app, e.job, e.location) for e in reply.entries] == [
        ("billing", "reconcile", "line 3"),
        ("shop", "orders", "line 10"),
    ]
    assert [m.location for m in reply.malformed] == ["line 7", "line 9"]
    assert subject.verify(app="billing") == [
        ("foreign", "adopt-me", 0),
        ("abandoned", "reconcile", 0),
    ]


@pytest.mark.parametrize("name", ["empty", "personal", "mixed-line-ends", "not-utf8"])
def test_a_foreign_crontab_has_no_entries_and_passes_through(
    subject: Subject, job: MakeJob, name: str
) -> None:
    data = subject.sample(name)
    assert subject.read() == model.ReadReply()
    assert subject.verify(app="billing") == []
    subject.converge(job("a"), job("b", "@daily", "@hourly"))
    subject.converge(job("b", "@daily", salt="c"))
    subject.prune()
    assert subject.file.read_bytes() == data


def test_adopt_puts_markers_below_the_lines_and_changes_none(subject: Subject) -> None:
    data = subject.sample("adoptable")
    invoice = DesiredJob(Job("invoice", ("0 18 * * 5", "0 6 * * 1")), ("aa", "bb"))
    told = subject.adopt(invoice, app="billing", dry_run=True)
    assert subject.file.read_bytes() == data
    done = subject.adopt(invoice, app="billing")
    assert told.outcome is done.outcome is AdoptOutcome.ADOPTED
    assert [(e.index, e.hash, e.location) for e in done.entries] == [
        (0, "aa", "line 5"),
        (1, "bb", "line 3"),
    ]
    made = subject.file.read_bytes().splitlines(keepends=True)
    assert made[3:6:2] == [
        b"# cronix:owned app=billing job=invoice hash=bb idx=1\n",
        b"# cronix:owned app=billing job=invoice hash=aa idx=0\n",
    ]
    assert b"".join(line for line in made if b"cronix:owned" not in line) == data
    assert [item for item in subject.drift(invoice, app="billing") if item[1] == "invoice"] == []
    again = subject.adopt(invoice, app="billing")
    assert (again.outcome, again.entries) == (AdoptOutcome.ALREADY_MANAGED, done.entries)


def test_adopt_that_diverges_touches_nothing(subject: Subject) -> None:
    data = subject.sample("adoptable")
    poll = DesiredJob(Job("poll", ("@daily",)), ("aa",))
    reply = subject.adopt(poll, app="billing")
    assert reply == model.AdoptReply(
        AdoptOutcome.DIVERGED, (Difference(0, "0 0 * * *", "@hourly", "line 8"),)
    )
    assert subject.adopt(RECONCILE, app="shop").outcome is AdoptOutcome.NOT_FOUND
    assert subject.file.read_bytes() == data


@pytest.mark.slow
def test_as_many_jobs_and_schedules_as_a_manifest_has_are_applied(
    subject: Subject, job: MakeJob
) -> None:
    schedules = [f"{n} 1 * * *" for n in range(60)] + [f"{n} 2 * * *" for n in range(4)]
    jobs = [job(f"j{n}", *schedules) for n in range(256)]
    assert subject.converge(*jobs) == model.Counts(created=256)
    assert subject.file.read_bytes().count(b"\n") == 2 * 256 * 64
    assert subject.converge(*jobs) == model.Counts(skipped=256)


def test_the_backend_imports_no_library_that_costs_its_start() -> None:
    code = (
        "import sys\n"
        "before = set(sys.modules)\n"  # coverage, if it runs, has brought some
        "from transportlab.backends.crontab import PLUGIN\n"
        "PLUGIN.create({'path': '/none'})\n"
        "print(sorted({'json', 'dataclasses', 'inspect', 'hashlib', 'logging', 'tempfile'}"
        " & {n for n in set(sys.modules) - before if type(sys.modules[n]).__name__ != '_Later'}))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
