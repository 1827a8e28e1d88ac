"""The oracle's blame, the ladder, the files and the command line."""

import json
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from transportlab.cli import app
from transportlab.conformance import report as text
from transportlab.conformance.report import clean, write_junit
from transportlab.conformance.result import (
    ArmResult,
    Failure,
    Outcome,
    Report,
    Status,
    ladder,
)
from transportlab.conformance.runner import disagreements
from transportlab.conformance.vectors import Vector

Make = Callable[..., Vector]
READ = {"do": "call", "method": "Read", "request": {"app": "web"}}


def outcome(vector: Vector, status: Status, *transcript: object, reason: str = "") -> Outcome:
    failure = (
        Failure(1, "do", "expected \x00\u2028\ud800 1, got 2") if status is Status.FAIL else None
    )
    return Outcome(vector, status, reason, failure, transcript, 0.25)


@pytest.fixture
def report(make: Make) -> Report:
    """Two arms: the second differs on `differs`, and fails alone on `binding`."""
    names = ("same", "differs", "binding", "backend", "unsupported", "error", "not-run")
    vectors = [make(READ, id=name, level=number % 5) for number, name in enumerate(names)]
    ends = {
        "direct": [Status.PASS, Status.PASS, Status.PASS, Status.FAIL],
        "http": [Status.PASS, Status.PASS, Status.FAIL, Status.FAIL],
    }
    rest = [Status.UNSUPPORTED, Status.HARNESS_ERROR, Status.NOT_RUN]
    arms = []
    for name, statuses in ends.items():
        found = [
            outcome(v, status, {"reply": v.id, "by": name if v.id == "differs" else ""}, reason="r")
            for v, status in zip(vectors, statuses + rest, strict=True)
        ]
        arms.append(ArmResult(name, "json", name != "direct", found))
    return Report(tuple(vectors), tuple(arms), disagreements(arms))


def test_an_arm_that_differs_is_a_disagreement_of_its_binding(report: Report) -> None:
    [found] = report.disagreements
    assert (found.transport, found.vector.id) == ("http", "differs")
    assert found.problem.startswith("reply 1: expected exactly")
    assert not report.ok


def test_a_failure_is_blamed_on_the_binding_or_on_the_backend(report: Report) -> None:
    blame = {
        (arm.transport, o.vector.id): o.failure.blame
        for arm in report.arms
        for o in arm.outcomes
        if o.failure is not None
    }
    assert blame == {
        ("direct", "backend"): "backend",
        ("http", "backend"): "backend",
        ("http", "binding"): "binding",
    }


def test_more_replies_are_a_disagreement_too(make: Make) -> None:
    vector = make(READ)
    arms = [
        ArmResult("a", "none", False, [outcome(vector, Status.PASS, 1)]),
        ArmResult("b", "json", True, [outcome(vector, Status.PASS, 1, 2)]),
    ]
    assert disagreements(arms)[0].problem == "1 replies without a wire, 2 here"


def test_without_an_arm_that_has_no_wire_nobody_is_blamed(make: Make) -> None:
    arm = ArmResult("a", "json", True, [outcome(make(READ), Status.FAIL)])
    assert disagreements([arm]) == ()
    assert arm.outcomes[0].failure
    assert arm.outcomes[0].failure.blame == ""


def test_totals_hold_all_five_statuses(report: Report) -> None:
    totals = {"pass": 2, "fail": 2, "unsupported": 1, "not run": 1, "harness error": 1}
    assert report.arms[1].totals() == totals
    assert report.evidence()["vectors"] == 7
    assert report.evidence()["results"][1] == {
        "transport": "http",
        "codec": "json",
        "totals": totals,
        "failures": ["binding", "backend", "error", "differential/differs"],
    }


def test_the_ladder_ends_below_the_first_bad_vector(report: Report, make: Make) -> None:
    level, following = ladder(report.arms[1])
    assert following is not None
    assert (level, following.vector.id) == (-1, "error")  # of level 0
    good = ArmResult("a", "json", True, [outcome(make(READ, level=3), Status.PASS)])
    assert ladder(good) == (3, None)
    assert ladder(ArmResult("a", "json", True, [])) == (-1, None)


