"""`transportlab gate`: the handshake gate. docs/handshake-gate.md explains it."""

from functools import partial
from pathlib import Path
from subprocess import SubprocessError
from typing import TYPE_CHECKING

from msgspec.structs import replace

from transportlab.cli.config import CONFIG, configuration
from transportlab.cli.errors import check_writable, guarded
from transportlab.cli.out import tell, tell_error
from transportlab.cli.parser import at_least, command, option, repeated
from transportlab.cli.streams import EXIT_USAGE
from transportlab.errors import UsageError

if TYPE_CHECKING:  # numpy takes a tenth of a second, which no other command should wait for
    from transportlab.evidence.gate.run import Options


@command(
    option(
        "--plugin",
        type=Path,
        required=True,
        metavar="PATH",
        help="Judge this build of a plugin.",
    ),
    option("--against", type=Path, metavar="BASE", help="Compare with this build."),
    option("--band", type=Path, metavar="FILE", help="Compare with this stored band."),
    option("--write-band", type=Path, metavar="FILE", help="Measure a band and write it."),
    option(
        "--self-test",
        type=at_least(1, int),
        metavar="N",
        help="Test the gate: N rounds unchanged, N delayed.",
    ),
    repeated("--transport", metavar="NAME", help="Only this one; may be repeated."),
    *CONFIG,
    option(
        "--pairs",
        type=at_least(1, int),
        default=60,
        metavar="N",
        help="Pairs of handshakes in a batch (%(default)s by default).",
    ),
    option(
        "--seconds",
        type=at_least(1),
        default=90.0,
        metavar="SECONDS",
        help="Time limit for one transport (%(default)s by default).",
    ),
    option(
        "--seed",
        type=at_least(0, int),
        default=1,
        metavar="N",
        help="Seed of the order and the bootstrap (%(default)s by default).",
    ),
    option("--json", type=Path, metavar="FILE", help="Write the result as JSON."),
    option("--junit", type=Path, metavar="FILE", help="Write the result for JUnit."),
)
def gate(  # noqa: PLR0913  # one parameter an option
    *,
    plugin: Path,
    against: Path | None,
    band: Path | None,
    write_band: Path | None,
    self_test: int | None,
    transport: list[str],
    backend_config: list[str],
    backend_config_file: list[str],
    backend_config_env: list[str],
    pairs: int,
    seconds: float,
    seed: int,
    json: Path | None,
    junit: Path | None,
) -> int:
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
            transports=tuple(dict.fromkeys(transport)),
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
    return code


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
            tell(f"note: {difference}")
    result = run(options)
    print("\n".join(lines(result)))
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
        print(
            f"{name}: {reading.ratio:.3f} bare spawns"
            f" [{reading.low:.3f}, {reading.high:.3f}] of {reading.pairs} pairs"
        )
    bad = {n: r.contaminated or "too few pairs" for n, r in found.items() if not r.usable}
    bad |= {n: why for n, r in found.items() if n not in bad and (why := too_wide(r.low, r.high))}
    for name, why in bad.items():
        tell_error(f"{name}: {why}; at least {MIN_PAIRS} pairs on a quiet machine")
    if bad:
        return EXIT_INCONCLUSIVE
    save(make(options.head, found), path)
    return 0


def _self_test(options: "Options", rounds: int) -> int:
    from transportlab.evidence.gate.run import measurable
    from transportlab.evidence.gate.selftest import self_test, shown
    from transportlab.evidence.gate.verdict import EXIT_REGRESSION

    names = tuple(measurable(options))
    rates = self_test(replace(options, transports=names), rounds, partial(print, flush=True))
    print("\n".join(shown(rates)))
    return 0 if rates.sound else EXIT_REGRESSION
