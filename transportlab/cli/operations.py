"""The operations as commands, and `transportlab transports`."""

import sys
from collections.abc import Sequence
from typing import Annotated

import msgspec
import typer
from rich.console import Console

from transportlab import __version__, model
from transportlab.cli import render
from transportlab.cli.options import (
    EXIT_DIVERGED,
    EXIT_DRIFT,
    EXIT_NOT_FOUND,
    Invocation,
    JsonOption,
    operation,
)
from transportlab.cli.process import EXIT_ERROR
from transportlab.codecs import load_codec
from transportlab.errors import UsageError
from transportlab.host.apply import carry_out
from transportlab.registry import load_transport, missing_libraries, transport_names

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="One backend RPC set over several transports: call it, check it, measure it.",
)

DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")
]
StrictOption = Annotated[bool, typer.Option("--strict", help="Take each warning for an error.")]


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


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"transportlab {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    pass


@app.command()
@operation
def read(run: Invocation) -> None:
    """Show the app's entries, and the markers that cannot be read."""
    reply = run.backend.read(model.ReadRequest(run.manifest.app), run.context())
    run.show(reply, render.entries)


@app.command()
@operation
def plan(run: Invocation, strict: StrictOption = False) -> int:
    """Show what apply would do."""
    reply = _plan(run)
    run.show(reply, render.plan)
    return _strictly(reply.warnings, strict)


def _plan(run: Invocation) -> model.PlanReply:
    request = model.PlanRequest(run.manifest.app, run.jobs)
    reply: model.PlanReply = run.backend.plan(request, run.context())
    return reply


@app.command()
@operation
def apply(run: Invocation, strict: StrictOption = False) -> int:
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
    typer.echo(f"error: --strict: there are warnings ({len(warnings)})", err=True)
    return EXIT_ERROR


@app.command()
@operation
def drift(
    run: Invocation,
    exit_on_drift: Annotated[bool, typer.Option(help="Exit with 5 if there is drift.")] = False,
) -> int:
    """Show how entries differ from the manifest; change nothing."""
    reply = run.backend.drift(model.DriftRequest(run.manifest.app, run.jobs), run.context())
    run.show(reply, render.drift)
    return EXIT_DRIFT if reply.items and exit_on_drift else 0


@app.command()
@operation
def prune(run: Invocation, dry_run: DryRunOption = False) -> None:
    """Remove the app's entries whose jobs are not in the manifest."""
    keep = tuple(wanted.job.name for wanted in run.jobs)
    request = model.PruneRequest(run.manifest.app, keep, dry_run)
    reply = run.backend.prune(request, run.context())
    result = PruneResult(reply.removed, dry_run)
    run.show(result, lambda out, shown: render.pruned(out, shown, dry_run))


@app.command()
@operation
def adopt(
    run: Invocation,
    job: Annotated[
        str | None,
        typer.Option(help="The job; needed if the manifest has several.", metavar="NAME"),
    ] = None,
    dry_run: DryRunOption = False,
) -> int:
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


@app.command()
@operation
def verify_ownership(run: Invocation, strict: StrictOption = False) -> int:
    """Judge each entry: owned, tampered, abandoned, duplicate or foreign."""
    request = model.VerifyOwnershipRequest(run.manifest.app, run.jobs)
    reply = run.backend.verify_ownership(request, run.context())
    run.show(reply, render.verdicts)
    return _strictly(reply.warnings, strict)


@app.command()
def transports(
    as_json: JsonOption = False,
) -> None:
    """Show the transports and what each can and cannot do."""
    rows = []
    for name in transport_names():
        transport = load_transport(name)
        missing = missing_libraries(transport)
        for codec in transport.traits.codecs:
            others = set(missing_libraries(transport, codec)) - set(missing)
            missing += [f"{library} (for {codec})" for library in sorted(others)]
        rows.append({"name": name, **msgspec.to_builtins(transport.traits), "missing": missing})
    if as_json:
        typer.echo(load_codec("json").encode({"transports": rows}).decode())
    else:
        width = None if sys.stdout.isatty() else 160
        render.transports(Console(highlight=False, markup=False, width=width), rows)
