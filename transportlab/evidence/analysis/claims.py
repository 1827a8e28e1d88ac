"""Claims: what evidence says of each measured sentence of the record, here and in a reproduction.

spec/claims.json has the claims. Each is about one ratio and one bound: the numerator arm over the
denominator arm, for a suite, placement, case and metric. The verdict comes from the ratio's
interval, never from the ratio alone:

    holds          the whole interval is on the claim's side of the bound
    contradicted   the whole interval is on the other side
    inconclusive   the interval straddles the bound, or there are too few blocks for one; or the
                   ratio and the bound both lie within the noise of an A/A pair
    not measured   no block has both sides

A reproduction compares the verdicts of one's own run with those of the committed evidence. It
compares ratios, never seconds, with the tolerance that each claim states beforehand:

    reproduced     the same verdict, and the own interval lies within the committed interval widened
                   by the tolerance
    other size     the same verdict, but the own interval lies wholly outside of that
    opposite       the claim holds in one and is contradicted in the other
    inconclusive   one of the two is inconclusive, or the own interval reaches across the edge of
                   the tolerance
    not measured   one of the two is not measured
"""

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Literal

import msgspec

from transportlab.data import SPEC
from transportlab.evidence.analysis.compare import Comparison, Measured, Side
from transportlab.evidence.record import EvidenceError

CLAIMS = SPEC / "claims.json"


class Claim(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One measured sentence.

    The denominator has the numerator's case and metric unless it names its own. tolerance: the
    factor by which the ratio of a reproduction may differ.
    """

    id: str
    sentence: str
    suite: str
    placement: str
    case: str
    metric: str
    numerator: str
    denominator: str
    comparison: Literal["<", ">"]
    bound: float
    denominator_case: str = ""
    denominator_metric: str = ""
    tolerance: float = 1.5

    @property
    def sides(self) -> tuple[Side, Side]:
        """Numerator and denominator."""
        under_case = self.denominator_case or self.case
        under_metric = self.denominator_metric or self.metric
        return (
            Side(self.numerator, self.case, self.metric),
            Side(self.denominator, under_case, under_metric),
        )


def load_claims(path: Path = CLAIMS) -> list[Claim]:
    """The claims of a file, in its order. Raises EvidenceError if it is not a file of claims."""
    try:
        claims = msgspec.json.decode(path.read_bytes(), type=list[Claim])
    except OSError as error:
        raise EvidenceError(f"{path}: cannot be read: {error.strerror}") from error
    except msgspec.DecodeError as error:
        raise EvidenceError(f"{path}: not a file of claims: {error}") from error
    seen: set[str] = set()
    for claim in claims:
        problem = _problem(claim, seen)
        if problem:
            raise EvidenceError(f"{path}: {claim.id}: {problem}")
        seen.add(claim.id)
    return claims


def _problem(claim: Claim, seen: set[str]) -> str:
    if not claim.id.startswith("C-"):
        return "an id begins with C-"
    if claim.id in seen:
        return "the id is there twice"
    if claim.bound <= 0 or claim.tolerance < 1:
        return "bound is above 0 and tolerance at least 1"
    return ""


class Verdict(StrEnum):
    """What evidence says of a claim; the module's docstring defines each."""

    HOLDS = "holds"
    CONTRADICTED = "contradicted"
    INCONCLUSIVE = "inconclusive"
    NOT_MEASURED = "not measured"


class Judged(msgspec.Struct, frozen=True):
    """A claim with its verdict and the comparison behind it."""

    claim: Claim
    verdict: Verdict
    found: Comparison | None


def judge(claims: Sequence[Claim], measured: Measured) -> list[Judged]:
    """Every claim with its verdict, in the order of the claims."""
    found = [measured.compare(claim.suite, claim.placement, *claim.sides) for claim in claims]
    return [
        Judged(claim, verdict(claim, one), one) for claim, one in zip(claims, found, strict=True)
    ]


def verdict(claim: Claim, found: Comparison | None) -> Verdict:
    """The verdict on one claim."""
    if found is None:
        return Verdict.NOT_MEASURED
    interval, noise = found.interval, found.noise
    if noise is not None and found.within_noise and 1 / noise <= claim.bound <= noise:
        return Verdict.INCONCLUSIVE
    # Without an interval, low is 0 and high is infinite, and every bound lies between.
    if interval.low <= claim.bound <= interval.high:
        return Verdict.INCONCLUSIVE
    below = interval.high < claim.bound
    return Verdict.HOLDS if below == (claim.comparison == "<") else Verdict.CONTRADICTED


class Outcome(StrEnum):
    """How a claim fared in a reproduction; the module's docstring defines each."""

    REPRODUCED = "reproduced"
    OTHER_SIZE = "other size"
    OPPOSITE = "opposite"
    INCONCLUSIVE = "inconclusive"
    NOT_MEASURED = "not measured"


def outcome(own: Judged, committed: Judged) -> Outcome:
    """How one claim, judged on both sides, fared."""
    verdicts = {own.verdict, committed.verdict}
    if own.found is None or committed.found is None:
        return Outcome.NOT_MEASURED
    if Verdict.INCONCLUSIVE in verdicts:
        return Outcome.INCONCLUSIVE
    if len(verdicts) > 1:
        return Outcome.OPPOSITE
    factor, mine, theirs = own.claim.tolerance, own.found.interval, committed.found.interval
    low, high = theirs.low / factor, theirs.high * factor
    if low <= mine.low and mine.high <= high:
        return Outcome.REPRODUCED
    if mine.high < low or mine.low > high:
        return Outcome.OTHER_SIZE
    return Outcome.INCONCLUSIVE
