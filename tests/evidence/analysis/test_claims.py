"""Verdicts on claims, and how they fare in a reproduction."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import asdict, replace

from transportlab.evidence.analysis.budget import Allowance, load_budget
from transportlab.evidence.analysis.claims import (
    MOST,
    Claim,
    Judged,
    Outcome,
    Verdict,
    judge,
    load_claims,
    outcome,
)
from transportlab.evidence.analysis.compare import Comparison, Counts, Measured, Side
from transportlab.evidence.analysis.stats import Estimate, estimate
from transportlab.evidence.record import Evidence, EvidenceError

CLAIM = Claim(
    "C-X", "what to take", "A sentence.", "unary", "split", "Read/10", "latency", "jsonrpc-json",
    "grpc-protobuf", "<", 0.8,
)  # fmt: skip
COST = replace(CLAIM, against="direct-none", bound="cheap")
BUDGET = {"cheap": Allowance("cheap", "", 6.0, "", 1.0, "")}
HOLDS, CONTRADICTED = Verdict.HOLDS, Verdict.CONTRADICTED
EQUAL, INCONCLUSIVE, NOT_MEASURED = Verdict.EQUAL, Verdict.INCONCLUSIVE, Verdict.NOT_MEASURED

Synthesize = Callable[..., dict[str, Any]]


@pytest.fixture
def measured(synthesize: Synthesize) -> Measured:
    """Evidence in which jsonrpc-json takes half of grpc-protobuf's time."""
    return Measured([msgspec.convert(synthesize(blocks=20, spread=0.05), Evidence)])


def verdict(measured: Measured, claim: Claim) -> Verdict:
    (found,) = judge([claim], measured, BUDGET)
    return found.verdict


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"bound": 0.8}, HOLDS),
        ({"bound": 0.3}, CONTRADICTED),
        ({"bound": 0.5}, INCONCLUSIVE),
        ({"bound": 0.8, "comparison": ">"}, CONTRADICTED),
        ({"bound": 0.3, "comparison": ">"}, HOLDS),
        ({"bound": 0.5, "margin": 1.2}, EQUAL),
        ({"bound": 0.55, "margin": 1.3}, EQUAL),  # different, but by less than matters
        ({"bound": 0.8, "margin": 1.2}, HOLDS),
        ({"arm": "carrier-pigeon"}, NOT_MEASURED),
    ],
)
def test_the_verdict_on_a_ratio(
    measured: Measured, change: dict[str, Any], expected: Verdict
) -> None:
    assert verdict(measured, replace(CLAIM, **change)) is expected


@pytest.mark.parametrize(
    ("change", "ms", "expected"),
    [
        ({}, 9.0, HOLDS),
        ({}, 1.0, CONTRADICTED),
        ({"against": ""}, 15.0, HOLDS),
        ({"against": "carrier-pigeon"}, 9.0, NOT_MEASURED),
    ],
)
def test_a_difference_is_held_against_the_budget(
    measured: Measured, change: dict[str, Any], ms: float, expected: Verdict
) -> None:
    budget = {"cheap": replace(BUDGET["cheap"], ms=ms)}
    (found,) = judge([replace(COST, **change)], measured, budget)
    assert found.verdict is expected
    if expected is not NOT_MEASURED:
        assert found.limit == pytest.approx(ms / 1000)
        assert found.unit == "s"


def test_a_claim_on_an_unknown_allowance_is_an_error(measured: Measured) -> None:
    with pytest.raises(EvidenceError, match="the budget has no cheap"):
        judge([COST], measured, {})


def test_too_few_blocks_are_inconclusive(synthesize: Synthesize) -> None:
    few = Measured([msgspec.convert(synthesize(blocks=3), Evidence)])
    assert verdict(few, CLAIM) is INCONCLUSIVE
    assert verdict(few, replace(CLAIM, margin=1.5)) is INCONCLUSIVE


def test_more_claims_make_each_verdict_weaker(synthesize: Synthesize) -> None:
    made = synthesize(1, blocks=6, spread=0.1, true={"grpc-protobuf": 1.0, "jsonrpc-json": 0.75})
    measured = Measured([msgspec.convert(made, Evidence)])
    one = replace(CLAIM, bound=1.0)
    (alone,) = judge([one], measured, BUDGET)
    assert alone.verdict is HOLDS
    others = [replace(one, id=f"C-{n}", bound=0.75) for n in range(14)]
    (among, *_) = judge([one, *others], measured, BUDGET)
    assert among.verdict is INCONCLUSIVE
    assert among.p == pytest.approx(15 * alone.p)


