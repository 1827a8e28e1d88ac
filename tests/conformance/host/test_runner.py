"""Runs of vectors for hosts: each verdict, what stays behind, and what cannot be tried."""

import shlex
import sys
import tempfile
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import msgspec
import pytest

from transportlab.channel import EndpointKind
from transportlab.conformance.host import place, runner
from transportlab.conformance.host.attempt import Attempt
from transportlab.conformance.host.command import OWN, PLACES, parse_template
from transportlab.conformance.host.place import Place
from transportlab.conformance.host.runner import HostOptions, host_transports, run_host
from transportlab.conformance.host.vectors import HostVector, load_host_vectors
from transportlab.conformance.result import Outcome, Status
from transportlab.errors import UsageError
from transportlab.registry import load_transport, transport_names

[PIPE] = transport_names(EndpointKind.STDIO)
VECTORS = {vector.id: vector for vector in load_host_vectors()}
Tried = Callable[..., Outcome]


def vector(**members: Any) -> HostVector:
    usual = {"id": "a-vector", "clauses": ["P-STOP-1"], "level": 1, "why": "w", "cause": "c"}
    return msgspec.convert({**usual, **members, "group": "stop"}, HostVector)


@pytest.fixture
def tried(tmp_path: Path) -> Tried:
    """tried(code, ...) is the outcome of a vector with a host of that Python code."""

    def outcome(code: str, **members: Any) -> Outcome:
        host = tmp_path / "host.py"
        host.write_text(f"import os, signal, subprocess, sys, time\n{code}\n")
        command = f"{shlex.join([sys.executable, '-IS', str(host)])} {{verb}} {PLACES}"
        return Attempt(vector(**members), parse_template(command), PIPE).outcome()

    return outcome


def problem(outcome: Outcome) -> str:
    assert outcome.status is Status.FAIL
    assert outcome.failure is not None
    return outcome.failure.problem


START = """
path = os.environ["CRONIX_PLUGIN_DIR"] + "/cronix-backend-scripted"
env = {"HOME": os.environ["HOME"], "CRONIX_PLUGIN_TRANSPORT": sys.argv[-1]}
child = subprocess.Popen([path], stdin=-1, stdout=-1, env=env)
child.stdout.readline()
"""


def test_a_host_that_does_as_expected_passes(tried: Tried) -> None:
    found = tried("print('alpha')", expect={"says": ["alpha"], "record": {"ran": []}})
    assert (found.status, found.failure) == (Status.PASS, None)


def test_the_end_must_be_the_expected_one(tried: Tried) -> None:
    assert "expected exit status 0, got 3" in problem(tried("print('a'); sys.exit(3)"))
    bad = {"ends": "badly"}
    assert "expected another exit status than 0, got 0" in problem(tried("", expect=bad))
    assert tried("sys.exit(3)", expect=bad).status is Status.PASS
    kill = "os.kill(os.getpid(), signal.SIGKILL)"
    assert "by signal 9, which nobody sent" in problem(tried(kill, expect=bad))


def test_a_host_that_does_not_end_is_ended(tried: Tried) -> None:
    before = set(Path(tempfile.gettempdir()).glob(f"{place.PREFIX}*"))
    found = problem(tried(START + "time.sleep(60)", expect={"within": 1}))
    assert "no end within 1 s; the plugin recorded ['started'" in found
    assert set(Path(tempfile.gettempdir()).glob(f"{place.PREFIX}*")) <= before


def test_what_it_prints_is_looked_at(tried: Tried) -> None:
    said = problem(tried("print('one')", expect={"says": ["two"]}))
    assert said == "it does not print two; it printed 'one\\n'"
    assert "it prints 'one'" in problem(tried("print('one')", expect={"hides": ["o.e"]}))


def test_what_the_plugin_saw_is_looked_at(tried: Tried) -> None:
    ends = "child.stdin.close(); child.wait()"
    pattern = {"ran": ["own/cronix-backend-scripted"], "course": {"$ends": ["stdin-end"]}}
    assert tried(START + ends, expect={"record": pattern}).status is Status.PASS
    said = problem(tried(START + ends, expect={"record": {"start": {"leader": True}}}))
    assert "start/leader: expected True, got False" in said


