"""The suite of hosts as a command: `transportlab conformance host`."""

from collections.abc import Callable, Sequence
from typing import Any

from transportlab.cli.lab.suite import HOSTS, OPTIONS, Run, Wanted, carry_out
from transportlab.cli.parser import at_least, command, option, repeated
from transportlab.conformance.host.command import OWN, parse_template
from transportlab.conformance.host.runner import HostOptions, run_host
from transportlab.conformance.host.vectors import HostVector, load_host_vectors
from transportlab.conformance.result import ArmResult, Outcome, Report


@command(
    option(
        "--command",
        dest="template",
        metavar="COMMAND",
        help="The host's command, with {verb}, {manifest}, {backend}, {transport} and {options} in"
        " it; the lab's own by default.",
    ),
    repeated("--transport", metavar="NAME", help="Only this one; may be repeated."),
    option(
        "--jobs",
        type=at_least(1, int),
        default=2,
        metavar="N",
        help="How many vectors run at once (%(default)s by default).",
    ),
    *OPTIONS,
)
def conformance_host(
    *,
    template: str | None,
    transport: list[str],
    jobs: int,
    **wanted: Any,
) -> int:
    """Test a host's command against the protocol, with plugins that follow a script.

    Exits with 0 if something passed and nothing failed, 1 otherwise, 2 for a wrong option or no
    vector.
    """

    def prepare(chosen: Sequence[HostVector]) -> Run:
        parsed = parse_template(OWN if template is None else template).located()

        def matrix(
            on_arm: Callable[[ArmResult], None], on_result: Callable[[ArmResult, Outcome], None]
        ) -> Report:
            return run_host(parsed, chosen, transport, HostOptions(int(jobs), on_arm, on_result))

        return Run(
            title=template or "the lab's host",
            subject={"command": template or "the lab's own"},
            replay=[] if template is None else ["--command", template],
            matrix=matrix,
        )

    return carry_out(HOSTS, Wanted(**wanted), load_host_vectors, prepare)
