"""What a person sees of a run: totals per arm, each failure with what replays it, the ladder."""

import shlex
from collections.abc import Iterator, Sequence

from transportlab.conformance.result import (
    ArmResult,
    Outcome,
    Report,
    Status,
    by_status,
    ladder,
    level_name,
)


def totals_line(arm: ArmResult) -> str:
    """An arm's totals, all five, and why vectors were not run."""
    reasons = {o.reason for o in arm.outcomes if o.status is Status.NOT_RUN}
    why = f" (not run: {'; '.join(sorted(reasons))})" if reasons else ""
    return f"{arm.name:14} {by_status(arm.totals())}{why}"


def outcome_text(arm: ArmResult, outcome: Outcome, replay: Sequence[str]) -> str:
    """A failure or a harness error: what, why, where, expected and got, and how to see it again."""
    vector = outcome.vector
    lines = [f"{outcome.status.upper()} {arm.name} {vector.id} [{', '.join(vector.clauses)}]"]
    lines.append(f"  why: {vector.why}")
    if outcome.failure is not None:
        failure = outcome.failure
        lines.append(f"  step {failure.step}: {failure.doing}")
        lines.append(f"  {failure.problem}")
    if outcome.reason:
        lines.append(f"  {outcome.reason}")
    lines.append(f"  replay: {replay_command(arm, outcome, replay)}")
    return "\n".join(lines)


def replay_command(arm: ArmResult, outcome: Outcome, options: Sequence[str]) -> str:
    """The one command that runs this vector on this arm again."""
    command = ["transportlab", "conformance", "--transport", arm.transport, "--codec", arm.codec]
    return shlex.join([*command, *options, "--vector", outcome.vector.id])


def summary(report: Report) -> Iterator[str]:
    """After the last arm: who is to blame, where arms disagree, and the next rung."""
    for arm in report.arms:
        for outcome in arm.bad():
            if outcome.failure is not None and outcome.failure.blame:
                yield f"BLAME {arm.name} {outcome.vector.id}: the {outcome.failure.blame}"
    for found in report.disagreements:
        name = f"{found.transport}-{found.codec} {found.vector.id}"
        yield f"DISAGREEMENT {name}: the binding differs from the arm without a wire"
        yield f"  {found.problem}"
    for arm in report.arms:
        if arm.bad():
            yield from _rung(arm)
    yield f"{'OK' if report.ok else 'FAILED'}: {len(report.vectors)} vectors"


def _rung(arm: ArmResult) -> Iterator[str]:
    level, following = ladder(arm)
    yield f"LADDER {arm.name}: level {level_name(level)}"
    if following is not None:
        vector = following.vector
        yield f"  next: {vector.id} (level {vector.level}) [{', '.join(vector.clauses)}]"
        if following.failure is not None:
            yield f"  by: {following.failure.doing}"
        yield f"  likely cause: {vector.cause}"
