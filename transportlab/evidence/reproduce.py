"""A reproduction: the verdicts of one's own run beside those of the committed evidence.

Ratios are compared, never seconds, with the tolerance that each claim states beforehand:

    reproduced      the same verdict, and the own interval lies within the committed interval
                    widened by the tolerance
    other size      the same verdict, but the own interval lies wholly outside of that
    opposite        holds in one, contradicted in the other
    inconclusive    one of the two straddles its bound or is within noise, or the own interval
                    reaches over the edge of the tolerance
    not measured    one of the two does not have it
"""

from enum import StrEnum

from transportlab.evidence.claims import Judged, Verdict


class Outcome(StrEnum):
    """How a claim fared in a reproduction."""

    REPRODUCED = "reproduced"
    OTHER_SIZE = "other size"
    OPPOSITE = "opposite"
    INCONCLUSIVE = "inconclusive"
    NOT_MEASURED = "not measured"


def outcome(own: Judged, committed: Judged) -> Outcome:
    """One claim, judged on both sides; see the module."""
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
