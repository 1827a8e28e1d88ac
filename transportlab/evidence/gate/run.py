"""The gate as a whole: which transports, their batches, the fresh batch, one verdict each.

What the verdicts mean:

    pass           the upper bound excludes +10 %
    regression     suspicious, and suspicious again in a fresh batch
    failed         the head does not answer where its reference does, or the band has no entry
    inconclusive   anything else, with its interval; it is not a pass
"""

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from transportlab.channel import EndpointKind
from transportlab.errors import LabError, UsageError
from transportlab.evidence.gate import measure
from transportlab.evidence.gate.decide import (
    MIN_PAIRS,
    Band,
    Batch,
    Entry,
    Finding,
    Reading,
    findings,
    read,
)
from transportlab.host.discovery import LIBRARY_SUFFIX
from transportlab.registry import load_transport, not_installed, transport_names

EXIT_REGRESSION = 1
EXIT_INCONCLUSIVE = 3


class Verdict(StrEnum):
    """What the gate says of a transport."""

    PASS = "pass"  # noqa: S105  # a verdict, no password
    REGRESSION = "regression"
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One transport's verdict, why, and the batches it rests on."""

    transport: str
    verdict: Verdict
    why: str
    first: Reading | None = None
    repeat: Reading | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """All outcomes; notes say what was not measured and why."""

    outcomes: tuple[Outcome, ...]
    notes: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 all pass, 1 any regression or failure, else 3."""
        verdicts = {outcome.verdict for outcome in self.outcomes}
        if verdicts & {Verdict.REGRESSION, Verdict.FAILED}:
            return EXIT_REGRESSION
        return 0 if verdicts == {Verdict.PASS} else EXIT_INCONCLUSIVE


@dataclass(frozen=True, slots=True)
class Job:
    """What is gated. base or band is the reference; seconds bound one transport, both batches.

    config and secrets are what OpenSession is given; of secrets nothing is shown.
    """

    head: str
    base: str | None = None
    band: Band | None = None
    transports: tuple[str, ...] = ()
    config: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    pairs: int = 60
    seconds: float = 90.0
    seed: int = 1

    def target(self, plugin: str, transport: str) -> measure.Target:
        """A build over a transport, with this job's configuration."""
        return measure.Target(plugin, transport, self.config, self.secrets)


def run(job: Job) -> Result:
    """Gate every transport that the reference knows. Raises UsageError if there is none."""
    names, notes, outcomes = _applicable(job)
    first: dict[str, Reading] = {}
    for name in names:
        try:
            first[name] = Sampler(job, name).reading(0)
        except LabError as error:
            outcomes.append(_broken(name, error))
    for name, finding in findings(first).items():
        try:
            again = finding is Finding.SUSPICIOUS
            repeat = Sampler(job, name).reading(1) if again else None
        except LabError as error:
            outcomes.append(_broken(name, error))
        else:
            outcomes.append(conclude(name, finding, first[name], repeat))
    if not outcomes:
        raise UsageError(f"nothing to gate: {'; '.join(notes) or 'no transport'}")
    return Result(tuple(sorted(outcomes, key=lambda o: o.transport)), tuple(notes))


def _broken(name: str, error: LabError) -> Outcome:
    """A build that does not answer every time; the error names which of the two it was."""
    return Outcome(name, Verdict.FAILED, f"a handshake failed: {_first_line(error)}")


def _first_line(error: LabError) -> str:
    return str(error).partition("\n")[0]


def readings(job: Job) -> dict[str, Reading]:
    """One batch a transport without a reference: the head over bare spawns, to make a band of."""
    return {name: Sampler(job, name).reading(0) for name in measurable(job)}


def measurable(job: Job) -> list[str]:
    """The transports by which the head answers here. Raises UsageError if there is none."""
    names, notes, _ = _applicable(job)
    if not names:
        raise UsageError(f"nothing to measure: {'; '.join(notes)}")
    return names


