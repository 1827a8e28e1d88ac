"""The conformance suite as a command: `transportlab conformance`."""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from transportlab.cli.config import (
    ENVIRONMENT,
    FILE,
    PLAIN,
    ConfigEnvOption,
    ConfigFileOption,
    ConfigOption,
    Configuration,
    configuration,
)
from transportlab.cli.operations import app
from transportlab.cli.process import EXIT_ERROR, EXIT_USAGE, check_writable, tell_error
from transportlab.errors import UsageError
from transportlab.quote import clean

if TYPE_CHECKING:
    # Imported when the command runs: other commands need not wait for it.
    from transportlab.conformance.report import JsonLines
    from transportlab.conformance.runner import Options
    from transportlab.conformance.subject import Subject

Names = list[str] | None

TransportsOption = Annotated[
    Names, typer.Option("--transport", help="Only this one; may be repeated.", metavar="NAME")
]
CodecOption = Annotated[str | None, typer.Option(help="Only this encoding.", metavar="NAME")]
PluginOption = Annotated[
    str | None,
    typer.Option(help="Test this plugin, a path or a name, instead of the lab's.", metavar="PATH"),
]
OffersOption = Annotated[
    Names,
    typer.Option(
        "--offers",
        help="A feature that the plugin has: crontab-file, faults or fresh-store.",
        metavar="FEATURE",
    ),
]
GroupOption = Annotated[
    Names, typer.Option("--group", help="Only this group of vectors.", metavar="GROUP")
]
VectorOption = Annotated[Names, typer.Option("--vector", help="Only this vector.", metavar="ID")]
JsonOption = Annotated[
    Path | None, typer.Option("--json", help="Write each result as a line of JSON.", metavar="FILE")
]
JunitOption = Annotated[
    Path | None, typer.Option("--junit", help="Write a JUnit report.", metavar="FILE")
]
TimeoutOption = Annotated[
    float, typer.Option(help="How long a vector may take.", metavar="SECONDS", min=0.1)
]


@app.command()
def conformance(  # noqa: PLR0913, PLR0917  # one parameter an option
    transport: TransportsOption = None,
    codec: CodecOption = None,
    plugin: PluginOption = None,
    backend_config: ConfigOption = None,
    backend_config_file: ConfigFileOption = None,
    backend_config_env: ConfigEnvOption = None,
    offers: OffersOption = None,
    group: GroupOption = None,
    vector: VectorOption = None,
    json_file: JsonOption = None,
    junit: JunitOption = None,
    timeout: TimeoutOption = 10.0,
) -> None:
    """Test a plugin against the protocol on every transport; without --plugin, the lab's own.

    Exits with 0 if something passed and nothing failed, 1 otherwise, 2 for a wrong option or no
    vector.
    """
    from transportlab.conformance.report import summary, write_junit
    from transportlab.conformance.runner import run_matrix
    from transportlab.conformance.vectors import load_vectors, select

    try:
        config = configuration(backend_config, backend_config_file, backend_config_env)
        subject = _subject(plugin, config, offers or [])
        given = {PLAIN: backend_config, FILE: backend_config_file, ENVIRONMENT: backend_config_env}
        replay = _replay(plugin, {**given, "--offers": offers})
        chosen = select(load_vectors(), group or (), vector or ())
        check_writable(json_file, junit)
        with _json_lines(json_file, len(chosen)) as lines:
            options = _options(codec, timeout, replay, lines)
            with config.hidden():
                result = run_matrix(transport, chosen, subject, options)
            if lines is not None:
                lines.end(result)
        if junit is not None:
            write_junit(junit, result)
    except (UsageError, OSError) as error:
        tell_error(str(error))
        raise typer.Exit(EXIT_USAGE) from None
    for line in summary(result):
        _print(line)
    raise typer.Exit(0 if result.ok else EXIT_ERROR)


def _options(
    codec: str | None, timeout: float, replay: list[str], lines: "JsonLines | None"
) -> "Options":
    """Options that tell each result as it comes: all to the file, the bad ones to the person."""
    from transportlab.conformance.report import outcome_text, totals_line
    from transportlab.conformance.result import BAD, ArmResult, Outcome
    from transportlab.conformance.runner import Options

    def tell(arm: ArmResult, outcome: Outcome) -> None:
        if lines is not None:
            lines.outcome(arm, outcome)
        if outcome.status in BAD:
            _print(outcome_text(arm, outcome, replay))

    return Options(codec, timeout, lambda arm: _print(totals_line(arm)), tell)


def _print(text: str) -> None:
    typer.echo(clean(text, keep_lines=True))


def _subject(plugin: str | None, config: Configuration, offers: list[str]) -> "Subject":
    from transportlab.conformance.subject import Subject
    from transportlab.conformance.vectors import FEATURES

    if plugin is None:
        if config or offers:
            raise UsageError("--backend-config and --offers go with --plugin")
        return Subject()
    for name in offers:
        if name not in FEATURES:
            raise UsageError(f'unknown feature "{name}"; there are {", ".join(FEATURES)}')
    return Subject(
        plugin,
        config.plain,
        frozenset(offers),
        faulty="",
        reference=False,
        secrets=config.secrets,
    )


def _replay(plugin: str | None, given: Mapping[str, list[str] | None]) -> list[str]:
    """The options that name the same subject again; a secret is named by its place."""
    words = [] if plugin is None else ["--plugin", plugin]
    for option, values in given.items():
        for value in values or ():
            words += [option, value]
    return words


@contextlib.contextmanager
def _json_lines(path: Path | None, vectors: int) -> "Iterator[JsonLines | None]":
    from transportlab.conformance.report import JsonLines

    if path is None:
        yield None
        return
    with path.open("wb") as file:
        yield JsonLines(file, vectors)
