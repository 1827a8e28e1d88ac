"""What the host's checks cost a cold start: with all of them, without, and with a pin besides.

    python -m bench.host_cost [--blocks 40] [--transport X] [--seed N]

A cold start is from the call that opens a session, in a fresh process, until the first reply to a
Read. The checks that are taken away are those that the host makes: who else can write the plugin's
file, who listens at its socket, and whether dead hosts have left directories. What stays is the
launch's secret, which a plugin waits for. The sum of a pinned plugin's file is an arm of its own.

The time that the host spends in the checks is told as well: it is far below what two arms differ by
from one moment to the next. What a check makes the plugin do is not in it.
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
from transportlab.host import HostOptions, launch, open_backend, session
from transportlab.host.discovery import find
from transportlab.host.trust import Admitted, file_sum
from transportlab.manifest.pin import PluginPin
from transportlab.registry import transport_names

BOUND = 1.05
"""What a cold start with the checks may take, in cold starts without them; told, not enforced."""

BACKEND = "echo"

WITH, WITHOUT, PINNED = "with", "without", "pinned"


CHECKS: list[tuple[Any, str, Callable[..., object]]] = [
    (session, "admit", lambda _name, path, *_, **__: Admitted(path, path)),
    (launch, "check_peer", lambda *_: None),
    (launch, "remove_abandoned", lambda *_: 0),
]
"""Where a check is called, and what stands in for it where there is none."""


def take_checks_away() -> None:
    """From the host in this process, for good."""
    for module, name, stand_in in CHECKS:
        getattr(module, name)  # what has another name by now would be no check that is gone
        setattr(module, name, stand_in)


@contextmanager
def timed_checks() -> Iterator[list[float]]:
    """The seconds of each check meanwhile, in the host in this process."""
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
    """Seconds from the opening to the first reply, and those of them that were in the checks."""
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
    """Whether the ratio is within the bound, as far as its interval tells."""
    if interval.high <= BOUND:
        return "yes"
    return "no" if interval.low > BOUND else "not told apart"


def processes() -> list[str]:
    """The transports whose plugins are programs."""
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