def test_a_person_sees_what_why_and_how_to_replay(report: Report) -> None:
    arm = report.arms[1]
    lines = text.outcome_text(arm, arm.bad()[0], ["--plugin", "a b"]).splitlines()
    assert lines[0] == "FAIL http-json binding [P-READ-1]"
    assert lines[1] == "  why: w"
    assert lines[2] == "  step 1: do"
    replay = "--transport http --codec json --plugin 'a b' --vector binding"
    assert lines[-1] == f"  replay: transportlab conformance {replay}"
    summary = "\n".join(text.summary(report))
    assert "BLAME http-json binding: the binding" in summary
    assert "DISAGREEMENT http-json differs: the binding differs" in summary
    assert "LADDER http-json: level none\n  next: error (level 0) [P-READ-1]" in summary
    assert summary.endswith("FAILED: 7 vectors")
    assert text.totals_line(arm).endswith("1 harness error (not run: r)")


def test_junit_has_a_suite_for_each_arm_and_a_case_for_each_vector(
    report: Report, tmp_path: Path
) -> None:
    write_junit(tmp_path / "out.xml", report)
    root = ET.parse(tmp_path / "out.xml").getroot()
    assert root.tag == "testsuites"
    direct, http = root
    assert [suite.get("name") for suite in root] == ["direct-json", "http-json"]
    counts = {name: http.get(name) for name in ("tests", "failures", "errors", "skipped")}
    assert counts == {"tests": "8", "failures": "3", "errors": "1", "skipped": "2"}
    for suite in (direct, http):
        cases = suite.findall("testcase")
        assert len(cases) == int(suite.get("tests", ""))
        assert len(suite.findall("testcase/failure")) == int(suite.get("failures", ""))
        assert len(suite.findall("testcase/skipped")) == int(suite.get("skipped", ""))
        assert len(suite.findall("testcase/error")) == int(suite.get("errors", ""))
        assert all(case.get("classname") and case.get("name") for case in cases)
    message = http.findall("testcase/failure")[0].get("message", "")
    assert message == "expected \\x00\u2028\\ud800 1, got 2"


def test_xml_is_cleaned_of_what_it_cannot_hold() -> None:
    assert clean("a\t\n\x00\x1b\ufffe\ud800\U0001f642") == "a\t\n\\x00\\x1b\\ufffe\\ud800\U0001f642"


def command(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["conformance", *arguments])
    return result.exit_code, result.output


def test_the_command_runs_writes_files_and_exits_with_0(tmp_path: Path) -> None:
    lines, xml = tmp_path / "out.jsonl", tmp_path / "out.xml"
    code, out = command(
        "--transport", "direct", "--group", "prune", "--json", str(lines), "--junit", str(xml)
    )
    assert code == 0
    assert "direct-none    6 pass, 0 fail, 0 unsupported, 0 not run, 0 harness error" in out
    assert out.endswith("OK: 6 vectors\n")
    head, *outcomes, end = map(json.loads, lines.read_text().splitlines())
    assert head["vectors"] == len(outcomes) == 6
    assert {o["status"] for o in outcomes} == {"pass"}
    assert outcomes[0]["vector"] == "prune-removes-what-is-not-kept"
    assert end["ok"] is True
    assert end["results"][0]["totals"]["pass"] == 6
    assert ET.parse(xml).getroot()[0].get("tests") == "6"


def test_a_failure_is_told_with_its_replay_and_exits_with_1(
    script: Callable[[str], str], tmp_path: Path
) -> None:
    path, lines = script("raise SystemExit('not today \\ud83d')"), tmp_path / "out"
    where = ["--transport", "http", "--codec", "json", "--plugin", path]
    more = ["--backend-config", "a={dir}", "--offers", "faults", "--json", str(lines)]
    code, out = command(*where, *more, "--vector", "session-opens", "--vector", "read-empty")
    assert code == 1
    assert "FAIL http-json session-opens [P-SESSION-2, P-SESSION-3]" in out
    replay = "--backend-config 'a={dir}' --offers faults --vector session-opens"
    assert f"replay: transportlab conformance {' '.join(where)} {replay}" in out
    assert "1 fail, 0 unsupported, 1 not run" in out
    assert "next: session-opens (level 0)" in out
    assert json.loads(lines.read_text().splitlines()[1])["failure"]["step"] == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--group", "nothing"], 'unknown group "nothing"'),
        (["--group", "read", "--vector", "plan-orders-its-ops"], "no vector is selected"),
        (["--transport", "pigeon"], 'unknown transport "pigeon"'),
        (["--offers", "faults"], "go with --plugin"),
        (["--plugin", "./x", "--offers", "wings"], 'unknown feature "wings"'),
        (["--plugin", "./x", "--backend-config", "x"], "expected NAME=VALUE"),
        (["--json", "/nowhere/x", "--group", "read"], "No such file"),
    ],
)
def test_a_wrong_option_exits_with_2(arguments: list[str], said: str) -> None:
    code, out = command(*arguments)
    assert code == 2
    assert said in out
