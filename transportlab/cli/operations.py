"""The operations as commands."""

from argparse import BooleanOptionalAction
from collections.abc import Sequence

import msgspec

from transportlab import model
from transportlab.cli import render
from transportlab.cli.options import (
    EXIT_CHANGES,
    EXIT_DIVERGED,
    EXIT_NOT_FOUND,
    Invocation,
    operation,
)
from transportlab.cli.out import tell_error
from transportlab.cli.parser import flag, option
from transportlab.cli.streams import EXIT_ERROR
from transportlab.errors import UsageError
from transportlab.host.apply import carry_out

DRY_RUN = flag("--dry-run", help="Say what would be done, and do nothing.")
STRICT = flag("--strict", help="Take each warning for an error.")


class ApplyResult(msgspec.Struct, frozen=True):
    """What `apply --json` prints: the events of the ops that were carried out, and their counts."""

    events: tuple[model.ApplyEvent, ...]
    counts: model.Counts
    warnings: tuple[model.StoreWarning, ...] = ()


class PruneResult(model.PruneReply, frozen=True):
    """What `prune --json` prints. dry_run: the entries would be removed, and are still there."""

    dry_run: bool = False


class AdoptResult(model.AdoptReply, frozen=True):
    """What `adopt --json` prints. dry_run: "adopted" stands for what would be done."""

    dry_run: bool = False


@operation()
def read(run: Invocation) -> None:
    """Show the app's entries, and the markers that cannot be read."""
    reply = run.backend.read(model.ReadRequest(run.manifest.app), run.context())
    run.show(reply, render.entries)


@operation(
    STRICT,
    flag(
        "--detailed-exitcode",
        help="Exit with 5 if apply would change anything; 2 stays the code of wrong usage.",
    ),
)
def plan(run: Invocation, *, strict: bool, detailed_exitcode: bool) -> int:
    """Show what apply would do."""
    reply = _plan(run)
    run.show(reply, render.plan)
    status = _strictly(reply.warnings, strict)
    changes = any(op.kind is not model.OpKind.SKIP for op in reply.ops)
    return status or (EXIT_CHANGES if changes and detailed_exitcode else 0)


def _plan(run: Invocation) -> model.PlanReply:
    request = model.PlanRequest(run.manifest.app, run.jobs)
    reply: model.PlanReply = run.backend.plan(request, run.context())
    return reply


@operation(STRICT)
def apply(run: Invocation, *, strict: bool) -> int:
    """Make a plan, and carry it out. With --strict nothing is done if there are warnings."""
    wanted = _plan(run)
    if strict and wanted.warnings:
        run.show(wanted, render.plan)
        return _strictly(wanted.warnings, strict)
    events = []
    steps = sum(op.kind is not model.OpKind.SKIP for op in wanted.ops)
    with render.progress(steps) as advance:
        for event in carry_out(run.backend, wanted, run.context()):
            events.append(event)
            if event.kind is model.ApplyEventKind.DONE:
                advance(run.redactor.text(event.job))
    counts = next((event.counts for event in events if event.counts), model.Counts())
    result = ApplyResult(tuple(events), counts, wanted.warnings)
    run.show(result, lambda out, _: render.applied(out, run.redactor.value(wanted), counts))
    return 0


def _strictly(warnings: Sequence[model.StoreWarning], strict: bool) -> int:
    """The exit status of a command whose reply has these warnings."""
    if not strict or not warnings:
        return 0
    tell_error(f"--strict: there are warnings ({len(warnings)})")
    return EXIT_ERROR


@operation(
    flag(
        "--exit-on-drift",
        action=BooleanOptionalAction,
        default=False,
        help="Exit with 5 if there is drift.",
    )
)
def drift(run: Invocation, *, exit_on_drift: bool) -> int:
    """Show how entries differ from the manifest; change nothing."""
    reply = run.backend.drift(model.DriftRequest(run.manifest.app, run.jobs), run.context())
    run.show(reply, render.drift)
    return EXIT_CHANGES if reply.items and exit_on_drift else 0


@operation(DRY_RUN)
def prune(run: Invocation, *, dry_run: bool) -> None:
    """Remove the app's entries whose jobs are not in the manifest."""
    keep = tuple(wanted.job.name for wanted in run.jobs)
    request = model.PruneRequest(run.manifest.app, keep, dry_run)
    reply = run.backend.prune(request, run.context())
    result = PruneResult(reply.removed, dry_run)
    run.show(result, lambda out, shown: render.pruned(out, shown, dry_run))


@operation(
    option("--job", metavar="NAME", help="The job; needed if the manifest has several."),
    DRY_RUN,
)
def adopt(run: Invocation, *, job: str | None, dry_run: bool) -> int:
    """Mark existing entries of one job as owned.

    Exits with 6 if they diverge from the manifest, 7 if there are none.
    """
    wanted = _one_job(run, job)
    request = model.AdoptRequest(run.manifest.app, wanted, dry_run)
    reply = run.backend.adopt(request, run.context())
    result = AdoptResult(reply.outcome, reply.differences, reply.entries, dry_run)
    run.show(result, lambda out, shown: render.adopted(out, wanted.job.name, shown, dry_run))
    codes = {
        model.AdoptOutcome.DIVERGED: EXIT_DIVERGED,
        model.AdoptOutcome.NOT_FOUND: EXIT_NOT_FOUND,
    }
    return codes.get(reply.outcome, 0)


def _one_job(run: Invocation, name: str | None) -> model.DesiredJob:
    names = [wanted.job.name for wanted in run.jobs]
    if name is None and len(names) == 1:
        return run.jobs[0]
    for wanted in run.jobs:
        if wanted.job.name == name:
            return wanted
    shown = ", ".join(names[:10]) + (", ..." if len(names) > 10 else "")  # noqa: PLR2004  # a line's worth
    problem = f'the manifest has no job "{name}"' if name else "the manifest has several jobs"
    raise UsageError(f"{problem}; give --job with one of {shown}")


@operation(STRICT)
def verify_ownership(run: Invocation, *, strict: bool) -> int:
    """Judge each entry: owned, tampered, abandoned, duplicate or foreign."""
    request = model.VerifyOwnershipRequest(run.manifest.app, run.jobs)
    reply = run.backend.verify_ownership(request, run.context())
    run.show(reply, render.verdicts)
    return _strictly(reply.warnings, strict)
