"""What a person sees of a run, and JUnit's file."""

import json
import xml.etree.ElementTree as ET
from io import BytesIO
from pathlib import Path

from msgspec.structs import replace

from transportlab.conformance import report as text
from transportlab.conformance.report import JsonLines, write_junit, xml_text
from transportlab.conformance.result import NO_SESSION, ArmResult, Failure, Report
from transportlab.words import explained


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
    level = "LEVEL http-json: none; 1 vector not run\n"
    assert f"{level}  whole groups: none\n  not whole: read (3 of 5 failed)" in summary
    assert "\n  next: error (level 0) [P-READ-1]" in summary
    assert summary.endswith("FAILED: 7 vectors")
    part = "\n".join(text.summary(report, whole=False))
    assert "LEVEL http-json: not told, as not all vectors ran; 1 vector not run\n" in part
    totals, *why = text.totals_lines(arm)
    assert totals.endswith("1 harness error")
    assert why == ["  unsupported, r: unsupported", "  not run, r: not-run"]


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
    assert (
        xml_text("a\t\n\x00\x1b\ufffe\ud800\U0001f642") == "a\t\n\\x00\\x1b\\ufffe\\ud800\U0001f642"
    )


def test_the_level_is_told_also_when_nothing_failed(report: Report) -> None:
    good = ArmResult("http", "json", True, report.arms[1].outcomes[:2])
    lines = [*text.summary(Report(report.vectors[:2], (good,), ()))]
    assert lines == [
        "LEVEL http-json: 1 (reads)",
        "  groups: all 1 that were tried",
        *explained(["vector", "level"]),
        "OK: 2 vectors",
    ]


def test_many_vectors_with_one_reason_are_one_line(report: Report) -> None:
    arm = ArmResult("http", "json", True, [report.arms[1].outcomes[4]] * 6)
    _, why = text.totals_lines(arm)
    assert why == "  unsupported, r: unsupported, unsupported, unsupported, unsupported and 2 more"


def test_what_is_not_tried_is_one_text_for_all_vectors(report: Report) -> None:
    arm = report.arms[1]
    for outcome in arm.outcomes[2:4]:
        outcome.failure = Failure(0, NO_SESSION, "no session opens: E-EXITED")
    texts = {text.outcome_text(arm, outcome, []) for outcome in arm.outcomes[2:4]}
    assert texts == {"NOT TRIED http-json: no session opens: E-EXITED"}


def test_each_outcome_can_be_a_line(report: Report) -> None:
    arm = report.arms[1]
    arm.outcomes[1].advisory = True
    lines = [text.outcome_line(arm, outcome) for outcome in arm.outcomes]
    assert lines[0] == "http-json same: pass: r"
    assert lines[1] == "http-json differs: pass, advisory: r"
    assert lines[4] == "http-json unsupported: unsupported: r"


def test_known_and_fixed_failures_are_in_junit(report: Report, tmp_path: Path) -> None:
    arm = report.arms[1]
    arm.outcomes[2].known = "issue 7 (until 2026-12-31)"
    arm.outcomes[3].advisory = True
    write_junit(tmp_path / "out.xml", Report((), (arm,), (), ("read-empty",)))
    http, known = ET.parse(tmp_path / "out.xml").getroot()
    counts = {name: http.get(name) for name in ("failures", "errors", "skipped")}
    assert counts == {"failures": "0", "errors": "1", "skipped": "4"}
    skipped = [each.get("message", "") for each in http.findall("testcase/skipped")]
    assert skipped[0] == "known failure: issue 7 (until 2026-12-31)"
    assert skipped[1].startswith("advisory, fail: expected")
    assert [case.get("name") for case in known] == ["read-empty"]
    assert known.get("errors") == "1"


def test_json_lines_tell_the_level_what_is_known_and_what_is_required(report: Report) -> None:
    arm, file = report.arms[1], BytesIO()
    arm.outcomes[2].known, arm.outcomes[3].advisory = "issue 7", True
    lines = JsonLines(file, 7, "1")
    for outcome in arm.outcomes:
        lines.outcome(arm, outcome)
    lines.end(replace(report, arms=(arm,)))
    head, *outcomes, end = map(json.loads, file.getvalue().splitlines())
    assert head["revision"] == "1"
    assert [o.get("known") for o in outcomes[:3]] == [None, None, "issue 7"]
    assert outcomes[3]["advisory"] is True
    [result] = end["results"]
    assert (result["level"], result["known"]) == (-1, ["binding"])
    assert result["advisory"]["fail"] == 1
    assert end["fixed"] == []
