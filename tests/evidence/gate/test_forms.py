"""The forms of a result, for people and for CI."""

import json
import math
from xml.etree import ElementTree as ET

from transportlab.evidence.gate.decide import Margins, Pairs, Reading
from transportlab.evidence.gate.forms import as_json, as_junit, as_markdown, lines
from transportlab.evidence.gate.verdict import About, File, Outcome, Result, Verdict

SUSPECT = Reading(1.167, 1.14, 1.19, 2, 0.0293, 0.0251)
FEW = Reading(1.0, 0.0, math.inf, 2, 0.1, 0.1)
PAIRS = Pairs((0.03, 0.02), (0.02, 0.02), (0.01, 0.01), (0.01, 0.01))
ABOUT = About(
    version="1.0",
    seed=7,
    margins=Margins(),
    first_look=30,
    seconds=90.0,
    files={"head": File("/b/p", "ab"), "base": File("/a/p", "cd")},
    machine={"cpu": {"model": "CPU"}, "topology": {"available": [0, 1]}, "kernel": "Linux"},
)
RESULT = Result(
    (
        Outcome("a", Verdict.PASS, "fine", "+4.2 ms: imports `x`", SUSPECT, PAIRS),
        Outcome("b", Verdict.REGRESSION, "slow \x1b <&>", "", SUSPECT),
        Outcome("c", Verdict.INCONCLUSIVE, "few", "", FEW),
        Outcome("d", Verdict.FAILED, "no handshake: E-EXITED\n  why\x1b|"),
    ),
    ("e: not measured",),
    ABOUT,
)


def test_lines_are_for_people() -> None:
    told = lines(RESULT)
    assert told[:2] == ["a  PASS          fine", "   +4.2 ms: imports `x`"]
    assert told[4:6] == ["d  FAILED        no handshake: E-EXITED", "     why\\x1b|"]
    assert told[-1] == "note: e: not measured"


def test_markdown_has_a_table_the_reasons_and_the_circumstances() -> None:
    text = as_markdown(RESULT).decode()
    assert text.startswith("### Handshake gate: regression\n")
    assert "| a | pass | 25.1 -> 29.3 ms | 1.167 [1.140, 1.190] | 2 |" in text
    assert "| d | **failed** |  |  | 0 |" in text
    assert "  - +4.2 ms: imports `x`" in text
    assert "slow \\x1b &lt;&>" in text
    for line in ("transportlab 1.0, seed 7", "CPU, 2 CPUs, Linux", "head: /b/p, sha256 ab"):
        assert line in text


def test_json_has_samples_and_no_infinity() -> None:
    found = json.loads(as_json(RESULT))
    assert found["exit_code"] == 1
    assert found["outcomes"][2]["reading"]["high"] is None
    assert found["outcomes"][0]["pairs"]["head"] == [0.03, 0.02]
    assert found["about"]["files"]["base"] == {"path": "/a/p", "sha256": "cd"}


def test_junit_counts_and_has_samples() -> None:
    suite = ET.fromstring(as_junit(RESULT))
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("4", "2", "1")
    cases = suite.findall("testcase")
    assert [len(case.findall("failure")) for case in cases] == [0, 1, 0, 1]
    assert "head, ms: 30.00 20.00" in (cases[0].findtext("system-out") or "")
    assert {p.get("name"): p.get("value") for p in cases[0].iter("property")}["head_ms"] == "29.30"
    told = {p.get("name"): p.get("value") for p in suite.findall("properties/property")}
    assert told["seed"] == "7"
    assert "sha256 ab" in "".join(map(str, told.values()))
