import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from transportlab.evidence.analysis.claims import (
    Claim,
    Judged,
    Outcome,
    Verdict,
    judge,
    load_claims,
    outcome,
    verdict,
)
from transportlab.evidence.analysis.compare import Comparison, Measured, Side
from transportlab.evidence.analysis.stats import Interval
from transportlab.evidence.record import EvidenceError, load

CLAIM = Claim(
    "C-X", "A sentence.", "unary", "split", "Read/10", "latency", "jsonrpc-json", "grpc-protobuf",
    "<", 0.8,
)  # fmt: skip
HOLDS, CONTRADICTED = Verdict.HOLDS, Verdict.CONTRADICTED
INCONCLUSIVE, NOT_MEASURED = Verdict.INCONCLUSIVE, Verdict.NOT_MEASURED


def found(low: float, ratio: float, high: float, noise: float | None = 1.02) -> Comparison:
    return Comparison(Interval(ratio, low, high, 10), noise, 20, 1000)


@pytest.mark.parametrize(
    ("comparison", "bound", "what", "expected"),
    [
        ("<", 0.8, found(0.4, 0.5, 0.6), HOLDS),
        ("<", 0.8, found(0.9, 1.1, 1.2), CONTRADICTED),
        ("<", 0.8, found(0.7, 0.78, 0.9), INCONCLUSIVE),
        (">", 0.8, found(0.9, 1.1, 1.2), HOLDS),
        (">", 0.8, found(0.4, 0.5, 0.6), CONTRADICTED),
        ("<", 1.0, found(0.97, 0.98, 0.99), HOLDS),
        ("<", 1.0, found(0.97, 0.98, 0.99, 1.05), INCONCLUSIVE),  # so do two copies differ
        ("<", 1.5, found(0.97, 0.98, 0.99, 1.05), HOLDS),  # noise does not reach 1.5
        ("<", 0.5, found(0.97, 0.98, 0.99, 1.05), CONTRADICTED),
        ("<", 1.0, found(0.97, 0.98, 0.99, None), HOLDS),
        ("<", 0.8, None, NOT_MEASURED),
        ("<", 0.8, Comparison(Interval(0.1, 0.0, float("inf"), 2), 1.02, 4, 4), INCONCLUSIVE),
    ],
)
def test_the_verdict_comes_from_the_interval(
    comparison: str, bound: float, what: Comparison | None, expected: Verdict
) -> None:
    fields = {name: getattr(CLAIM, name) for name in CLAIM.__struct_fields__}
    claim = Claim(**(fields | {"comparison": comparison, "bound": bound}))
    assert verdict(claim, what) is expected


def test_claims_are_judged_on_evidence_whose_truth_is_known(
    write_evidence: Callable[..., Path],
) -> None:
    measured = Measured(load(write_evidence()))
    claims = [CLAIM, Claim(**{**_fields(CLAIM), "id": "C-Y", "bound": 0.3})]
    gone = Claim(**{**_fields(CLAIM), "id": "C-Z", "numerator": "carrier-pigeon"})
    assert [one.verdict for one in judge([*claims, gone], measured)] == [
        HOLDS, CONTRADICTED, NOT_MEASURED,
    ]  # fmt: skip


def _fields(claim: Claim) -> dict[str, Any]:
    return {name: getattr(claim, name) for name in claim.__struct_fields__}


def test_the_denominator_may_be_another_case_and_metric() -> None:
    claim = Claim(**{**_fields(CLAIM), "denominator_case": "Plan/1", "denominator_metric": "x"})
    assert claim.sides == (
        Side("jsonrpc-json", "Read/10", "latency"),
        Side("grpc-protobuf", "Plan/1", "x"),
    )


def test_the_projects_claims_are_about_distinct_things_and_say_so_in_a_sentence() -> None:
    claims = load_claims()
    assert 15 <= len(claims) <= 30
    assert len({(c.suite, c.placement, *c.sides, c.comparison) for c in claims}) == len(claims)
    assert all(claim.sentence[0].isupper() or "gRPC" in claim.sentence[:5] for claim in claims)
    assert all(claim.sentence.endswith(".") for claim in claims)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"id": "X-1"}, "begins with C-"),
        ({"bound": 0}, "bound is above 0"),
        ({"tolerance": 0.5}, "tolerance at least 1"),
        ({"comparison": "~"}, "not a file of claims"),
        ({"suit": "unary"}, "not a file of claims"),
    ],
)
def test_a_bad_claim_is_an_error_with_the_file(
    tmp_path: Path, change: dict[str, Any], words: str
) -> None:
    path = tmp_path / "claims.json"
    path.write_text(json.dumps([{**_fields(CLAIM), **change}]))
    with pytest.raises(EvidenceError, match=words) as raised:
        load_claims(path)
    assert str(path) in str(raised.value)


def test_an_id_may_not_be_used_twice(tmp_path: Path) -> None:
    path = tmp_path / "claims.json"
    path.write_text(json.dumps([_fields(CLAIM)] * 2))
    with pytest.raises(EvidenceError, match="twice"):
        load_claims(path)
    with pytest.raises(EvidenceError, match="cannot be read"):
        load_claims(tmp_path / "none.json")


def judged(what: Comparison | None) -> Judged:
    return Judged(CLAIM, verdict(CLAIM, what), what)


@pytest.mark.parametrize(
    ("own", "committed", "expected"),
    [
        (found(0.45, 0.5, 0.55), found(0.48, 0.5, 0.52), Outcome.REPRODUCED),
        (found(0.10, 0.12, 0.14), found(0.48, 0.5, 0.52), Outcome.OTHER_SIZE),
        (found(0.30, 0.34, 0.40), found(0.48, 0.5, 0.52), Outcome.INCONCLUSIVE),
        (found(0.70, 0.78, 0.90), found(0.48, 0.5, 0.52), Outcome.INCONCLUSIVE),
        (found(1.10, 1.20, 1.30), found(0.48, 0.5, 0.52), Outcome.OPPOSITE),
        (None, found(0.48, 0.5, 0.52), Outcome.NOT_MEASURED),
        (found(0.48, 0.5, 0.52), None, Outcome.NOT_MEASURED),
    ],
)
def test_a_reproduction_compares_ratios_with_the_claims_tolerance(
    own: Comparison | None, committed: Comparison | None, expected: Outcome
) -> None:
    assert outcome(judged(own), judged(committed)) is expected
