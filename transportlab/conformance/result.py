"""The results of a run.

There are five statuses, each with a total of its own, so that a skipped vector never counts as
passed.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

import msgspec

from transportlab.conformance.vectors import Case


class Status(StrEnum):
    """How a vector ended on an arm.

    unsupported: the transport or the plugin does not support what the vector requires.
    not run: it could not be tried here, for a reason that lies in the machine.
    harness error: the suite itself failed, which says nothing about the plugin.
    """

    PASS = "pass"  # noqa: S105  # a verdict, no password
    FAIL = "fail"
    UNSUPPORTED = "unsupported"
    NOT_RUN = "not run"
    HARNESS_ERROR = "harness error"


BAD = (Status.FAIL, Status.HARNESS_ERROR)

NO_SESSION = "open a session"
"""What fails for all vectors that are not tried, because no session opens."""


class Failure(msgspec.Struct, frozen=True):
    """Why a vector failed.

    step: its number, from 1; 0 before the first. doing: what it was.
    problem: what was expected, and what came.
    blame: "binding" if the same vector passes without a wire, "backend" if it fails there too,
        empty if that was not tried.
    """

    step: int
    doing: str
    problem: str
    blame: str = ""


class Line(msgspec.Struct, frozen=True):
    """Something that was said: when, in seconds; by whom; on which connection; the text.

    by: ">" for the suite as the host, "<" for the plugin, "!" for the plugin's log.
    """

    at: float
    by: str
    on: str
    text: str


class Captured(msgspec.Struct, frozen=True):
    """What passed in a vector, for its capsule. left_out: how many lines more there were.

    before: the ids of vectors that the plugin's process had carried out before.
    """

    lines: tuple[Line, ...] = ()
    left_out: int = 0
    before: tuple[str, ...] = ()


class Outcome(msgspec.Struct):
    """How one vector ended on one arm.

    transcript: its replies in plain values, for the oracle. captured: see there; None unless asked
    for. known: why its failure is expected. advisory: the vector is not required.
    """

    vector: Case
    status: Status
    reason: str = ""
    failure: Failure | None = None
    transcript: tuple[Any, ...] = ()
    seconds: float = 0.0
    captured: Captured | None = None
    known: str = ""
    advisory: bool = False

    @property
    def bad(self) -> bool:
        """Whether the run fails by it."""
        return self.status in BAD and not self.known and not self.advisory

    @property
    def untried(self) -> bool:
        """Whether it failed without an attempt, as no session opens."""
        return self.failure is not None and self.failure.doing == NO_SESSION


class ArmResult(msgspec.Struct):
    """All outcomes on one arm, in the order of the vectors.

    codec: empty if the subject chooses it. wire: whether messages become bytes.
    """

    transport: str
    codec: str
    wire: bool
    outcomes: list[Outcome] = msgspec.field(default_factory=list)

    @property
    def name(self) -> str:
        """The arm's name for people."""
        return "-".join(filter(None, (self.transport, self.codec)))

    def totals(self, *, advisory: bool = False) -> dict[str, int]:
        """How many required vectors ended in each status, or advisory ones; all five are there."""
        counts = Counter(o.status for o in self.outcomes if o.advisory is advisory)
        return {status.value: counts[status] for status in Status}

    def bad(self) -> list[Outcome]:
        """What the run fails by: failures that nobody expects, and harness errors."""
        return [outcome for outcome in self.outcomes if outcome.bad]

    def known(self) -> list[Outcome]:
        """The expected failures."""
        return [outcome for outcome in self.outcomes if outcome.known]

    def groups(self) -> dict[str, Counter[Status]]:
        """How many required vectors of each group ended in each status."""
        found: dict[str, Counter[Status]] = {}
        for outcome in self.outcomes:
            if not outcome.advisory:
                found.setdefault(outcome.vector.group, Counter())[outcome.status] += 1
        return found


class Disagreement(msgspec.Struct, frozen=True):
    """A vector that passes on an arm and without a wire, but with different replies."""

    vector: Case
    transport: str
    codec: str
    problem: str


class Report(msgspec.Struct, frozen=True):
    """The results of a whole run. fixed: expected failures that pass, by their ids."""

    vectors: tuple[Case, ...]
    arms: tuple[ArmResult, ...]
    disagreements: tuple[Disagreement, ...]
    fixed: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether something passed and nothing failed, neither the plugin nor the suite."""
        bad = self.disagreements or self.fixed or any(arm.bad() for arm in self.arms)
        return self.passed and not bad

    @property
    def passed(self) -> bool:
        """Whether any required vector passed on any arm."""
        return any(arm.totals()[Status.PASS] for arm in self.arms)

    def evidence(self) -> dict[str, Any]:
        """The member `conformance` of an evidence file."""
        return {
            "vectors": len(self.vectors),
            "results": [
                {
                    "transport": arm.transport,
                    "codec": arm.codec,
                    "totals": arm.totals(),
                    "failures": [o.vector.id for o in arm.bad()] + self._differing(arm),
                }
                for arm in self.arms
            ],
        }

    def _differing(self, arm: ArmResult) -> list[str]:
        return [
            f"differential/{d.vector.id}"
            for d in self.disagreements
            if (d.transport, d.codec) == (arm.transport, arm.codec)
        ]


def ladder(arm: ArmResult) -> tuple[int, Outcome | None]:
    """The highest level up to which nothing failed (-1: none), and the next vector to fix.

    An expected failure is one, too. What is advisory is not counted.
    """
    required = [outcome for outcome in arm.outcomes if not outcome.advisory]
    failed = [outcome for outcome in required if outcome.status in BAD]
    if not failed:
        tried = [o.vector.level for o in required if o.status is Status.PASS]
        return max(tried, default=-1), None
    first = min(failed, key=lambda outcome: outcome.vector.level)
    return first.vector.level - 1, first


def level_name(level: int, ladder: Sequence[str]) -> str:
    """A level in words, for people."""
    return f"{level} ({ladder[level]})" if level >= 0 else "none"


def by_status(totals: Mapping[str, int]) -> str:
    """The totals in one line."""
    return ", ".join(f"{count} {status}" for status, count in totals.items())
