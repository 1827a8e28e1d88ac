"""What a person sees of a run, and JUnit's file."""

import xml.etree.ElementTree as ET
from pathlib import Path

from transportlab.conformance import report as text
from transportlab.conformance.report import write_junit, xml_text
from transportlab.conformance.result import Report


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
    part = "\n".join(text.summary(report, whole=False))
    assert "LADDER http-json: no level, as not all vectors ran\n  next: error" in part
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
    assert (
        xml_text("a\t\n\x00\x1b\ufffe\ud800\U0001f642") == "a\t\n\\x00\\x1b\\ufffe\\ud800\U0001f642"
    )