def test_the_other_side_may_be_another_case_and_metric() -> None:
    claim = replace(CLAIM, against_case="Plan/1", against_metric="x")
    assert claim.sides == (
        Side("jsonrpc-json", "Read/10", "latency"),
        Side("grpc-protobuf", "Plan/1", "x"),
    )


def test_the_projects_claims_are_few_distinct_and_each_has_a_decision() -> None:
    claims, budget = load_claims(), load_budget()
    assert len(claims) <= MOST
    assert len({(c.suite, c.placement, *c.sides, c.comparison) for c in claims}) == len(claims)
    assert all(claim.sentence[0].isupper() or "gRPC" in claim.sentence[:5] for claim in claims)
    assert all(claim.sentence.endswith(".") and claim.decision for claim in claims)
    assert {claim.bound for claim in claims if isinstance(claim.bound, str)} <= budget.keys()
    assert all(claim.margin > 1 for claim in claims if not isinstance(claim.bound, str))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"id": "X-1"}, "begins with C-"),
        ({"bound": 0}, "bound is above 0"),
        ({"tolerance": 0.5}, "tolerance and margin are at least 1"),
        ({"margin": 0.5}, "tolerance and margin are at least 1"),
        ({"margin": 1.1, "bound": "cheap"}, "a margin is around the bound of a ratio"),
        ({"against": ""}, "a ratio is to another arm"),
        ({"comparison": "~"}, "not a file of claims"),
        ({"suit": "unary"}, "not a file of claims"),
    ],
)
def test_a_bad_claim_is_an_error_with_the_file(
    tmp_path: Path, change: dict[str, Any], words: str
) -> None:
    path = tmp_path / "claims.json"
    path.write_text(json.dumps([{**asdict(CLAIM), **change}]))
    with pytest.raises(EvidenceError, match=words) as raised:
        load_claims(path)
    assert str(path) in str(raised.value)


def test_an_id_may_not_be_used_twice_and_claims_are_few(tmp_path: Path) -> None:
    path = tmp_path / "claims.json"
    path.write_text(json.dumps([asdict(CLAIM)] * 2))
    with pytest.raises(EvidenceError, match="twice"):
        load_claims(path)
    path.write_text(json.dumps([asdict(CLAIM)] * (MOST + 1)))
    with pytest.raises(EvidenceError, match=f"{MOST} at most"):
        load_claims(path)
    with pytest.raises(EvidenceError, match="cannot be read"):
        load_claims(tmp_path / "none.json")


def judged(verdict: Verdict, ratio: float = 0.5, width: float = 0.02, unit: str = "") -> Judged:
    if verdict is NOT_MEASURED:
        return Judged(CLAIM, verdict)
    logs = estimate([[0.0] * 6])
    mean = Estimate(math.log(ratio), width, 100, 30, 1)
    found = Comparison(mean, logs, Counts(1, 30, 60, (1, 1)))
    return Judged(CLAIM, verdict, found, 0.01, 0.8, unit)


@pytest.mark.parametrize(
    ("own", "committed", "expected"),
    [
        (judged(HOLDS, 0.52), judged(HOLDS), Outcome.REPRODUCED),
        (judged(HOLDS, 0.3), judged(HOLDS), Outcome.OTHER_SIZE),
        (judged(HOLDS, 0.64), judged(HOLDS), Outcome.UNDECIDED),
        (judged(HOLDS, 0.57), judged(EQUAL), Outcome.OTHER_SIZE),
        (judged(EQUAL), judged(EQUAL), Outcome.REPRODUCED),
        (judged(INCONCLUSIVE), judged(HOLDS), Outcome.UNDECIDED),
        (judged(HOLDS), judged(INCONCLUSIVE), Outcome.NOTHING),
        (judged(CONTRADICTED), judged(HOLDS), Outcome.OPPOSITE),
        (judged(NOT_MEASURED), judged(HOLDS), Outcome.NOT_MEASURED),
        (judged(HOLDS), judged(NOT_MEASURED), Outcome.NOT_MEASURED),
        (judged(HOLDS, unit="s"), judged(HOLDS, 0.1, unit="s"), Outcome.REPRODUCED),
    ],
)
def test_a_reproduction_compares_verdicts_and_of_ratios_the_size(
    own: Judged, committed: Judged, expected: Outcome
) -> None:
    assert outcome(own, committed) is expected


def test_near_one_the_tolerance_is_a_quarter() -> None:
    assert {c.tolerance for c in load_claims() if not isinstance(c.bound, str)} <= {1.25, 1.5, 2.0}
    assert all(c.tolerance == 1.25 for c in load_claims() if c.bound == 1.0)