class Sampler:
    """Batches of one transport of one job."""

    def __init__(self, job: Job, transport: str) -> None:
        self._job, self._transport = job, transport
        self._python = measure.interpreter(job.head)

    def reading(self, number: int) -> Reading:
        """A fresh batch, in an order of its own, held against the reference."""
        job, name = self._job, self._transport
        clocks: dict[str, measure.Clock] = {
            "head": job.target(job.head, name).handshake,
            "control": lambda: measure.bare_spawn(self._python),
        }
        if job.base:
            clocks["base"] = job.target(job.base, name).handshake
        taken = measure.batch(
            clocks,
            job.pairs,
            job.seconds / 2,
            random.Random(f"{job.seed} {name} {number}"),  # noqa: S311  # an order, not a secret
        )
        entry = job.band.entries[name] if job.band else None
        return read(against(taken, entry), job.seed + number)


def against(batch: Batch, entry: Entry | None) -> Batch:
    """The batch with a band's upper end as its reference: the band's own doubt is no regression."""
    if entry is None:
        return batch
    return Batch(tuple(value - math.log(entry.high) for value in batch.logs), batch.control)


def conclude(name: str, finding: Finding, first: Reading, repeat: Reading | None) -> Outcome:
    """The verdict of one transport from its first batch and, if there was one, the fresh one."""
    if repeat is None:
        verdict = Verdict.PASS if finding is Finding.CLEAR else Verdict.INCONCLUSIVE
        return Outcome(name, verdict, _why(verdict, first), first)
    again = findings({name: repeat})[name]
    verdict = {
        Finding.SUSPICIOUS: Verdict.REGRESSION,
        Finding.CLEAR: Verdict.PASS,
        Finding.INCONCLUSIVE: Verdict.INCONCLUSIVE,
    }[again]
    return Outcome(name, verdict, _why(verdict, repeat, repeated=True), first, repeat)


def _why(verdict: Verdict, reading: Reading, *, repeated: bool = False) -> str:
    shown = f"{reading.ratio:.3f} [{reading.low:.3f}, {reading.high:.3f}] of {reading.pairs} pairs"
    if verdict is Verdict.REGRESSION:
        return f"slower by more than 5 % in two batches: {shown}"
    if verdict is Verdict.PASS:
        suspected = "; a first batch was suspicious, a fresh one was not" if repeated else ""
        return f"+10 % is excluded: {shown}{suspected}"
    if reading.contaminated:
        return f"{reading.contaminated}; {shown}"
    if not reading.usable:
        return f"too few pairs for a verdict, at least {MIN_PAIRS} are needed: {shown}"
    return f"neither 5 % slower nor free of +10 %: {shown}"


def _applicable(job: Job) -> tuple[list[str], list[str], list[Outcome]]:
    """The transports to measure, notes on the others, and outcomes that need no measurement."""
    names, notes, outcomes = [], [], []
    for name in job.transports or transport_names():
        gap = _cannot(job.head, name)
        if not gap and job.base:
            gap = _refused(job.target(job.base, name))
        expected = bool(job.base) or (job.band is not None and name in job.band.entries)
        refusal = "" if gap else _refused(job.target(job.head, name))
        if refusal and expected:
            outcomes.append(Outcome(name, Verdict.FAILED, f"no handshake: {refusal}"))
        elif gap or refusal:
            if job.transports:
                raise UsageError(f"{name}: {gap or refusal}")
            notes.append(f"{name}: not measured: {gap or refusal}")
        elif job.band and not expected:
            outcomes.append(Outcome(name, Verdict.FAILED, "the band has no entry for it"))
        else:
            names.append(name)
    return names, notes, outcomes


def _cannot(plugin: str, transport: str) -> str:
    """Why this machine cannot reach this file by that transport; empty if it can."""
    wanted = load_transport(transport)
    if wanted.traits.endpoint is EndpointKind.OBJECT:
        return "it reaches no plugin"
    library = wanted.traits.endpoint is EndpointKind.LIBRARY
    if library != (Path(plugin).suffix == LIBRARY_SUFFIX):
        return "it needs a shared library" if library else "it needs a program"
    return not_installed(wanted)


def _refused(target: measure.Target) -> str:
    """Why a plugin does not answer over a transport, its first line; empty if it does.

    This handshake is not timed; it also loads the host's side of the transport.
    """
    try:
        target.handshake()
    except LabError as error:
        return _first_line(error)
    return ""
