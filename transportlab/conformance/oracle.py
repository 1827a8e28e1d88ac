"""The differential oracle: one vector over several arms must give equal replies.

The arm without a wire says what the backend answers. An arm that differs from it has a binding that
is wrong; where both fail, the backend is. Which of two is right nobody needs to know for that.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from transportlab.conformance.match import mismatch
from transportlab.conformance.result import ArmResult, Disagreement, Outcome, Status


def disagreements(arms: Sequence[ArmResult]) -> tuple[Disagreement, ...]:
    """Where passing arms differ; as a side effect each failure gets its blame."""
    base = next((arm for arm in arms if not arm.wire), None)
    if base is None:
        return ()
    known = {outcome.vector.id: outcome for outcome in base.outcomes}
    found: list[Disagreement] = []
    for arm in arms:
        if arm is not base:
            found += _of_arm(arm, known)
    for outcome in base.outcomes:
        _blame(outcome, outcome)
    return tuple(found)


def _of_arm(arm: ArmResult, known: Mapping[str, Outcome]) -> list[Disagreement]:
    found = []
    for outcome in arm.outcomes:
        base = known[outcome.vector.id]
        _blame(outcome, base)
        if outcome.status is base.status is Status.PASS:
            problem = mismatch({"$is": list(base.transcript)}, list(outcome.transcript))
            if problem:
                where = _first(base.transcript, outcome.transcript)
                found.append(Disagreement(outcome.vector, arm.transport, arm.codec, where))
    return found


def _first(wanted: Sequence[object], got: Sequence[object]) -> str:
    """The first reply that differs: the list as a whole would be too long to read."""
    for number, (left, right) in enumerate(zip(wanted, got, strict=False), 1):
        if problem := mismatch({"$is": left}, right, f"reply {number}"):
            return problem
    return f"{len(wanted)} replies without a wire, {len(got)} here"


def _blame(outcome: Outcome, base: Outcome) -> None:
    if outcome.failure is None:
        return
    if base.status is Status.PASS:
        outcome.failure = replace(outcome.failure, blame="binding")
    elif base.status is Status.FAIL:
        outcome.failure = replace(outcome.failure, blame="backend")
