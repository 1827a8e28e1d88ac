"""From findings to verdicts, and their forms."""

import json
import math
from xml.etree import ElementTree as ET

import pytest

from transportlab.evidence.gate.decide import Finding, Reading
from transportlab.evidence.gate.verdict import (
    Outcome,
    Result,
    Verdict,
    as_json,
    as_junit,
    conclude,
    lines,
)

SUSPECT = Reading(1.2, 1.17, 1.23, 0.0001, 60)
CLEAR = Reading(1.0, 0.98, 1.02, 1.0, 60)
WIDE = Reading(1.0, 0.85, 1.2, 0.8, 60)
FEW = Reading(2.0, 0.0, math.inf, 1.0, 3)
CONTAMINATED = Reading(1, 0.9, 1.01, 0.5, 60, "runner contaminated: x")


@pytest.mark.parametrize(
    ("found", "first", "repeat", "verdict", "words"),
    [
        (Finding.CLEAR, CLEAR, None, Verdict.PASS, "excluded"),
        (Finding.INCONCLUSIVE, WIDE, None, Verdict.INCONCLUSIVE, "neither"),
        (Finding.SUSPICIOUS, SUSPECT, SUSPECT, Verdict.REGRESSION, "two batches"),
        (Finding.SUSPICIOUS, SUSPECT, CLEAR, Verdict.PASS, "fresh one was not"),
        (Finding.SUSPICIOUS, SUSPECT, WIDE, Verdict.INCONCLUSIVE, "neither"),
        (Finding.INCONCLUSIVE, FEW, None, Verdict.INCONCLUSIVE, "too few"),
        (Finding.INCONCLUSIVE, CONTAMINATED, None, Verdict.INCONCLUSIVE, "runner contaminated"),
    ],
)
def test_a_suspicion_fails_only_if_a_fresh_batch_repeats_it(
    found: Finding, first: Reading, repeat: Reading | None, verdict: Verdict, words: str
) -> None:
    outcome = conclude("one", found, first, repeat)
    assert outcome.verdict is verdict
    assert words in outcome.why


@pytest.mark.parametrize(
    ("verdicts", "code"),
    [
        ([Verdict.PASS, Verdict.PASS], 0),
        ([Verdict.PASS, Verdict.INCONCLUSIVE], 3),
        ([Verdict.INCONCLUSIVE, Verdict.REGRESSION], 1),
        ([Verdict.PASS, Verdict.FAILED, Verdict.INCONCLUSIVE], 4),
        ([Verdict.REGRESSION, Verdict.FAILED], 1),
    ],
)
def test_the_exit_code_is_that_of_the_worst(verdicts: list[Verdict], code: int) -> None:
    result = Result(tuple(Outcome(str(n), v, "why") for n, v in enumerate(verdicts)))
    assert result.exit_code == code


def test_output_for_people_and_for_ci() -> None:
    result = Result(
        (
            Outcome("a", Verdict.PASS, "fine", CLEAR),
            Outcome("b", Verdict.REGRESSION, "slow \x1b <&>", SUSPECT, SUSPECT),
            Outcome("c", Verdict.INCONCLUSIVE, "few", FEW),
            Outcome("d", Verdict.FAILED, "no handshake: E-EXITED\n  why\x1b"),
        ),
        ("e: not measured",),
    )
    assert lines(result)[-1] == "note: e: not measured"
    assert lines(result)[3:5] == ["d  FAILED        no handshake: E-EXITED", "     why\\x1b"]
    suite = ET.fromstring(as_junit(result))
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("4", "2", "1")
    assert [len(case.findall("failure")) for case in suite.findall("testcase")] == [0, 1, 0, 1]
    found = json.loads(as_json(result))
    assert found["exit_code"] == 1
    assert found["outcomes"][2]["first"]["high"] is None
    assert found["outcomes"][1]["repeat"]["ratio"] > 1.05
