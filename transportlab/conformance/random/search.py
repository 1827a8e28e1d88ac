"""Looks for sequences that fail, on all arms at once, and plays each again on each arm alone.

An arm that fails is told and left out, and the search begins anew with the others. So each arm that
is right has passed all sequences.
"""

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from transportlab.channel import Transport
from transportlab.conformance.random.arms import VECTOR, Arm, Stuck
from transportlab.conformance.random.play import Play, Trouble
from transportlab.conformance.random.steps import AnyStep
from transportlab.conformance.result import ArmResult, Failure, Outcome, Report, Status
from transportlab.conformance.subject import Subject
from transportlab.errors import LabError, RpcError, UsageError
from transportlab.registry import load_transport, not_built, not_installed, transport_names


class Search(Struct, frozen=True):
    """What to look for.

    steps: play only this sequence; None looks for one that fails. on_sequence: called as a sequence
    begins, with how many the search has begun.
    """

    sequences: int = 100
    seed: int = 0
    seconds: float = 10.0
    codec: str | None = None
    steps: tuple[AnyStep, ...] | None = None
    on_sequence: Callable[[int], None] = lambda _: None


class Finding(Struct, frozen=True):
    """A sequence that fails on an arm.

    number: of the step that does, 0 before the first. sequence: which of those tried failed first.
    again: whether it failed once more, in a fresh session. calls, stderr: of that.
    """

    arm: Arm
    steps: Sequence[AnyStep]
    number: int
    trouble: Trouble
    sequence: int
    again: bool
    calls: Sequence[Mapping[str, Any]] = ()
    stderr: Sequence[str] = ()

    def failure(self) -> Failure:
        """It as a vector's failure."""
        doing = describe(self.steps[self.number - 1]) if self.number else "begin a sequence"
        clauses = f" [{self.trouble.clauses}]" if self.trouble.clauses else ""
        return Failure(self.number, doing, f"{self.problem()}{clauses}")

    def problem(self) -> str:
        """What is wrong, without secrets."""
        return self.arm.redactor.text(self.trouble.problem)


def describe(step: AnyStep) -> str:
    """A step in JSON, without members that have their default."""
    return msgspec.json.encode(step).decode()


def run_random(
    transports: Sequence[str], subject: Subject, search: Search
) -> tuple[Report, list[Finding]]:
    """Search on all arms of the transports, or all there are.

    Raises UsageError for an unknown transport or codec.
    """
    results: list[ArmResult] = []
    arms: list[Arm] = []
    with contextlib.ExitStack() as undo:
        for transport in map(load_transport, transports or transport_names()):
            for codec in transport.traits.codecs:
                if search.codec in (None, codec):
                    results.append(ArmResult(transport.name, codec, wire=transport.traits.wire))
                    arm = Arm(subject, transport, codec, search.seconds)
                    undo.callback(arm.close)
                    outcome = _opened(arm, subject)
                    if outcome is None:
                        arms.append(arm)
                    else:
                        results[-1].outcomes.append(outcome)
        if not results:
            raise UsageError(f'no transport among those has the codec "{search.codec}"')
        with _quiet(arms):
            findings, idle = _searched(arms, subject, search)
    _conclude(results, findings, idle)
    return Report((VECTOR,), tuple(results), ()), findings


def _conclude(results: Sequence[ArmResult], findings: Sequence[Finding], idle: str) -> None:
    """Put the outcome of each arm that was tried into its result."""
    failed = {found.arm.name: found for found in findings}
    for result in results:
        if result.outcomes:
            continue
        if result.name in failed:
            failure = failed[result.name].failure()
            result.outcomes.append(Outcome(VECTOR, Status.FAIL, failure=failure))
        else:
            status = Status.NOT_RUN if idle else Status.PASS
            result.outcomes.append(Outcome(VECTOR, status, reason=idle))


def _opened(arm: Arm, subject: Subject) -> Outcome | None:
    """Open a session. Returns the outcome of an arm that cannot be tried."""
    if lacking := not_installed(arm.transport, arm.codec):
        return Outcome(VECTOR, Status.NOT_RUN, reason=lacking)
    if reason := subject.unreachable(arm.transport):
        return Outcome(VECTOR, Status.UNSUPPORTED, reason=reason)
    try:
        arm.open()
    except LabError as error:
        if _lacks_codec(arm.transport, arm.codec, error):
            reason = f"needs codec {arm.codec}, which the plugin does not have"
            return Outcome(VECTOR, Status.UNSUPPORTED, reason=reason)
        if subject.reference and (how := not_built(arm.transport)):
            return Outcome(VECTOR, Status.NOT_RUN, reason=f"{how} ({error})")
        failure = Failure(0, "open a session", str(arm.redactor.error(error)))
        return Outcome(VECTOR, Status.FAIL, failure=failure)
    return None


