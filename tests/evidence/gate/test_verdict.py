"""From findings to verdicts."""

import math
import re

import pytest

from transportlab.evidence.gate.counts import Counts, Range
from transportlab.evidence.gate.decide import Margins, Reading
from transportlab.evidence.gate.verdict import Outcome, Result, Verdict, conclude, explained

SUSPECT = Reading(1.2, 1.17, 1.23, 60, 0.12, 0.1)
CLEAR = Reading(1.0, 0.98, 1.02, 60, 0.1, 0.1)
WIDE = Reading(1.0, 0.85, 1.2, 60, 0.1, 0.1)
FEW = Reading(2.0, 0.0, math.inf, 3, 0.2, 0.1)
CONTAMINATED = Reading(1, 0.9, 1.01, 60, 0.1, 0.1, "runner contaminated: x")


@pytest.mark.parametrize(
    ("reading", "verdict", "words"),
    [
        (CLEAR, Verdict.PASS, r"\+10 % is excluded: 1.000 \[0.980, 1.020\], 100.0 -> 100.0 ms"),
        (WIDE, Verdict.INCONCLUSIVE, r"neither 5 % .*; about 160 more would decide: --seconds \d+"),
        (SUSPECT, Verdict.REGRESSION, r"slower by more than 5 %: .*, 100.0 -> 120.0 ms, 60 pairs"),
        (FEW, Verdict.INCONCLUSIVE, "too few pairs .*; about 17 more"),
        (CONTAMINATED, Verdict.INCONCLUSIVE, "runner contaminated: x; 1.000"),
    ],
)
def test_a_verdict_says_why(reading: Reading, verdict: Verdict, words: str) -> None:
    outcome = conclude("one", reading, Margins(), 90.0, 89.0)
    assert outcome.verdict is verdict
    assert re.match(words, outcome.why), outcome.why


@pytest.mark.parametrize(
    ("verdicts", "code"),
    [
        ([Verdict.PASS, Verdict.PASS], 0),
        ([Verdict.PASS, Verdict.MEASURED], 0),
        ([Verdict.PASS, Verdict.INCONCLUSIVE], 3),
        ([Verdict.INCONCLUSIVE, Verdict.REGRESSION], 1),
        ([Verdict.PASS, Verdict.FAILED, Verdict.INCONCLUSIVE], 4),
        ([Verdict.REGRESSION, Verdict.FAILED], 1),
    ],
)
def test_the_exit_code_is_that_of_the_worst(verdicts: list[Verdict], code: int) -> None:
    result = Result(tuple(Outcome(str(n), v, "why") for n, v in enumerate(verdicts)))
    assert result.exit_code == code


def test_counts_are_told_beside_the_time() -> None:
    outcome = conclude("one", SUSPECT, Margins(), 90.0)
    base = Counts({"files": Range(10, 10)}, {"modules": "no Python"})
    head = Counts({"files": Range(422, 422)}, {"modules": "no Python"})
    builds = ("/a/p", "/b/p")
    assert explained(outcome, base, head, builds).reason == "+20.0 ms: 412 files opened more"
    same = explained(outcome, base, base, builds).reason
    assert same == "+20.0 ms: as many files opened as before"
    nothing = Counts({}, {})
    assert explained(outcome, nothing, nothing, builds).reason.endswith("nothing is counted here")
