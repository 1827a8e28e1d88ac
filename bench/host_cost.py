"""Measures what the host's checks cost a cold start: with all checks, without, and with a pin too.

    python -m bench.host_cost [--blocks 40] [--transport X] [--seed N]

A cold start is the time from the call that opens a session, in a fresh process, to the first reply
to a Read. The checks that are taken away are the host's: who else can write the plugin's file, who
listens at its socket, and whether dead hosts have left directories. The launch's secret stays, as a
plugin waits for it. A pinned plugin, whose file is hashed, is an arm of its own.

The time spent in the checks is printed as well. It is far less than two arms differ by from one
moment to the next. It does not include what a check makes the plugin do.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from bench.paired import ONE, Sample, blocks, print_sample, ratio, shown, spread
from transportlab import model
from transportlab.channel import EndpointKind
from transportlab.context import Context
from transportlab.evidence.analysis.stats import Interval
from transportlab.host import HostOptions, launch, open_backend, trust
from transportlab.host.discovery import find
from transportlab.host.trust import Admitted, file_sum
from transportlab.manifest.pin import PluginPin
from transportlab.registry import transport_names

BOUND = 1.05
"""Bound of a cold start with the checks over one without them. It is printed, not enforced."""

BACKEND = "echo"

WITH, WITHOUT, PINNED = "with", "without", "pinned"


CHECKS: list[tuple[Any, str, Callable[..., object]]] = [
    (trust, "admit", lambda _name, path, *_, **__: Admitted(path, path)),
    (launch, "check_peer", lambda *_: None),
    (launch, "remove_abandoned", lambda *_: 0),
]
"""The module in which the host finds a check, its name there, and what replaces it."""


def take_checks_away() -> None:
    """Take the checks away from the host in this process, for good."""
    for module, name, stand_in in CHECKS:
        getattr(module, name)  # an error if the check has another name by now
        setattr(module, name, stand_in)


@contextmanager
def timed_checks() -> Iterator[list[float]]:
    """Give a list that gets the seconds of each check of the host in this process."""
    seconds: list[float] = []

    def timed(check: Callable[..., object]) -> Callable[..., object]:
        def call(*args: object, **options: object) -> object:
            begin = time.monotonic()
            try:
                return check(*args, **options)
            finally:
                seconds.append(time.monotonic() - begin)

        return call

    own = [(module, name, getattr(module, name)) for module, name, _ in CHECKS]
    for module, name, check in own:
        setattr(module, name, timed(check))
    try:
        yield seconds
    finally:
        for module, name, check in own:
            setattr(module, name, check)


def cold_start(transport: str, arm: str) -> Sample:
    """Return the seconds from the opening to the first reply, and those spent in the checks."""
    pins = {}
    if arm == PINNED:
        found = find(BACKEND, library=False)
        pins = {BACKEND: PluginPin((file_sum(BACKEND, str(found.path)),))}
    timing: AbstractContextManager[list[float]] = timed_checks()
    if arm == WITHOUT:
        take_checks_away()
        timing = nullcontext([])
    with timing as checks:
        begin = time.monotonic()
        with open_backend(BACKEND, transport, HostOptions(pins=pins)) as opened:
            opened.backend.read(model.ReadRequest(), Context())
            return {"ready": time.monotonic() - begin, "checks": sum(checks)}


def verdict(interval: Interval) -> str:
    """Say whether the ratio is within the bound, as far as its interval tells."""
    if interval.high <= BOUND:
        return "yes"
    return "no" if interval.low > BOUND else "not told apart"


def processes() -> list[str]:
    """Return the transports whose plugins are programs."""
    return transport_names(EndpointKind.SOCKET, EndpointKind.STDIO)


def main(arguments: Sequence[str]) -> int:
    """Print a row for each transport."""
    if arguments[:1] == [ONE]:
        print_sample(lambda: cold_start(*arguments[1:3]))
        return 0
    parser = argparse.ArgumentParser("bench.host_cost", description="What the host's checks cost.")
    parser.add_argument("--blocks", type=int, default=40)
    parser.add_argument("--transport", action="append", choices=processes())
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    rows = []
    for name in options.transport or processes():
        arms = {arm: (name, arm) for arm in (WITH, WITHOUT, PINNED)}
        found = blocks("bench.host_cost", arms, options.blocks, options.seed)
        checks = ratio(found, WITH, WITHOUT, "ready")
        rows.append(
            f"| {name} | {spread(found, WITHOUT, 'ready')} | {spread(found, WITH, 'ready')}"
            f" | {shown(checks)} | {verdict(checks)} | {spread(found, WITH, 'checks')}"
            f" | {shown(ratio(found, PINNED, WITH, 'ready'))} |"
        )
    print(
        f"| transport | without checks | with | with / without | <= {BOUND} | in the checks"
        " | pinned / with |"
    )
    print("|---|---|---|---|---|---|---|")
    print("\n".join(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
