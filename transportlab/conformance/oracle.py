"""The differential oracle: whether one vector gives the same replies on every arm.

On the arm without a wire the backend is an object in this process, so it shows what the backend
itself answers. An arm with other replies has a wrong binding, even if each reply is as the vector
expects. If a vector fails on an arm, the binding is at fault if it passes without a wire, and the
backend if it fails there too. The oracle need not know which reply is right.
"""

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from transportlab.conformance.patterns import mismatch
from transportlab.conformance.result import ArmResult, Disagreement, Outcome, Status


def disagreements(arms: Sequence[ArmResult]) -> tuple[Disagreement, ...]:
    """Where an arm's replies differ from those without a wire. Also blames each failure, in place.

    Without an arm that has no wire there is nothing to compare with, and nothing is found.
    """
    base = next((arm for arm in arms if not arm.wire), None)
    if base is None:
        return ()
    known = {outcome.vector.id: outcome for outcome in base.outcomes}
    for arm in arms:
        for outcome in arm.outcomes:
            if outcome.vector.id in known:  # else it is of the arm's own wire
                _blame(outcome, known[outcome.vector.id])
    return tuple(found for arm in arms if arm is not base for found in _differing(arm, known))


def _blame(outcome: Outcome, base: Outcome) -> None:
    if outcome.failure is None:
        return
    if base.status is Status.PASS:
        outcome.failure = replace(outcome.failure, blame="binding")
    elif base.status is Status.FAIL:
        outcome.failure = replace(outcome.failure, blame="backend")


def _differing(arm: ArmResult, known: Mapping[str, Outcome]) -> list[Disagreement]:
    found = []
    for outcome in arm.outcomes:
        base = known.get(outcome.vector.id)
        if base is not None and outcome.status is base.status is Status.PASS:
            problem = _first_difference(base.transcript, outcome.transcript)
            if problem:
                found.append(Disagreement(outcome.vector, arm.transport, arm.codec, problem))
    return found


def _first_difference(wanted: Sequence[object], got: Sequence[object]) -> str:
    """The first reply that differs, as the whole list would be too long to read; empty if none."""
    for number, (left, right) in enumerate(zip(wanted, got, strict=False), 1):
        if problem := mismatch({"$is": left}, right, f"reply {number}"):
            return problem
    if len(wanted) != len(got):
        return f"{len(wanted)} replies without a wire, {len(got)} here"
    return ""
