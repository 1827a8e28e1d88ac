"""`transportlab gate`: the handshake gate. docs/handshake-gate.md explains it."""

from collections.abc import Callable
from pathlib import Path
from subprocess import SubprocessError
from typing import TYPE_CHECKING

from msgspec.structs import replace

from transportlab.cli.config import CONFIG, PLAIN, configuration
from transportlab.cli.errors import check_writable, guarded
from transportlab.cli.out import tell
from transportlab.cli.parser import at_least, command, flag, option, repeated
from transportlab.cli.streams import EXIT_ERROR, EXIT_USAGE
from transportlab.data import write_file
from transportlab.errors import UsageError
from transportlab.quote import clean

if TYPE_CHECKING:  # numpy takes a tenth of a second, which no other command should wait for
    from transportlab.evidence.gate.run import Options
    from transportlab.evidence.gate.verdict import Result

LEAST, MOST = 20, 2000
"""Pairs at the first look: see MIN_PAIRS and MOST_PAIRS in evidence/gate/decide.py."""

HISTORY_PAIRS = 60
"""Pairs of a build in a history at least, so that levels lie close together."""

Forms = dict[Path | None, Callable[[], bytes]]
"""What to write where; nothing where there is no path."""


@command(
    option("--plugin", type=Path, metavar="PATH", help="Judge this build of a plugin."),
    option("--against", type=Path, metavar="BASE", help="Compare with this build."),
    option(
        "--host",
        type=Path,
        metavar="PATH",
        help="Judge this build of a host's command; both builds start --plugin.",
    ),
    option(
        "--history",
        type=Path,
        metavar="FILE",
        help="Add the build to this history, and find its steps.",
    ),
    option("--build", metavar="NAME", help="The build's name in the history, such as its commit."),
    option("--accept", metavar="REASON", help="Accept the newest level of --history."),
    option(
        "--self-test",
        type=at_least(1, int),
        metavar="N",
        help="Test the gate: N rounds unchanged, N delayed.",
    ),
    option(
        "--delay",
        type=at_least(1),
        default=20.0,
        metavar="PERCENT",
        help="Delay of --self-test, in percent of a start (%(default)s by default).",
    ),
    repeated("--transport", metavar="NAME", help="Only this one; may be repeated."),
    *CONFIG,
    option(
        "--fail-above",
        type=at_least(0.1),
        default=5.0,
        metavar="PERCENT",
        help="Fail a build that is slower by more (%(default)s by default).",
    ),
    option(
        "--pass-below",
        type=at_least(0.1),
        default=10.0,
        metavar="PERCENT",
        help="Pass a build once more than this is excluded (%(default)s by default).",
    ),
    option(
        "--pairs",
        type=at_least(LEAST, int),
        default=30,
        metavar="N",
        help=f"Pairs of starts before the first look, {LEAST} to {MOST} (%(default)s by default).",
    ),
    option(
        "--seconds",
        type=at_least(1),
        default=90.0,
        metavar="SECONDS",
        help="Go on for so long, for one transport, until there is a verdict"
        " (%(default)s by default).",
    ),
    option(
        "--seed",
        type=at_least(0, int),
        default=1,
        metavar="N",
        help="Seed of the order of starts (%(default)s by default).",
    ),
    flag("--no-counts", help="Do not count modules, files and calls."),
    option("--json-file", type=Path, metavar="FILE", help="Write the result with samples as JSON."),
    option("--junit", type=Path, metavar="FILE", help="Write it for JUnit."),
    option("--markdown", type=Path, metavar="FILE", help="Write a summary for a comment."),
)
def gate(  # noqa: PLR0913  # one parameter an option
    *,
    plugin: Path | None,
    against: Path | None,
    host: Path | None,
    history: Path | None,
    build: str | None,
    accept: str | None,
    self_test: int | None,
    delay: float,
    transport: list[str],
    backend_config: list[str],
    backend_config_file: list[str],
    backend_config_env: list[str],
    fail_above: float,
    pass_below: float,
    pairs: int,
    seconds: float,
    seed: int,
    no_counts: bool,
    json_file: Path | None,
    junit: Path | None,
    markdown: Path | None,
) -> int:
    """Fail if a build of a plugin or of a host has become slower to its first answer.

    Exits with 0 if it has not, 1 if it has, 3 if the machine cannot tell, 4 if it does not answer.
    """
    files = (json_file, junit, markdown)
    try:
        with guarded(error_exit=EXIT_USAGE):
            if accept is not None:
                return _accept(history, accept, (plugin, against, host, self_test))
            _check_mode(plugin, against, history, build, self_test)
            check_writable(*files, history)
            from transportlab.evidence.gate.decide import Margins
            from transportlab.evidence.gate.run import Options, check

            config = configuration(backend_config, backend_config_file, backend_config_env)
            if host and config.secrets:
                raise UsageError(f"with --host only {PLAIN} can be given")
            head = host or plugin
            options = Options(
                head=_absolute(head),
                base=_absolute(against) or None,
                plugin=_absolute(plugin) if host else "",
                transports=tuple(dict.fromkeys(transport)),
                config=config.plain,
                secrets=config.secrets,
                words=tuple(word for value in backend_config for word in (PLAIN, value)),
                first_look=max(pairs, HISTORY_PAIRS if history else 0),
                seconds=seconds,
                seed=seed,
                margins=Margins(fail_above, pass_below),
                counted=not no_counts,
            )
            check(options)
            if pairs > MOST:
                raise UsageError(f"--pairs {pairs}: expected at most {MOST}")
            try:
                if self_test:
                    return _self_test(options, self_test, delay, files)
                return _judge(options, history, build, files)
            except (OSError, SubprocessError) as error:
                # Status 1 says that the build is slower, and this does not.
                raise UsageError(f"the gate could not do its work: {error}") from error
    except KeyboardInterrupt as end:
        for note in getattr(end, "__notes__", ()):
            _say(note)
        raise


