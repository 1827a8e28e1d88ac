"""`transportlab evidence`, `report` and `reproduce`: measure, and read what was measured."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from transportlab.cli import render
from transportlab.cli.operations import app
from transportlab.cli.process import EXIT_ERROR, guarded, open_console, tell_error
from transportlab.data import RUNS
from transportlab.errors import UsageError

# The modules of transportlab.evidence are imported where they are used: numpy and matplotlib take a
# while, which no other command should wait for.

EXIT_BUSY = 3
"""As the gate's: this machine cannot tell."""

OWN = Path("out/evidence.json")


@app.command()
def evidence(  # noqa: PLR0913, PLR0917  # one parameter an option
    profile: Annotated[str, typer.Option(help="quick or full.", metavar="NAME")] = "quick",
    out: Annotated[Path, typer.Option(help="Write this file.", metavar="FILE")] = OWN,
    seed: Annotated[
        int | None,
        typer.Option(help="Seed of the random order; a new one unless given.", min=0),
    ] = None,
    suite: Annotated[
        list[str] | None,
        typer.Option(help="Run this suite only; may be repeated.", metavar="NAME"),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue the interrupted run in the file of --out.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Replace the file of --out if it is there.")
    ] = False,
) -> None:
    """Measure every transport and write a file of evidence.

    The file is written after each block, so an interrupted run can be resumed.
    """
    suites = tuple(suite or ())
    try:
        with guarded():
            from transportlab.evidence.run.runner import EvidenceRun, Options

            EvidenceRun(Options(profile, out, seed, suites, resume, force=force)).go()
    except KeyboardInterrupt:
        words = ["transportlab", "evidence", "--profile", profile, "--out", str(out), "--resume"]
        words += [word for name in suites for word in ("--suite", name)]
        typer.echo(f"to resume: {shlex.join(words)}", err=True)
        raise
    typer.echo(f"evidence: {out}")


@app.command()
def report(
    files: Annotated[list[Path], typer.Argument(help="Evidence files.", metavar="FILE...")],
    out: Annotated[
        Path, typer.Option(help="A .md file to write, or a folder for REPORT.md.", metavar="PATH")
    ] = Path("out"),
) -> None:
    """Write REPORT.md and its figures from evidence files."""
    with guarded():
        from transportlab.evidence.report.document import write

        typer.echo(f"report: {write(files, out)}")


@app.command()
def reproduce(
    file: Annotated[Path, typer.Argument(help="The evidence of your own run.")] = OWN,
    against: Annotated[
        list[Path] | None,
        typer.Option(
            help="Compare with this evidence; the committed unless given.", metavar="FILE"
        ),
    ] = None,
) -> None:
    """Judge every claim by your own run, beside the committed evidence.

    Exits with 1 if a claim holds in one and is contradicted in the other, but with 3 if your
    machine was too busy to tell.
    """
    with guarded():
        from transportlab.evidence.analysis.claims import Outcome, judge, load_claims, outcome
        from transportlab.evidence.analysis.compare import Measured, busy
        from transportlab.evidence.record import merge
        from transportlab.evidence.report.formatting import digits, ratio

        theirs = against or sorted(RUNS.glob("*.json"))
        if not theirs:
            raise UsageError(f"no committed evidence in {RUNS}; give --against")
        if not file.exists():
            raise UsageError(f"{file}: no such file; `transportlab evidence --out {file}` makes it")
        claims = load_claims()
        runs = [merge([file]), merge(theirs)]
        own, committed = (judge(claims, Measured(run)) for run in runs)
        outcomes = [outcome(one, other) for one, other in zip(own, committed, strict=True)]
        _show(
            [
                (
                    one.claim.id,
                    f"{one.claim.comparison} {digits(one.claim.bound)}",
                    f"{one.verdict}: {ratio(one.found)}",
                    f"{other.verdict}: {ratio(other.found)}",
                    f"{one.claim.tolerance:g}",
                    found,
                )
                for one, other, found in zip(own, committed, outcomes, strict=True)
            ],
            {name: outcomes.count(name) for name in Outcome if name in outcomes},
        )
    if Outcome.OPPOSITE not in outcomes:
        raise typer.Exit(0)
    why = busy(runs[0])
    if not why:
        raise typer.Exit(EXIT_ERROR)
    tell_error(f"{file}: {why}: it contradicts nothing; measure again on a quiet machine")
    raise typer.Exit(EXIT_BUSY)


def _show(rows: list[tuple[str, ...]], counts: dict[str, int]) -> None:
    """Print a line for each claim, and how often there was each outcome."""
    out = open_console()
    head = ("CLAIM", "BOUND", "OWN RUN", "COMMITTED", "TOLERANCE", "OUTCOME")
    render.table(out, head, rows)
    out.print(", ".join(f"{count} {name}" for name, count in counts.items()))
