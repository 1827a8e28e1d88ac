"""The gate's own test: an unchanged build must pass, one that is 20 % slower must not.

The slower head is a wrapper that sleeps for 20 % of the measured handshake and then runs the plugin
in its place. Its base is the same wrapper without the sleep, so the delay is the only difference.
"""

import shlex
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import msgspec
from msgspec.structs import replace

from transportlab.evidence.gate.run import Options, run
from transportlab.evidence.gate.verdict import Verdict

SHARE = 0.20
PROBES = 7
"""How many handshakes are timed to find out how long 20 % is: their median counts."""


class Rates(msgspec.Struct, frozen=True):
    """How often there was each verdict, over all transports and rounds, on both kinds of head."""

    unchanged: Counter[Verdict]
    delayed: Counter[Verdict]

    @property
    def sound(self) -> bool:
        """Whether no unchanged build failed and no delayed one passed."""
        failed = self.unchanged[Verdict.REGRESSION] + self.unchanged[Verdict.FAILED]
        return not failed and not self.delayed[Verdict.PASS]


def self_test(options: Options, rounds: int, say: Callable[[str], None]) -> Rates:
    """Run the gate that many times on an unchanged build, and as often on a delayed one.

    options: with neither base nor band. say: gets a line for each round. Each transport is gated
    alone: with Holm's correction one of them would decide how often another is confirmed.
    """
    rates = Rates(Counter(), Counter())
    for transport in options.transports:
        took = median(options.target(options.head, transport).handshake() for _ in range(PROBES))
        with wrapped(options.head, 0.0) as base, wrapped(options.head, took * SHARE) as slow:
            for number in range(rounds):
                one = replace(options, transports=(transport,), seed=options.seed + number)
                for counter, kind, head, under in (
                    (rates.unchanged, "unchanged", options.head, options.head),
                    (rates.delayed, f"delayed by {took * SHARE * 1000:.0f} ms", slow, base),
                ):
                    outcome = run(replace(one, head=head, base=under)).outcomes[0]
                    counter[outcome.verdict] += 1
                    say(f"{transport} {number + 1}/{rounds} {kind}: {outcome.verdict}")
    return rates


@contextmanager
def wrapped(plugin: str, seconds: float) -> Iterator[str]:
    """A program that sleeps and then becomes the plugin. It is gone when the context ends."""
    with tempfile.TemporaryDirectory(prefix="tl-gate-") as folder:
        path = Path(folder, Path(plugin).name)
        path.write_text(f"#!/bin/sh\nsleep {seconds:.4f}\nexec {shlex.quote(plugin)}\n")
        path.chmod(0o700)
        yield str(path)


def shown(rates: Rates) -> list[str]:
    """The rates as lines."""
    return [
        f"{name}: {total} runs: "
        + ", ".join(f"{counter[verdict]} {verdict}" for verdict in Verdict if counter[verdict])
        for name, counter in (("unchanged", rates.unchanged), ("delayed by 20 %", rates.delayed))
        if (total := counter.total())
    ]
