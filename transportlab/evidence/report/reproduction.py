"""A reproduction: every claim by one's own runs, beside the committed ones."""

from collections import Counter
from collections.abc import Sequence

import msgspec

from transportlab.evidence.analysis.budget import load_budget
from transportlab.evidence.analysis.claims import (
    Judged,
    Outcome,
    Verdict,
    judge,
    load_claims,
    outcome,
)
from transportlab.evidence.analysis.compare import Measured, busy
from transportlab.evidence.analysis.runs import digest_of, machine_name
from transportlab.evidence.record import Evidence
from transportlab.evidence.report.summary import bound, found
from transportlab.words import explained

HEAD = ("CLAIM", "BOUND", "OWN RUN", "COMMITTED", "TOLERANCE", "OUTCOME")


class Reproduction(msgspec.Struct, frozen=True):
    """How the claims fared.

    machines: a line for each side. rows: a row for each claim, under HEAD. sentences: what each
    claim says. words: what the words of the rows mean. busy: why the own run shows the machine's
    other work; empty if it does not.
    """

    machines: list[str]
    rows: list[tuple[str, ...]]
    sentences: list[str]
    words: list[str]
    outcomes: list[Outcome]
    busy: str

    @property
    def undecided(self) -> bool:
        """Whether a claim was not told, or none was reproduced."""
        open_ones = {Outcome.OTHER_SIZE, Outcome.UNDECIDED} & set(self.outcomes)
        return bool(open_ones) or Outcome.REPRODUCED not in self.outcomes

    @property
    def counts(self) -> str:
        """How often there was each outcome."""
        return ", ".join(f"{count} {name}" for name, count in Counter(self.outcomes).items())


def reproduction(own: Sequence[Evidence], committed: Sequence[Evidence]) -> Reproduction:
    """The claims by both groups of runs. Raises EvidenceError if a file of spec/ is wrong."""
    claims, budget = load_claims(), load_budget()
    sides = [judge(claims, Measured(group), budget) for group in (own, committed)]
    pairs = list(zip(*sides, strict=True))
    outcomes = [outcome(one, other) for one, other in pairs]
    groups = (("own run", own), ("committed", committed))
    verdicts: set[Verdict] = {one.verdict for side in sides for one in side}
    return Reproduction(
        [f"{whose}: {_group(runs)}" for whose, runs in groups],
        [(*_row(*pair), str(one)) for pair, one in zip(pairs, outcomes, strict=True)],
        [f"{claim.id}: {claim.sentence}" for claim in claims],
        explained([*verdicts, *outcomes, "bound", "tolerance", "[low, high]"]),
        outcomes,
        busy(own[0]),
    )


def _group(runs: Sequence[Evidence]) -> str:
    many = f"{len(runs)} run{'s' * (len(runs) > 1)}"
    code = digest_of(runs[0])[:12]
    return f"{machine_name(runs[0])}; {many}, profile {runs[0].profile}, code {code}"


def _row(own: Judged, committed: Judged) -> tuple[str, ...]:
    claim = own.claim
    return (
        claim.id,
        f"{claim.comparison} {bound(committed if own.found is None else own)}",
        f"{own.verdict}: {found(own)}",
        f"{committed.verdict}: {found(committed)}",
        "verdict" if isinstance(claim.bound, str) else f"{claim.tolerance:g}",
    )
