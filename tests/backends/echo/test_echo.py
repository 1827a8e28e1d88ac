"""The echo backend: its log, its state file, and that entries of a file can be adopted."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from transportlab import __version__, model
from transportlab.backends.echo import PLUGIN
from transportlab.backends.echo.faults import parse_fault
from transportlab.backends.echo.state import parse, render
from transportlab.context import Context
from transportlab.errors import Code, RpcError
from transportlab.log import Log
from transportlab.methods import METHODS
from transportlab.model import AdoptOutcome, DesiredJob, Entry
from transportlab.registry import load_backend

MakeJob = Callable[..., DesiredJob]
Subject = Any


def test_the_registry_finds_it() -> None:
    assert load_backend("echo") is PLUGIN
    assert (PLUGIN.name, PLUGIN.version) == ("echo", __version__)


def test_an_entry_has_the_schedule_as_it_is_and_an_echo_for_command(job: MakeJob) -> None:
    plan = PLUGIN.create({}).plan(model.PlanRequest("shop", (job("a", "@every 7s"),)), Context())
    assert plan.ops[0].after == (Entry("shop", "a", 0, "a0", "@every 7s", "echo shop.a"),)


def test_without_a_state_file_entries_live_as_long_as_the_backend(job: MakeJob) -> None:
    operations = PLUGIN.create({})
    plan = operations.plan(model.PlanRequest("shop", (job("a"),)), Context())
    list(operations.apply(model.ApplyRequest(plan), Context()))
    assert len(operations.read(model.ReadRequest(), Context()).entries) == 1
    assert PLUGIN.create({}).read(model.ReadRequest(), Context()).entries == ()


def test_a_state_file_carries_entries_over(echo_subject: Subject, job: MakeJob) -> None:
    echo_subject.converge(job("a"), job("b"))
    again = echo_subject.make()
    assert [e.job for e in again.read(model.ReadRequest(), Context()).entries] == ["a", "b"]


def test_the_state_file_is_json_with_an_entry_a_line(echo_subject: Subject, job: MakeJob) -> None:
    echo_subject.converge(job("a"))
    state = json.loads(echo_subject.file.read_text())
    assert state == {
        "version": 1,
        "entries": [
            {
                "app": "shop",
                "job": "a",
                "index": 0,
                "hash": "a0",
                "schedule": "0 1 * * *",
                "command": "echo shop.a",
            }
        ],
    }


def test_states_survive_being_written_and_read() -> None:
    entries = (
        Entry("a", "b", 0, "00", 'é " \u2028', "x"),
        Entry("a", "b", 63, "", "s", "echo a.b"),
    )
    assert parse(render(entries)) == entries
    assert parse(render(())) == ()


ENTRY = {"app": "a", "job": "b", "index": 0, "hash": "", "schedule": "s", "command": "c"}


def state(**members: object) -> str:
    return json.dumps({"version": 1, "entries": [{**ENTRY, **members}]})


BAD_STATES = [
    ("", "not valid JSON"),
    ("{", "not valid JSON"),
    ("\xff", "not valid JSON"),
    ("[" * 100_000, "not valid JSON"),
    ("[]", "not an object"),
    ('{"entries": []}', "not an object"),
    ('{"version": 2, "entries": []}', "unknown version 2"),
    ('{"version": true, "entries": []}', "unknown version true"),
    ('{"version": 1, "entries": {}}', "entries: not an array"),
    ('{"version": 1, "entries": [1]}', "entries/0: not an object"),
    (state(extra=1), "entries/0: not an object"),
    (state(app="A"), "entries/0/app: not a name"),
    (state(job=""), "entries/0/job: not a name"),
    (state(job=1), "entries/0/job: not a text"),
    (state(index=64), "entries/0/index"),
    (state(index=-1), "entries/0/index"),
    (state(index=True), "entries/0/index"),
    (state(hash="xy"), "entries/0/hash"),
    (state(schedule=None), "entries/0/schedule"),
    (state(command="\ud800"), "entries/0/command"),
]


@pytest.mark.parametrize(("text", "problem"), BAD_STATES, ids=range(len(BAD_STATES)))
def test_a_file_that_is_no_state_is_refused_when_the_session_opens(
    tmp_path: Path, text: str, problem: str
) -> None:
    path = tmp_path / "state.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(RpcError) as caught:
        PLUGIN.create({"state": str(path)})
    assert caught.value.code is Code.FAILED_PRECONDITION
    assert problem in caught.value.message
    assert caught.value.details.path == str(path)
    assert caught.value.details.action
    assert path.read_bytes() == text.encode("latin-1")


def test_unmarked_entries_of_the_state_file_can_be_adopted(
    echo_subject: Subject, job: MakeJob
) -> None:
    unmarked = (
        Entry("shop", "a", 0, "", "0 2 * * *", "echo shop.a"),
        Entry("shop", "a", 0, "", "0 1 * * *", "echo shop.a"),
        Entry("shop", "a", 0, "", "0 1 * * *", "something else"),
    )
    echo_subject.file.write_bytes(render(unmarked))
    desired = job("a", "0 1 * * *", "0 2 * * *")
    assert echo_subject.there() == []
    assert echo_subject.verify(desired) == [("foreign", "a", 0), ("foreign", "a", 0)]
    told = echo_subject.adopt(desired, dry_run=True)
    assert echo_subject.there() == []
    done = echo_subject.adopt(desired)
    assert done == told
    assert done.outcome is AdoptOutcome.ADOPTED
    assert [e.hash for e in done.entries] == ["a0", "a1"]
    assert echo_subject.drift(desired) == []
    assert unmarked[2] in parse(echo_subject.file.read_bytes())
    assert echo_subject.adopt(desired).outcome is AdoptOutcome.ALREADY_MANAGED


def test_schedules_are_compared_by_when_they_fire(echo_subject: Subject, job: MakeJob) -> None:
    entry = Entry("shop", "a", 0, "", "0,15,30,45 * * * *", "echo shop.a")
    echo_subject.file.write_bytes(render((entry,)))
    desired = job("a", "*/15 * * * *")
    assert echo_subject.adopt(desired).outcome is AdoptOutcome.ADOPTED
    assert parse(echo_subject.file.read_bytes()) == (replace(entry, hash="a0"),)
    stale = echo_subject.plan()
    echo_subject.prune()
    assert echo_subject.converge(desired) == model.Counts(created=1)
    assert echo_subject.converge(job("a", entry.schedule)) == model.Counts(skipped=1)
    assert echo_subject.drift(job("a", entry.schedule)) == []
    assert echo_subject.verify(job("a", entry.schedule)) == [("owned", "a", 0)]
    assert [event.kind.value for event in echo_subject.apply(stale)][-1] == "finished"
    assert echo_subject.there() == []


def test_adopt_that_diverges_touches_nothing(echo_subject: Subject, job: MakeJob) -> None:
    echo_subject.file.write_bytes(render((Entry("shop", "a", 0, "", "x", "echo shop.a"),)))
    before = echo_subject.file.read_bytes()
    assert echo_subject.adopt(job("a")).outcome is AdoptOutcome.DIVERGED
    assert echo_subject.file.read_bytes() == before


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_each_rpc_writes_one_log_line(capfd: pytest.CaptureFixture[str], job: MakeJob) -> None:
    operations = PLUGIN.create({})
    requests: Mapping[str, Any] = {
        "Read": model.ReadRequest(),
        "Plan": model.PlanRequest("shop", (job("a"),)),
        "Apply": model.ApplyRequest(
            operations.plan(model.PlanRequest("shop", (job("a"),)), Context())
        ),
        "Drift": model.DriftRequest("shop"),
        "Prune": model.PruneRequest("shop", keep=("a",)),
        "Adopt": model.AdoptRequest("shop", job("a")),
        "VerifyOwnership": model.VerifyOwnershipRequest("shop"),
    }
    capfd.readouterr()
    for name, request in requests.items():
        reply = getattr(operations, METHODS[name].attribute)(request, Context())
        if name == "Apply":
            list(reply)
    assert [
        (line["msg"], line["level"], line["rpc"], line["app"], line["count"], line["outcome"])
        for line in lines(capfd.readouterr().err)
    ] == [
        ("Read", "info", "Read", None, 0, "OK"),
        ("Plan", "info", "Plan", "shop", 1, "OK"),
        ("Apply", "info", "Apply", "shop", 3, "OK"),
        ("Drift", "info", "Drift", "shop", 1, "OK"),
        ("Prune", "info", "Prune", "shop", 0, "OK"),
        ("Adopt", "info", "Adopt", "shop", 1, "OK"),
        ("VerifyOwnership", "info", "VerifyOwnership", "shop", 1, "OK"),
    ]


def test_the_log_tells_how_a_call_failed(capfd: pytest.CaptureFixture[str]) -> None:
    operations = PLUGIN.create({"faults": "Read=error:DATA_LOSS;Plan=panic:x;Apply=events:2"})
    with pytest.raises(RpcError):
        operations.read(model.ReadRequest(), Context())
    with pytest.raises(RuntimeError):
        operations.plan(model.PlanRequest(), Context())
    stream = operations.apply(model.ApplyRequest(), Context())
    next(stream)
    stream.close()  # type: ignore[attr-defined]  # apply gives a generator
    outcomes = [line["outcome"] for line in lines(capfd.readouterr().err)]
    assert outcomes == ["DATA_LOSS", "PANIC", "ABANDONED"]


def test_a_backend_without_state_imports_little() -> None:
    code = (
        "import sys\n"
        "before = set(sys.modules)\n"  # coverage, if it runs, has brought some
        "from transportlab.backends.echo import PLUGIN\n"
        "PLUGIN.create({})\n"
        "print(sorted({'json', 'dataclasses', 'inspect', 'hashlib', 'cronsim', 'logging'}"
        " & {n for n in set(sys.modules) - before if type(sys.modules[n]).__name__ != '_Later'}))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_page_of_faults_has_each_action_with_its_method() -> None:
    page = (Path(__file__).parents[3] / "docs" / "echo-faults.md").read_text()
    rows = dict(re.findall(r"^\| `(\w+)[^`]*` \| (\w+) \|", page, re.M))
    with pytest.raises(RpcError) as caught:
        parse_fault("none", "Read", "app")
    assert sorted(rows) == sorted(caught.value.details.expected.split(", "))


def test_a_silent_backend_logs_no_call(capsys: pytest.CaptureFixture[str]) -> None:
    for log, lines in (("calls", 1), ("none", 0)):
        context = Context(log=Log("echo"))
        PLUGIN.create({"log": log}).read(model.ReadRequest(), context)
        assert len(capsys.readouterr().err.splitlines()) == lines
    with pytest.raises(RpcError, match="neither calls nor none"):
        PLUGIN.create({"log": "all"})
