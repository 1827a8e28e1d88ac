"""What a batch says: true ratios are told from each other as often as they should be."""

import math
from collections import Counter
from collections.abc import Callable
from random import Random

import pytest

from transportlab.evidence.gate.decide import (
    MIN_PAIRS,
    Batch,
    Finding,
    contaminated,
    findings,
    holm,
    read,
)

Pairs = Callable[..., Batch]


def finding(found: Batch, seed: int = 1) -> Finding:
    return findings({"one": read(found, seed)})["one"]


@pytest.mark.parametrize(("ratio", "expected"), [(1.0, Finding.CLEAR), (1.2, Finding.SUSPICIOUS)])
def test_an_unchanged_build_is_clear_and_one_a_fifth_slower_suspicious(
    pairs: Pairs, ratio: float, expected: Finding
) -> None:
    assert {finding(pairs(ratio, seed=seed), seed) for seed in range(3)} == {expected}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("ratio", "clear", "suspicious"),
    [
        (1.0, range(95, 101), range(1)),
        (1.05, range(101), range(6)),
        (1.1, range(6), range(101)),
        (1.2, range(1), range(100, 101)),
    ],
)
def test_findings_are_as_rare_or_as_usual_as_they_should_be(
    pairs: Pairs, ratio: float, clear: range, suspicious: range
) -> None:
    seen = Counter(finding(pairs(ratio, seed=seed), seed) for seed in range(100))
    assert seen[Finding.CLEAR] in clear
    assert seen[Finding.SUSPICIOUS] in suspicious


def test_what_is_too_wide_to_exclude_a_tenth_is_inconclusive(pairs: Pairs) -> None:
    assert finding(pairs(1.0, spread=0.6)) is Finding.INCONCLUSIVE


def test_too_few_pairs_are_not_read(pairs: Pairs) -> None:
    found = read(pairs(2.0, number=MIN_PAIRS - 1), 1)
    assert (found.low, found.high, found.usable) == (0.0, math.inf, False)
    assert findings({"one": found})["one"] is Finding.INCONCLUSIVE
    assert math.isnan(read(Batch((), ()), 1).ratio)


def test_the_runner_is_judged_by_the_control_alone(pairs: Pairs) -> None:
    logs = pairs(2.0).logs
    drifting = tuple(0.2 + value / 100 for value in logs)
    found = read(Batch(logs, drifting), 1)
    assert "off 1" in found.contaminated
    assert findings({"one": found})["one"] is Finding.INCONCLUSIVE
    chance = Random(1)
    assert "too wide" in contaminated([chance.gauss(0, 2) for _ in range(60)], 1)
    assert not contaminated([chance.gauss(0, 0.05) for _ in range(60)], 1)


def test_holm_steps_down_and_stops_at_the_first_that_is_not_rejected() -> None:
    assert holm({"a": 0.001, "b": 0.012, "c": 0.02}) == {"a", "b", "c"}
    assert holm({"a": 0.001, "b": 0.02, "c": 0.02}) == {"a"}
    assert holm({"a": 0.02, "b": 0.5, "c": 0.5}) == set()
    assert holm({}) == set()
