"""The command that measures."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from transportlab.cli.interrupts import interrupts
from transportlab.cli.operations import app
from transportlab.cli.options import EXIT_ERROR, EXIT_USAGE
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
    from transportlab.evidence.run import EvidenceRun, Options

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