def _check_mode(
    plugin: Path | None,
    against: Path | None,
    history: Path | None,
    build: str | None,
    self_test: int | None,
) -> None:
    """Raise UsageError for options that do not go together."""
    if plugin is None:
        raise UsageError("give --plugin; with --host it is what both hosts start")
    if self_test and (against or history):
        raise UsageError("--self-test needs neither --against nor --history")
    if not (against or history or self_test):
        raise UsageError("give --against, --history or --self-test")
    if build and not history:
        raise UsageError("--build goes with --history")


def _absolute(path: Path | None) -> str:
    """The absolute path: the host takes a word without a slash for a name."""
    return str(path.absolute()) if path else ""


def _say(text: str) -> None:
    tell(clean(text))


def _judge(
    options: "Options",
    history: Path | None,
    build: str | None,
    files: tuple[Path | None, Path | None, Path | None],
) -> int:
    from transportlab.evidence.gate import forms
    from transportlab.evidence.gate.history import check, load, subject
    from transportlab.evidence.gate.run import levels, run

    if history:
        now = subject(options.head, options.base, options.plugin)
        check(history, load(history), now)
    result = run(options, _say) if options.base else levels(options, _say)
    if history:
        result = _remembered(options, history, build, result)
    print("\n".join(forms.lines(result)))
    json, junit, markdown = files
    _write(
        {
            json: lambda: forms.as_json(result),
            junit: lambda: forms.as_junit(result),
            markdown: lambda: forms.as_markdown(result),
        }
    )
    return result.exit_code


def _remembered(options: "Options", path: Path, build: str | None, result: "Result") -> "Result":
    """The result with the trend of each transport, after the build is added to the history."""
    from transportlab.evidence.gate.history import add, load, trend

    added = add(path, options, result, build or "")
    entries = load(path)
    trends = [trend(entries, name).outcome(options.margins) for name in added]
    return replace(result, outcomes=(*result.outcomes, *trends))


def _accept(history: Path | None, reason: str, others: tuple[object, ...]) -> int:
    from transportlab.evidence.gate.history import accept

    if history is None or any(others):
        raise UsageError("--accept goes with --history alone")
    check_writable(history)
    print(f"accepted: {accept(history, reason)}")
    return 0


def _self_test(
    options: "Options",
    rounds: int,
    percent: float,
    files: tuple[Path | None, Path | None, Path | None],
) -> int:
    from transportlab.evidence.gate import selftest

    found = selftest.self_test(options, rounds, percent, _say)
    print("\n".join(selftest.lines(found)))
    json, junit, markdown = files
    _write(
        {
            json: lambda: selftest.as_json(found),
            junit: lambda: selftest.as_junit(found),
            markdown: lambda: selftest.as_markdown(found),
        }
    )
    return 0 if found.sound else EXIT_ERROR


def _write(forms: Forms) -> None:
    for path, form in forms.items():
        if path is not None:
            write_file(path, form())
