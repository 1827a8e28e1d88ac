"""Claims: what evidence says of each measured sentence on which a decision hangs.

spec/claims.json has the claims, at most MOST of them. Each compares one arm with another, or with
none, for a suite, placement, case and metric:

    a ratio        arm over against, held against a number
    a difference   arm minus against, held against an allowance of spec/budget.json

The verdict comes from the p value of the mean of blocks and runs (stats.py):

    practically equal  the ratio lies within the claim's margin of the bound, by two one-sided tests
    holds              it lies on the claim's side of the bound
    contradicted       it lies on the other side
    inconclusive       none of these can be said, or there are too few blocks
    not measured       no block has both sides

Each is said at 5 % over all claims together: the p values are adjusted by Holm's method, those of
equality among themselves. What is practically equal may well be different; it is a difference that
decides nothing.

A reproduction compares the verdicts of one's own run with those of the committed evidence. Seconds
differ between machines, so of a difference only the verdict is compared, and of a ratio its size as
well, with the tolerance that the claim states beforehand:

    reproduced            the same verdict, and the own interval lies within the committed interval
                          widened by the tolerance
    other size            the same verdict, but the own interval lies wholly outside of that; or one
                          is practically equal and the other one not
    opposite              the claim holds in one and is contradicted in the other
    undecided             the own run is inconclusive, or its interval reaches across the edge of
                          the tolerance
    nothing to reproduce  the committed evidence is inconclusive
    not measured          one of the two is not measured
"""

import math
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Literal

import msgspec

from transportlab.data import SPEC
from transportlab.evidence.analysis.budget import Budget
from transportlab.evidence.analysis.compare import Comparison, Measured, Side
from transportlab.evidence.analysis.stats import Estimate, Interval, holm
from transportlab.evidence.record import EvidenceError

CLAIMS = SPEC / "claims.json"

MOST = 15
"""More claims make each verdict weaker, and few decisions hang on so many."""

ALPHA = 0.05


