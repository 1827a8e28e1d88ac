"""The command that measures."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from transportlab.cli import render
from transportlab.cli.operations import app
from transportlab.cli.process import (
    EXIT_ERROR,
    EXIT_USAGE,
    NOT_A_TERMINAL_WIDTH,
    guarded,
    interrupts,
)
from transportlab.data import RUNS
from transportlab.errors import LabError, UsageError


@app.command()
def evidence(
    profile: Annotated[str, typer.Option(help="quick, or full.", metavar="NAME")] = "quick",
    out: Annotated[Path, typer.Option(help="The file to write.", metavar="FILE")] = Path(
        "out/evidence.json"
    ),
    seed: Annotated[
        int | None, typer.Option(help="Of the order; a new one unless given.", min=0)
    ] = None,
    suite: Annotated[
        list[str] | None, typer.Option(help="One of the suites; all unless given.", metavar="NAME")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the file of an interrupted run.")
    ] = False,
) -> None:
    """Measure every transport and write one file of evidence.

    If it is interrupted, what was measured until then is in the file.
    """
    from transportlab.evidence.run.runner import EvidenceRun, Options

    suites = tuple(suite or ())
    try:
        EvidenceRun(Options(profile, out, seed, suites, resume)).go()
    except LabError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(EXIT_USAGE if isinstance(error, UsageError) else EXIT_ERROR) from None
    except KeyboardInterrupt:
        words = ["transportlab", "evidence", "--profile", profile, "--out", str(out), "--resume"]
        words += [word for name in suites for word in ("--suite", name)]
        typer.echo(f"interrupted; to go on: {shlex.join(words)}", err=True)
        raise typer.Exit(interrupts.status) from None
    typer.echo(f"evidence: {out}")


# `transportlab report` and `transportlab reproduce`: what evidence files say.

if TYPE_CHECKING:  # numpy and matplotlib take a while, which no other command should wait for
    from transportlab.evidence.analysis.claims import Judged

OWN = Path("out/evidence.json")


@app.command()
def report(
    files: Annotated[list[Path], typer.Argument(help="Evidence files.", metavar="FILE...")],
    out: Annotated[
        Path, typer.Option(help="The .md file to write, or a folder for REPORT.md.", metavar="PATH")
    ] = Path("out"),
) -> None:
    """Write REPORT.md and its figures: a pure function of the files."""
    with guarded():
        from transportlab.evidence.report.document import write

        typer.echo(f"report: {write(files, out)}")


@app.command()
def reproduce(
    file: Annotated[Path, typer.Argument(help="The evidence of your own run.")] = OWN,
    against: Annotated[
        list[Path] | None,
        typer.Option(help="Evidence to compare with; the committed, unless given.", metavar="FILE"),
    ] = None,
) -> None:
    """Hold every claim against your own run, beside the committed evidence.

    Exits with 1 if a claim holds in one and is contradicted in the other.
    """
    with guarded():
        from transportlab.evidence.analysis.claims import judge, load_claims
        from transportlab.evidence.analysis.compare import Measured
        from transportlab.evidence.record import merge

        theirs = against or sorted(RUNS.glob("*.json"))
        if not theirs:
            raise UsageError(f"no committed evidence in {RUNS}; give --against")
        if not file.exists():
            raise UsageError(f"{file}: no such file; `transportlab evidence --out {file}` makes it")
        claims = load_claims()
        own, committed = (judge(claims, Measured(merge(paths))) for paths in ([file], theirs))
        opposite = _show(own, committed)
    raise typer.Exit(EXIT_ERROR if opposite else 0)


def _show(own: "list[Judged]", committed: "list[Judged]") -> bool:
    """Print both sides, claim by claim; whether any is opposite."""
    from transportlab.evidence.analysis.claims import Outcome, outcome
    from transportlab.evidence.report.formatting import digits, ratio

    found = [outcome(one, other) for one, other in zip(own, committed, strict=True)]
    rows = [
        (
            one.claim.id,
            f"{one.claim.comparison} {digits(one.claim.bound)}",
            f"{one.verdict}: {ratio(one.found)}",
            f"{other.verdict}: {ratio(other.found)}",
            f"{one.claim.tolerance:g}",
            outcome_,
        )
        for one, other, outcome_ in zip(own, committed, found, strict=True)
    ]
    out = Console(highlight=False, markup=False, emoji=False)
    if not out.is_terminal:
        out.width = NOT_A_TERMINAL_WIDTH
    head = ("CLAIM", "BOUND", "OWN RUN", "COMMITTED", "TOLERANCE", "OUTCOME")
    render.table(out, head, rows)
    counts = {name: found.count(name) for name in Outcome if name in found}
    out.print(", ".join(f"{count} {name}" for name, count in counts.items()))
    return Outcome.OPPOSITE in found