def test_a_process_that_stays_behind_is_found_and_ended(
    tried: Tried, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transportlab.conformance.host.attempt.BEHIND_SECONDS", 0.2)
    deaf: dict[str, Any] = {"stdin-end": []}
    found = tried(START, script=deaf)
    assert "still runs" in problem(found)
    assert found.failure is not None
    assert found.failure.doing == "look at what it left behind"


def test_a_signal_is_sent_when_the_record_says_so(tried: Tried) -> None:
    act = {"do": "signal", "when": {"did": "line"}, "signal": "SIGTERM"}
    ends = {"ends": "killed"}
    found = tried(START + "time.sleep(60)", meanwhile=[act], expect=ends)
    assert found.status is Status.PASS
    said = problem(tried("", meanwhile=[act], expect=ends))
    assert "it ended before the plugin recorded {'did': 'line'}" in said


def test_what_cannot_be_tried_is_not_a_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "compiler", lambda: "")
    other = next(name for name in host_transports() if name != PIPE)
    cases = [
        (vector(transports=[other]), Status.UNSUPPORTED, f"is about {other}"),
        (vector(command={"timeout": 3}), Status.UNSUPPORTED, "has no place for {timeout}"),
        (vector(needs=["compiler"]), Status.NOT_RUN, "needs a C compiler"),
        (vector(script={"line": [{"$char": "x"}]}), Status.HARNESS_ERROR, "$char"),
    ]
    command = "true {verb} {manifest} {backend} {transport}"
    report = run_host(parse_template(command), [each for each, _, _ in cases], [PIPE])
    for outcome, (_, status, reason) in zip(report.arms[0].outcomes, cases, strict=True):
        assert (outcome.status, reason in outcome.reason) == (status, True), outcome.reason
    assert not report.ok


def test_without_its_libraries_a_transport_is_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "not_installed", lambda *_: "not installed: x")
    report = run_host(parse_template(OWN), [vector()], [PIPE])
    assert report.arms[0].outcomes[0].reason == "not installed: x"
    assert not report.ok


def test_a_transport_without_a_scripted_plugin_is_refused() -> None:
    library = transport_names(EndpointKind.LIBRARY)[0]
    with pytest.raises(UsageError, match="no scripted plugin for"):
        run_host(parse_template(OWN), [vector()], [library])
    assert set(host_transports()) == {
        name for name in transport_names() if load_transport(name).traits.isolated
    }


def test_a_command_that_is_not_there_fails_and_results_come_in_order() -> None:
    template = parse_template("/nowhere/x {verb} {manifest} {backend} {transport}")
    seen: list[str] = []
    options = HostOptions(2, on_result=lambda _, outcome: seen.append(outcome.vector.id))
    vectors = [vector(id=f"v-{number}") for number in range(4)]
    report = run_host(template, vectors, [PIPE], options)
    assert "cannot be run" in problem(report.arms[0].outcomes[0])
    assert seen == [each.id for each in vectors]


def test_a_host_that_starts_nothing_proves_nothing() -> None:
    template = parse_template("false {verb} {manifest} {backend} {transport}")
    report = run_host(template, [vector(expect={"ends": "badly"})], [PIPE])
    said = problem(report.arms[0].outcomes[0])
    assert said == (
        "no plugin started, but the host does not read from a good one:"
        " expected exit status 0, got 1; it printed ''"
    )
    assert not report.ok


def test_all_that_a_vector_can_place_is_there() -> None:
    files = [
        {"is": "plugin", "at": "own/one", "padding": 1, "mode": "711"},
        {"is": "text", "at": "else/two", "text": "in {folder}", "mode": "640"},
        {"is": "link", "at": "else/three", "to": "{folder}/own/one"},
        {"is": "directory", "at": "else/four", "mode": "500"},
        {"is": "owner", "at": "own/one"},
    ]
    with Place(vector(files=files, environment={"HOME": None, "A": "{folder}"})) as here:
        here.arrange()
        assert here.at("own/one").stat().st_mode & 0o777 == 0o711
        assert here.at("own/one").stat().st_size > 1 << 20
        assert here.at("else/two").read_text() == f"in {here.folder}"
        assert here.at("else/three").resolve() == here.at("own/one")
        assert here.at("else/four").stat().st_mode & 0o777 == 0o500
        assert here.environment()["A"] == str(here.folder)
        assert "HOME" not in here.environment()
    assert not here.folder.exists()


QUICK = (
    "the-first-directory-wins",
    "a-pin-of-another-name-is-no-pin",
    "config-is-in-open-session",
    "another-path-is-refused",
    "each-line-carries-the-plugins-name",
)


def test_the_labs_own_host_passes_some() -> None:
    report = run_host(
        parse_template(OWN), [VECTORS[name] for name in QUICK], [PIPE], HostOptions(jobs=2)
    )
    assert [(o.vector.id, o.failure) for o in report.arms[0].bad()] == []
    assert report.ok


SOCKETS = [name for name in host_transports() if name != PIPE]
ON_THE_WIRE = {"secret", "calls", "streams", "crash", "deadline and cancellation"}
"""The groups of vectors in which a socket may differ from a pipe."""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("transport", "groups"),
    [
        (PIPE, HostVector.GROUPS),
        *((name, ON_THE_WIRE) for name in SOCKETS),
        *(pytest.param(name, HostVector.GROUPS, marks=pytest.mark.long) for name in SOCKETS),
    ],
)
def test_the_labs_own_host_passes_all(transport: str, groups: Collection[str]) -> None:
    vectors = [vector for vector in VECTORS.values() if vector.group in groups]
    report = run_host(parse_template(OWN), vectors, [transport], HostOptions(jobs=3))
    assert [(o.vector.id, o.failure, o.reason) for o in report.arms[0].bad()] == []
    assert report.ok