def _lacks_codec(transport: Transport, codec: str, error: LabError) -> bool:
    """Whether the plugin does not have a codec that it need not have (P-GRPC-2)."""
    refused = isinstance(error, RpcError) and error.details.reason == "UNKNOWN_CODEC"
    return refused and codec != transport.traits.codecs[0]


def _searched(arms: Sequence[Arm], subject: Subject, search: Search) -> tuple[list[Finding], str]:
    """What is found, and why nothing could be tried with the rest; empty if it was."""
    findings: list[Finding] = []
    left, in_lines = list(arms), "crontab-file" in subject.features()
    while left:
        play = Play(left, in_lines=in_lines)
        found, sequence, idle = _first(play, search)
        if found is None:
            return findings, idle
        new = _alone(found, sequence, play)
        findings += new
        failed = {finding.arm.name for finding in new}
        left = [arm for arm in left if arm.name not in failed]
    return findings, ""


Replay = tuple[Sequence[AnyStep], int, Trouble]
"""Steps, the number of the one that fails, and what is wrong with it."""


def _first(play: Play, search: Search) -> tuple[Replay | None, int, str]:
    """The first failure, shrunk; in which sequence it was; why nothing could be tried."""
    try:
        played, trouble = play.learn()
    except Stuck as stuck:
        played, trouble = [], Trouble(stuck.arm, stuck.problem)
    if trouble is not None:
        return (played, len(played), trouble), 0, ""
    if "plan" in play.can and not play.schedules:
        return None, 0, "the plugin can express none of the schedules that sequences have"
    if search.steps is not None:
        return replayed(play, search.steps), 0, ""
    from transportlab.conformance.random.machine import hunt

    found = hunt(play, search.sequences, search.seed, search.on_sequence)
    if found.trouble is None:
        return None, 0, ""
    return (found.shortest, len(found.shortest), found.trouble), found.sequence, ""


def replayed(play: Play, sequence: Sequence[AnyStep]) -> Replay | None:
    """Play a sequence. Returns its failure, None if there is none."""
    number = 0
    try:
        if trouble := play.begin():
            return sequence, number, trouble
        for number, step in enumerate(sequence, 1):  # a Stuck is of that step
            if trouble := play.step(step):
                return sequence, number, trouble
    except Stuck as stuck:
        return sequence, number, Trouble(stuck.arm, stuck.problem)
    return None


def _alone(found: Replay, sequence: int, play: Play) -> list[Finding]:
    """The failure on each arm where it fails alone; if on none, where it was found."""
    steps, number, trouble = found
    findings = []
    for arm in play.arms:
        if (again := _again(arm, steps, in_lines=play.model.in_lines)) is not None:
            shown = [arm.redactor.text(line) for line in arm.tail()]
            calls, arm.calls = arm.calls or (), None
            findings.append(Finding(arm, *again, sequence, again=True, calls=calls, stderr=shown))
        arm.calls = None
    return findings or [Finding(trouble.arm, steps, number, trouble, sequence, again=False)]


def _again(arm: Arm, steps: Sequence[AnyStep], *, in_lines: bool) -> Replay | None:
    """The failure in a fresh session of one arm, whose calls are kept."""
    try:
        arm.open()
        play = Play([arm], in_lines=in_lines)
        arm.calls = []
        learned, trouble = play.learn()
    except LabError as error:
        return steps, 0, Trouble(arm, str(arm.redactor.error(error)))
    except Stuck as stuck:
        return steps, 0, Trouble(arm, stuck.problem)
    if trouble is not None:
        return learned, len(learned), trouble
    arm.calls = []
    return replayed(play, steps)


@contextlib.contextmanager
def _quiet(arms: Sequence[Arm]) -> Iterator[None]:
    """Drop stderr while backends in this process write their log there."""
    if all(arm.transport.traits.isolated for arm in arms):
        yield
        return
    with open(os.devnull, "w", encoding="utf-8") as nowhere, contextlib.redirect_stderr(nowhere):
        yield
