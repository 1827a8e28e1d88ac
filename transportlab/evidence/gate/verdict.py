"""From findings to verdicts.

pass           the second margin, +10 % unless chosen, is excluded
regression     slower by more than the first margin, +5 % unless chosen
failed         the head does not answer where its reference does
measured       added to a history, and compared with nothing
inconclusive   the time is over and neither is certain, with what would decide. It is not a pass.
"""

import math
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import msgspec

from transportlab.evidence.gate import counts
from transportlab.evidence.gate.counts import Counts
from transportlab.evidence.gate.decide import (
    MIN_PAIRS,
    Finding,
    Margins,
    Pairs,
    Reading,
    finding,
    more_needed,
)

EXIT_REGRESSION = 1
EXIT_INCONCLUSIVE = 3
EXIT_FAILED = 4


class Verdict(StrEnum):
    """What the gate says of a transport; the module's docstring defines each."""

    PASS = "pass"  # noqa: S105  # a verdict, no password
    REGRESSION = "regression"
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"
    MEASURED = "measured"


class Outcome(msgspec.Struct, frozen=True):
    """The verdict on one transport, why, and what is behind it.

    reason: what the head does more than its base, for people. counts: of "base" and "head".
    """

    transport: str
    verdict: Verdict
    why: str
    reason: str = ""
    reading: Reading | None = None
    pairs: Pairs | None = None
    counts: Mapping[str, Counts] = {}


class File(msgspec.Struct, frozen=True):
    """A file that took part, and the SHA-256 of its bytes."""

    path: str
    sha256: str


class About(msgspec.Struct, frozen=True):
    """Under what circumstances something was measured.

    files: head, base and, where hosts are gated, plugin. machine: as in evidence files. load: what
    else the machine did, before and after.
    """

    version: str
    seed: int
    margins: Margins
    first_look: int
    seconds: float
    files: Mapping[str, File]
    machine: Mapping[str, Any] = {}
    load: tuple[Mapping[str, Any], ...] = ()

    def lines(self) -> list[str]:
        """For people."""
        cpu = self.machine.get("cpu", {}).get("model", "unknown processor")
        count = len(self.machine.get("topology", {}).get("available", ()))
        python = self.machine.get("python", {}).get("version", "?")
        kernel = self.machine.get("kernel", "?")
        told = [
            f"transportlab {self.version}, seed {self.seed}",
            f"fails above +{self.margins.fail_above:g} %, passes below"
            f" +{self.margins.pass_below:g} %, {self.seconds:g} s a transport at most",
            f"{cpu}, {count} CPUs, {kernel}, Python {python}",
        ]
        return told + [f"{n}: {f.path}, sha256 {f.sha256}" for n, f in self.files.items()]


class Result(msgspec.Struct, frozen=True):
    """The outcomes of all transports. notes: what was not measured or counted, and why."""

    outcomes: tuple[Outcome, ...]
    notes: tuple[str, ...] = ()
    about: About | None = None

    @property
    def exit_code(self) -> int:
        """1 if any is a regression, 4 if any failed, 3 if any is inconclusive, otherwise 0."""
        verdicts = {outcome.verdict for outcome in self.outcomes}
        if Verdict.REGRESSION in verdicts:
            return EXIT_REGRESSION
        if Verdict.FAILED in verdicts:
            return EXIT_FAILED
        return EXIT_INCONCLUSIVE if Verdict.INCONCLUSIVE in verdicts else 0


_VERDICTS = {
    Finding.SLOWER: Verdict.REGRESSION,
    Finding.CLEAR: Verdict.PASS,
    Finding.OPEN: Verdict.INCONCLUSIVE,
}


def conclude(
    name: str, reading: Reading, margins: Margins, seconds: float, took: float = 0.0
) -> Outcome:
    """The verdict on a transport from its last reading, after `took` of `seconds`."""
    verdict = _VERDICTS[finding(reading, margins)]
    return Outcome(name, verdict, _why(reading, margins, seconds, took), reading=reading)


def _why(reading: Reading, margins: Margins, seconds: float, took: float) -> str:
    found = finding(reading, margins)
    if found is Finding.SLOWER:
        return f"slower by more than {margins.fail_above:g} %: {reading.shown}"
    if found is Finding.CLEAR:
        return f"+{margins.pass_below:g} % is excluded: {reading.shown}"
    if reading.contaminated:
        return f"{reading.contaminated}; {reading.shown}"
    more = more_needed(reading, margins)
    if reading.pairs < MIN_PAIRS:
        what = f"too few pairs for a verdict, at least {MIN_PAIRS} are needed"
    else:
        what = f"neither {margins.fail_above:g} % slower nor free of +{margins.pass_below:g} %"
    return f"{what}: {reading.shown}{_advice(reading, more, seconds, took)}"


def _advice(reading: Reading, more: int | None, seconds: float, took: float) -> str:
    """How many more pairs decide, and in how many seconds."""
    if more is None:
        return ""
    told = f"; about {more} more would decide"
    if not (took and reading.pairs):
        return told
    needed = seconds + more * took / reading.pairs
    return f"{told}: --seconds {math.ceil(needed / 10) * 10}"


def explained(outcome: Outcome, base: Counts, head: Counts, builds: tuple[str, str]) -> Outcome:
    """The outcome with what was counted, and the difference in time beside the one in counts.

    builds: the files of base and head.
    """
    told = counts.reason(base, head, builds)
    if not told:
        same = [counts.KINDS[kind][1] for kind in counts.KINDS if kind in head.counted]
        told = f"as many {' and '.join(same)} as before" if same else "nothing is counted here"
    if outcome.reading is not None and outcome.reading.pairs:
        more = (outcome.reading.head - outcome.reading.base) * 1000
        told = f"{more:+.1f} ms: {told}"
    return msgspec.structs.replace(outcome, reason=told, counts={"base": base, "head": head})
