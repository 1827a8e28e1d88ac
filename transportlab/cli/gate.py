"""`transportlab gate`: the handshake gate. docs/handshake-gate.md explains it."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from transportlab.cli.config import (
    ConfigEnvOption,
    ConfigFileOption,
    ConfigOption,
    configuration,
)
from transportlab.cli.operations import app
from transportlab.cli.process import EXIT_USAGE, guarded
from transportlab.errors import UsageError

if TYPE_CHECKING:  # numpy takes a tenth of a second, which no other command should wait for
    from transportlab.evidence.gate.run import Job


@app.command()
def gate(  # noqa: PLR0913  # one parameter an option
    *,
    plugin: Annotated[Path, typer.Option(help="The build to judge.", metavar="PATH")],
    against: Annotated[
        Path | None, typer.Option(help="The build to judge it by.", metavar="BASE")
    ] = None,
    band: Annotated[
        Path | None, typer.Option(help="Without a base: a stored band.", metavar="FILE")
    ] = None,
    write_band: Annotated[
        Path | None, typer.Option(help="Measure and write a band.", metavar="FILE")
    ] = None,
    self_test: Annotated[
        int | None,
        typer.Option(help="The gate's own rates, of N unchanged and N delayed runs.", min=1),
    ] = None,
    transport: Annotated[
        list[str] | None, typer.Option(help="Only this one; may be repeated.", metavar="NAME")
    ] = None,
    backend_config: ConfigOption = None,
    backend_config_file: ConfigFileOption = None,
    backend_config_env: ConfigEnvOption = None,
    pairs: Annotated[int, typer.Option(help="Pairs of handshakes in a batch.", min=1)] = 60,
    seconds: Annotated[float, typer.Option(help="Bound a transport.", min=1)] = 90.0,
    seed: Annotated[int, typer.Option(help="Of the order and of the bootstrap.", min=0)] = 1,
    json: Annotated[
        Path | None, typer.Option("--json", help="Write an object.", metavar="FILE")
    ] = None,
    junit: Annotated[
        Path | None, typer.Option(help="Write a JUnit report.", metavar="FILE")
    ] = None,
) -> None:
    """Fail if a build of a plugin has become slower to its first answer.

    Exits with 0 if it has not, 1 if it has, 3 if the machine cannot tell.
    """
    with guarded(error_exit=EXIT_USAGE):
        chosen = [o for o in (against, band, write_band, self_test) if o is not None]
        if len(chosen) != 1:
            raise UsageError("give one of --against, --band, --write-band and --self-test")
        from transportlab.evidence.gate.run import Job

        config = configuration(backend_config, backend_config_file, backend_config_env)
        job = Job(
            head=_file(plugin),
            base=_file(against) if against else None,
            transports=tuple(dict.fromkeys(transport or ())),
            config=config.plain,
            secrets=config.secrets,
            pairs=pairs,
            seconds=seconds,
            seed=seed,
        )
        if self_test:
            code = _self_test(job, self_test)
        elif write_band:
            code = _write_band(job, write_band)
        else:
            code = _judge(job, band, json, junit)
    raise typer.Exit(code)


def _file(path: Path) -> str:
    """Absolute, as a plugin is given by a path with a slash."""
    if not path.is_file():
        raise UsageError(f"{path}: no such file")
    return str(path.absolute())


def _judge(job: "Job", band: Path | None, json: Path | None, junit: Path | None) -> int:
    from transportlab.evidence.gate import output
    from transportlab.evidence.gate.decide import differences, load
    from transportlab.evidence.gate.run import run

    if band:
        job = replace(job, band=load(band))
        for difference in differences(job.band) if job.band else []:
            typer.echo(f"note: {difference}", err=True)
    result = run(job)
    typer.echo("\n".join(output.lines(result)))
    if json:
        json.write_bytes(output.as_json(result))
    if junit:
        junit.write_bytes(output.as_junit(result))
    return result.exit_code


def _write_band(job: "Job", path: Path) -> int:
    """Write it only if every transport could be read: a band is what later runs are judged by."""
    from transportlab.evidence.gate.decide import MIN_PAIRS, make, save
    from transportlab.evidence.gate.run import EXIT_INCONCLUSIVE, readings

    found = readings(job)
    for name, reading in found.items():
        typer.echo(
            f"{name}: {reading.ratio:.3f} bare spawns"
            f" [{reading.low:.3f}, {reading.high:.3f}] of {reading.pairs} pairs"
        )
    bad = {n: r.contaminated or "too few pairs" for n, r in found.items() if not r.usable}
    for name, why in bad.items():
        typer.echo(f"error: {name}: {why}; at least {MIN_PAIRS} pairs on a quiet machine", err=True)
    if bad:
        return EXIT_INCONCLUSIVE
    save(make(job.head, found), path)
    return 0


def _self_test(job: "Job", rounds: int) -> int:
    from transportlab.evidence.gate.run import EXIT_REGRESSION, measurable
    from transportlab.evidence.gate.selftest import self_test, shown

    names = tuple(measurable(job))
    rates = self_test(replace(job, transports=names), rounds, typer.echo)
    typer.echo("\n".join(shown(rates)))
    return 0 if rates.sound else EXIT_REGRESSION