class Claim(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One measured sentence.

    decision: what hangs on it. against: the other arm, or empty if the arm's own value is held
    against the bound. It has the arm's case and metric unless it names its own. bound: of a ratio
    the number, of a difference the name of the allowance. margin: the factor around the bound of a
    ratio within which it is practically equal; 1 for none. tolerance: the factor by which the ratio
    of a reproduction may differ.
    """

    id: str
    decision: str
    sentence: str
    suite: str
    placement: str
    case: str
    metric: str
    arm: str
    against: str
    comparison: Literal["<", ">"]
    bound: float | str
    margin: float = 1.0
    against_case: str = ""
    against_metric: str = ""
    tolerance: float = 1.25

    @property
    def sides(self) -> tuple[Side, Side]:
        """The arm's side and the other one."""
        case = self.against_case or self.case
        metric = self.against_metric or self.metric
        return Side(self.arm, self.case, self.metric), Side(self.against, case, metric)


def load_claims(path: Path = CLAIMS) -> list[Claim]:
    """The claims of a file, in its order. Raises EvidenceError if it is not a file of claims."""
    try:
        claims = msgspec.json.decode(path.read_bytes(), type=list[Claim])
    except OSError as error:
        raise EvidenceError(f"{path}: cannot be read: {error.strerror}") from error
    except msgspec.DecodeError as error:
        raise EvidenceError(f"{path}: not a file of claims: {error}") from error
    if len(claims) > MOST:
        raise EvidenceError(f"{path}: {len(claims)} claims; {MOST} at most")
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
    if claim.tolerance < 1 or claim.margin < 1:
        return "tolerance and margin are at least 1"
    if isinstance(claim.bound, str):
        return "a margin is around the bound of a ratio" if claim.margin > 1 else ""
    if claim.bound <= 0:
        return "bound is above 0"
    return "" if claim.against else "a ratio is to another arm"


class Verdict(StrEnum):
    """What evidence says of a claim; the module's docstring defines each."""

    HOLDS = "holds"
    CONTRADICTED = "contradicted"
    EQUAL = "practically equal"
    INCONCLUSIVE = "inconclusive"
    NOT_MEASURED = "not measured"


class Judged(msgspec.Struct, frozen=True):
    """A claim with its verdict.

    p: adjusted; of the verdict, or if it is inconclusive of a difference from the bound. limit: the
    bound in the unit of the interval: a ratio, seconds or bytes.
    """

    claim: Claim
    verdict: Verdict
    found: Comparison | None = None
    p: float = 1.0
    limit: float = 1.0
    unit: str = ""

    @property
    def interval(self) -> Interval | None:
        """The ratio or the difference, with its interval."""
        if self.found is None:
            return None
        return self.found.difference.interval() if self.unit else self.found.ratio


class _Test(msgspec.Struct, frozen=True):
    """A claim that was measured, and the mean and the bound on the scale on which it is tested."""

    claim: Claim
    found: Comparison
    mean: Estimate
    bound: float
    unit: str

    @property
    def limit(self) -> float:
        return self.bound if self.unit else math.exp(self.bound)

    @property
    def p_equal(self) -> float:
        margin = math.log(self.claim.margin)
        return self.mean.p_outside(self.bound - margin, self.bound + margin)


def judge(claims: Sequence[Claim], measured: Measured, budget: Budget) -> list[Judged]:
    """Every claim with its verdict, in the order of the claims.

    Raises EvidenceError if a claim names an allowance that the budget does not have.
    """
    tests = {claim.id: _test(claim, measured, budget) for claim in claims}
    known = [test for test in tests.values() if test is not None]
    with_margin = [test for test in known if test.claim.margin > 1]
    other = _adjusted(known, [test.mean.p_other_than(test.bound) for test in known])
    equal = _adjusted(with_margin, [test.p_equal for test in with_margin])
    return [
        Judged(claim, Verdict.NOT_MEASURED) if test is None else _judged(test, other, equal)
        for claim, test in zip(claims, tests.values(), strict=True)
    ]


def _adjusted(tests: Sequence[_Test], values: Sequence[float]) -> dict[str, float]:
    return dict(zip((test.claim.id for test in tests), holm(values), strict=True))


def _test(claim: Claim, measured: Measured, budget: Budget) -> _Test | None:
    over, under = claim.sides
    if claim.against:
        found = measured.compare(claim.suite, claim.placement, over, under)
    else:
        found = measured.alone(claim.suite, claim.placement, over)
    if found is None:
        return None
    if not isinstance(claim.bound, str):
        if found.logs is None:
            return None
        return _Test(claim, found, found.logs, math.log(claim.bound), "")
    if claim.bound not in budget:
        raise EvidenceError(f"{claim.id}: the budget has no {claim.bound}")
    unit = measured.unit(claim.suite, claim.placement, claim.case, claim.metric)
    return _Test(claim, found, found.difference, budget[claim.bound].limit(unit), unit)


def _judged(test: _Test, other: Mapping[str, float], equal: Mapping[str, float]) -> Judged:
    name = test.claim.id
    verdict, p = Verdict.INCONCLUSIVE, other[name]
    if equal.get(name, 1.0) < ALPHA:
        verdict, p = Verdict.EQUAL, equal[name]
    elif p < ALPHA:
        below = test.mean.mean < test.bound
        held = below == (test.claim.comparison == "<")
        verdict = Verdict.HOLDS if held else Verdict.CONTRADICTED
    return Judged(test.claim, verdict, test.found, p, test.limit, test.unit)


class Outcome(StrEnum):
    """How a claim fared in a reproduction; the module's docstring defines each."""

    REPRODUCED = "reproduced"
    OTHER_SIZE = "other size"
    OPPOSITE = "opposite"
    UNDECIDED = "undecided"
    NOTHING = "nothing to reproduce"
    NOT_MEASURED = "not measured"


def outcome(own: Judged, committed: Judged) -> Outcome:
    """How one claim, judged on both sides, fared."""
    verdicts = {own.verdict, committed.verdict}
    if Verdict.NOT_MEASURED in verdicts:
        return Outcome.NOT_MEASURED
    if committed.verdict is Verdict.INCONCLUSIVE:
        return Outcome.NOTHING
    if own.verdict is Verdict.INCONCLUSIVE:
        return Outcome.UNDECIDED
    if verdicts == {Verdict.HOLDS, Verdict.CONTRADICTED}:
        return Outcome.OPPOSITE
    return Outcome.OTHER_SIZE if len(verdicts) > 1 else _size(own, committed)


def _size(own: Judged, committed: Judged) -> Outcome:
    """How the size of a claim with one verdict fared."""
    mine, theirs = own.interval, committed.interval
    if own.unit or mine is None or theirs is None:
        return Outcome.REPRODUCED
    low, high = theirs.low / own.claim.tolerance, theirs.high * own.claim.tolerance
    if low <= mine.low and mine.high <= high:
        return Outcome.REPRODUCED
    return Outcome.OTHER_SIZE if mine.high < low or mine.low > high else Outcome.UNDECIDED
