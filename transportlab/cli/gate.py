"""`transportlab gate`: the handshake gate. docs/handshake-gate.md explains it."""

from pathlib import Path
from subprocess import SubprocessError
from typing import TYPE_CHECKING, Annotated

import typer
from msgspec.structs import replace

from transportlab.cli.config import (
    ConfigEnvOption,
    ConfigFileOption,
    ConfigOption,
    configuration,
)
from transportlab.cli.operations import app
from transportlab.cli.process import EXIT_USAGE, check_writable, guarded
from transportlab.errors import UsageError

if TYPE_CHECKING:  # numpy takes a tenth of a second, which no other command should wait for
    from transportlab.evidence.gate.run import Options


@app.command()
def gate(  # noqa: PLR0913  # one parameter an option
    *,
    plugin: Annotated[Path, typer.Option(help="Judge this build of a plugin.", metavar="PATH")],
    against: Annotated[
        Path | None, typer.Option(help="Compare with this build.", metavar="BASE")
    ] = None,
    band: Annotated[
        Path | None, typer.Option(help="Compare with this stored band.", metavar="FILE")
    ] = None,
    write_band: Annotated[
        Path | None, typer.Option(help="Measure a band and write it.", metavar="FILE")
    ] = None,
    self_test: Annotated[
        int | None,
        typer.Option(help="Test the gate: N rounds unchanged, N delayed.", metavar="N", min=1),
    ] = None,
    transport: Annotated[
        list[str] | None, typer.Option(help="Only this one; may be repeated.", metavar="NAME")
    ] = None,
    backend_config: ConfigOption = None,
    backend_config_file: ConfigFileOption = None,
    backend_config_env: ConfigEnvOption = None,
    pairs: Annotated[int, typer.Option(help="Pairs of handshakes in a batch.", min=1)] = 60,
    seconds: Annotated[float, typer.Option(help="Time limit for one transport.", min=1)] = 90.0,
    seed: Annotated[int, typer.Option(help="Seed of the order and the bootstrap.", min=0)] = 1,
    json: Annotated[
        Path | None, typer.Option("--json", help="Write the result as JSON.", metavar="FILE")
    ] = None,
    junit: Annotated[
        Path | None, typer.Option(help="Write the result for JUnit.", metavar="FILE")
    ] = None,
) -> None:
    """Fail if a build of a plugin has become slower to its first answer.

    Exits with 0 if it has not, 1 if it has, 3 if the machine cannot tell, 4 if it does not answer.
    """
    with guarded(error_exit=EXIT_USAGE):
        chosen = [o for o in (against, band, write_band, self_test) if o is not None]
        if len(chosen) != 1:
            raise UsageError("give one of --against, --band, --write-band and --self-test")
        if (json or junit) and (write_band or self_test):
            raise UsageError("--json and --junit go with --against and --band")
        check_writable(json, junit, write_band)
        from transportlab.evidence.gate.run import Options

        config = configuration(backend_config, backend_config_file, backend_config_env)
        options = Options(
            head=_file(plugin),
            base=_file(against) if against else None,
            transports=tuple(dict.fromkeys(transport or ())),
            config=config.plain,
            secrets=config.secrets,
            pairs=pairs,
            seconds=seconds,
            seed=seed,
        )
        try:
            if self_test:
                code = _self_test(options, self_test)
            elif write_band:
                code = _write_band(options, write_band)
            else:
                code = _judge(options, band, json, junit)
        except (OSError, SubprocessError) as error:
            # Status 1 says that the build is slower, and this does not.
            raise UsageError(f"the gate could not do its work: {error}") from error
    raise typer.Exit(code)


def _file(path: Path) -> str:
    """The absolute path: the host takes a word without a slash for a name."""
    if not path.is_file():
        raise UsageError(f"{path}: no such file")
    return str(path.absolute())


def _judge(options: "Options", band: Path | None, json: Path | None, junit: Path | None) -> int:
    from transportlab.evidence.gate.band import differences, load
    from transportlab.evidence.gate.run import run
    from transportlab.evidence.gate.verdict import as_json, as_junit, lines

    if band:
        stored = load(band)
        options = replace(options, band=stored)
        for difference in differences(stored):
            typer.echo(f"note: {difference}", err=True)
    result = run(options)
    typer.echo("\n".join(lines(result)))
    if json:
        json.write_bytes(as_json(result))
    if junit:
        junit.write_bytes(as_junit(result))
    return result.exit_code


def _write_band(options: "Options", path: Path) -> int:
    """Write a band, but only if every transport could be read: later builds are judged by it."""
    from transportlab.evidence.gate.band import make, save, too_wide
    from transportlab.evidence.gate.decide import MIN_PAIRS
    from transportlab.evidence.gate.run import readings
    from transportlab.evidence.gate.verdict import EXIT_INCONCLUSIVE

    found = readings(options)
    for name, reading in found.items():
        typer.echo(
            f"{name}: {reading.ratio:.3f} bare spawns"
            f" [{reading.low:.3f}, {reading.high:.3f}] of {reading.pairs} pairs"
        )
    bad = {n: r.contaminated or "too few pairs" for n, r in found.items() if not r.usable}
    bad |= {n: why for n, r in found.items() if n not in bad and (why := too_wide(r.low, r.high))}
    for name, why in bad.items():
        typer.echo(f"error: {name}: {why}; at least {MIN_PAIRS} pairs on a quiet machine", err=True)
    if bad:
        return EXIT_INCONCLUSIVE
    save(make(options.head, found), path)
    return 0


def _self_test(options: "Options", rounds: int) -> int:
    from transportlab.evidence.gate.run import measurable
    from transportlab.evidence.gate.selftest import self_test, shown
    from transportlab.evidence.gate.verdict import EXIT_REGRESSION

    names = tuple(measurable(options))
    rates = self_test(replace(options, transports=names), rounds, typer.echo)
    typer.echo("\n".join(shown(rates)))
    return 0 if rates.sound else EXIT_REGRESSION
