"""The suite of hosts as a command: `transportlab conformance host`."""

from pathlib import Path

from transportlab.cli.errors import check_writable
from transportlab.cli.lab.conformance import JSON_FILE, JUNIT, json_lines, print_text
from transportlab.cli.out import tell_error
from transportlab.cli.parser import at_least, command, option, repeated
from transportlab.cli.streams import EXIT_ERROR, EXIT_USAGE
from transportlab.conformance.host.command import OWN, parse_template
from transportlab.conformance.host.runner import HostOptions, run_host
from transportlab.conformance.host.vectors import load_host_vectors
from transportlab.conformance.report import (
    JsonLines,
    outcome_text,
    summary,
    totals_line,
    write_junit,
)
from transportlab.conformance.result import BAD, ArmResult, Outcome
from transportlab.conformance.vectors import select
from transportlab.errors import UsageError

SUITE = ("conformance", "host")


@command(
    option(
        "--command",
        dest="template",
        metavar="COMMAND",
        help="The host's command, with {verb}, {manifest}, {backend}, {transport} and {options} in"
        " it; the lab's own by default.",
    ),
    repeated("--transport", metavar="NAME", help="Only this one; may be repeated."),
    repeated("--group", metavar="GROUP", help="Only this group of vectors."),
    repeated("--vector", metavar="ID", help="Only this vector."),
    JSON_FILE,
    JUNIT,
    option(
        "--jobs",
        type=at_least(1, int),
        default=2,
        metavar="N",
        help="How many vectors run at once (%(default)s by default).",
    ),
)
def conformance_host(  # noqa: PLR0913  # one parameter an option
    *,
    template: str | None,
    transport: list[str],
    group: list[str],
    vector: list[str],
    json_file: Path | None,
    junit: Path | None,
    jobs: int,
) -> int:
    """Test a host's command against the protocol, with plugins that follow a script.

    Exits with 0 if something passed and nothing failed, 1 otherwise, 2 for a wrong option or no
    vector.
    """
    replay = [] if template is None else ["--command", template]
    try:
        chosen = select(load_host_vectors(), group, vector)
        parsed = parse_template(OWN if template is None else template).located()
        check_writable(json_file, junit)
        with json_lines(json_file, len(chosen)) as lines:
            result = run_host(parsed, chosen, transport, _options(jobs, replay, lines))
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


def _options(jobs: int, replay: list[str], lines: JsonLines | None) -> HostOptions:
    def tell(arm: ArmResult, outcome: Outcome) -> None:
        if lines is not None:
            lines.outcome(arm, outcome)
        if outcome.status in BAD:
            print_text(outcome_text(arm, outcome, replay, SUITE))

    return HostOptions(int(jobs), lambda arm: print_text(totals_line(arm)), tell)
