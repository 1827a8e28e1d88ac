"""The conformance suite as a command: `transportlab conformance`."""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from transportlab.cli.config import (
    CONFIG,
    ENVIRONMENT,
    FILE,
    PLAIN,
    Configuration,
    configuration,
)
from transportlab.cli.errors import check_writable
from transportlab.cli.out import tell_error
from transportlab.cli.parser import at_least, command, option, repeated
from transportlab.cli.streams import EXIT_ERROR, EXIT_USAGE
from transportlab.conformance.report import (
    JsonLines,
    outcome_text,
    summary,
    totals_line,
    write_junit,
)
from transportlab.conformance.result import BAD, ArmResult, Outcome
from transportlab.conformance.runner import Options, run_matrix
from transportlab.conformance.subject import Subject
from transportlab.conformance.vectors import FEATURES, load_vectors, select
from transportlab.errors import PluginError, UsageError
from transportlab.host.discovery import LIBRARY_SUFFIX, find
from transportlab.quote import clean

JSON_FILE = option(
    "--json",
    dest="json_file",
    type=Path,
    metavar="FILE",
    help="Write each result as a line of JSON.",
)
JUNIT = option("--junit", type=Path, metavar="FILE", help="Write a JUnit report.")


@command(
    repeated("--transport", metavar="NAME", help="Only this one; may be repeated."),
    option("--codec", metavar="NAME", help="Only this encoding."),
    option(
        "--plugin",
        metavar="PATH",
        help="Test this plugin, a path or a name, instead of the lab's.",
    ),
    *CONFIG,
    repeated(
        "--offers",
        metavar="FEATURE",
        help="A feature that the plugin has: crontab-file, faults or fresh-store.",
    ),
    repeated("--group", metavar="GROUP", help="Only this group of vectors."),
    repeated("--vector", metavar="ID", help="Only this vector."),
    JSON_FILE,
    JUNIT,
    option(
        "--timeout",
        type=at_least(0.1),
        default=10.0,
        metavar="SECONDS",
        help="How long a vector may take (%(default)s by default).",
    ),
)
def conformance(  # noqa: PLR0913  # one parameter an option
    *,
    transport: list[str],
    codec: str | None,
    plugin: str | None,
    backend_config: list[str],
    backend_config_file: list[str],
    backend_config_env: list[str],
    offers: list[str],
    group: list[str],
    vector: list[str],
    json_file: Path | None,
    junit: Path | None,
    timeout: float,
) -> int:
    """Test a plugin against the protocol on every transport; without --plugin, the lab's own.

    Exits with 0 if something passed and nothing failed, 1 otherwise, 2 for a wrong option or no
    vector.
    """
    try:
        config = configuration(backend_config, backend_config_file, backend_config_env)
        subject = _subject(plugin, config, offers)
        given = {PLAIN: backend_config, FILE: backend_config_file, ENVIRONMENT: backend_config_env}
        replay = _replay(plugin, {**given, "--offers": offers})
        chosen = select(load_vectors(), group, vector)
        check_writable(json_file, junit)
        with json_lines(json_file, len(chosen)) as lines:
            options = _options(codec, timeout, replay, lines)
            with config.hidden():
                result = run_matrix(transport or None, chosen, subject, options)
            if lines is not None:
                lines.end(result)
        if junit is not None:
            write_junit(junit, result)
    except (UsageError, OSError) as error:
        tell_error(str(error))
        return EXIT_USAGE
    for line in summary(result, whole=not (group or vector)):
        print_text(line)
    return 0 if result.ok else EXIT_ERROR


def _options(
    codec: str | None, timeout: float, replay: list[str], lines: JsonLines | None
) -> Options:
    """Options that tell each result as it comes: all to the file, the bad ones to the person."""

    def tell(arm: ArmResult, outcome: Outcome) -> None:
        if lines is not None:
            lines.outcome(arm, outcome)
        if outcome.status in BAD:
            print_text(outcome_text(arm, outcome, replay))

    return Options(codec, timeout, lambda arm: print_text(totals_line(arm)), tell)


def print_text(text: str) -> None:
    """Print what may hold a plugin's own words."""
    print(clean(text, keep_lines=True), flush=True)


def _subject(plugin: str | None, config: Configuration, offers: list[str]) -> Subject:
    if plugin is None:
        if config or offers:
            raise UsageError("--backend-config and --offers go with --plugin")
        return Subject()
    for name in offers:
        if name not in FEATURES:
            raise UsageError(f'unknown feature "{name}"; there are {", ".join(FEATURES)}')
    try:
        find(plugin, library=plugin.endswith(LIBRARY_SUFFIX))
    except PluginError as error:
        raise UsageError(str(error)) from error
    return Subject(
        plugin,
        config.plain,
        frozenset(offers),
        faulty="",
        reference=False,
        secrets=config.secrets,
    )


def _replay(plugin: str | None, given: Mapping[str, list[str]]) -> list[str]:
    """The options that name the same subject again; a secret is named by its place."""
    words = [] if plugin is None else ["--plugin", plugin]
    for name, values in given.items():
        for value in values:
            words += [name, value]
    return words


@contextlib.contextmanager
def json_lines(path: Path | None, vectors: int) -> Iterator[JsonLines | None]:
    """Open the file of --json, if there is one."""
    if path is None:
        yield None
        return
    with path.open("wb") as file:
        yield JsonLines(file, vectors)
