"""Sequences pass on what is right, and find each fault that is put in, as a few steps."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.conformance.random.faults import FAULTS, QUICK, faulty
from transportlab.conformance.random import arms, machine
from transportlab.conformance.random.search import Finding, Search, run_random
from transportlab.conformance.random.steps import AnyStep
from transportlab.conformance.result import Report, Status
from transportlab.conformance.subject import Subject
from transportlab.registry import transport_names

SEQUENCES = 50
PATIENCE = 60.0
MOST_STEPS = 6
"""Of a sequence that is shrunk: three plans that are applied."""

ECHO = Subject("echo", {"log": "none"}, frozenset({"fresh-store"}))


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """How busy the machine is does not decide how short a sequence becomes."""
    monkeypatch.setattr(machine, "SHRINK_SECONDS", 3600.0)


def own(path: Path) -> Subject:
    return Subject(str(path), {}, frozenset({"fresh-store"}), faulty="", reference=False)


def look(
    subject: Subject, *transports: str, steps: tuple[AnyStep, ...] | None = None, seed: int = 0
) -> tuple[Report, list[Finding]]:
    search = Search(sequences=SEQUENCES, seed=seed, seconds=PATIENCE, steps=steps)
    return run_random(transports, subject, search)


def problems(findings: Sequence[Finding]) -> list[tuple[object, ...]]:
    return [(f.arm.name, f.failure(), f.steps) for f in findings]


@pytest.mark.long
@pytest.mark.parametrize(
    "subject",
    [
        pytest.param(Subject(), id="crontab"),
        pytest.param(ECHO, id="echo", marks=pytest.mark.long),
    ],
)
def test_all_transports_answer_as_the_model_says(subject: Subject) -> None:
    report, findings = look(subject)
    assert problems(findings) == []
    assert {arm.transport for arm in report.arms} == set(transport_names())
    assert {o.status for arm in report.arms for o in arm.outcomes} <= {Status.PASS, Status.NOT_RUN}
    assert report.ok


@pytest.mark.parametrize(
    "fault", [pytest.param(f, marks=[] if f in QUICK else [pytest.mark.long]) for f in FAULTS]
)
def test_a_fault_is_found_and_shrunk(fault: str, tmp_path: Path) -> None:
    report, [finding] = look(own(faulty(tmp_path, fault)), "jsonrpc")
    assert not report.ok
    assert finding.again
    assert 0 < finding.number == len(finding.steps) <= MOST_STEPS, finding.steps
    assert finding.calls
    right = look(own(faulty(tmp_path, "")), "jsonrpc", steps=tuple(finding.steps))
    assert problems(right[1]) == []
    assert right[0].ok


def test_a_plugin_is_not_asked_for_what_it_lacks(tmp_path: Path) -> None:
    plugin = faulty(tmp_path, "dies")
    code = plugin.read_text()
    assert '"adopt", ' in code
    plugin.write_text(code.replace('"adopt", ', "", 1))
    report, findings = look(own(plugin), "jsonrpc")
    assert problems(findings) == []
    assert report.ok


@pytest.mark.long
def test_a_sequence_finds_its_fault_again(tmp_path: Path) -> None:
    plugin = own(faulty(tmp_path, "dry-run-prunes"))
    _, [found, _] = look(plugin, "http")
    _, again = look(plugin, "http", steps=tuple(found.steps))
    assert {finding.arm.name for finding in again} == {"http-json", "http-protobuf"}
    assert {finding.number for finding in again} == {len(found.steps)}


@pytest.mark.long
def test_a_call_that_does_not_come_back_ends_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arms, "SPARE_SECONDS", 0.1)
    subject = Subject("echo", {"faults": "Drift=block:30"}, frozenset({"fresh-store"}))
    search = Search(sequences=SEQUENCES, seconds=2)
    report, [finding] = run_random(["direct"], subject, search)
    assert not report.ok
    assert "Drift: no end within 2.1 s" in finding.trouble.problem


def test_a_plugin_that_opens_no_session_fails(tmp_path: Path) -> None:
    path = tmp_path / "cronix-backend-odd"
    path.write_text("#!/bin/sh\nexit 3\n")
    path.chmod(0o755)
    report, findings = look(own(path), "jsonrpc", "direct", "ffi")
    assert findings == []
    assert {arm.transport: arm.outcomes[0].status for arm in report.arms} == {
        "jsonrpc": Status.FAIL,
        "direct": Status.UNSUPPORTED,
        "ffi": Status.UNSUPPORTED,
    }
