"""The gate held to its own promise: unchanged builds must pass, a delay of 20 % must not.

The delayed head is a wrapper that sleeps a stated share of the measured handshake and then runs
the plugin in its place; its base is the same wrapper without the sleep, so that the delay is the
only difference.
"""

import shlex
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from transportlab.evidence.gate.run import Job, Verdict, run

SHARE = 0.20
PROBES = 7
"""Handshakes whose median says how long 20 % is."""


@dataclass(frozen=True, slots=True)
class Rates:
    """How often each verdict came, over all transports and rounds, for both kinds of head."""

    unchanged: Counter[Verdict]
    delayed: Counter[Verdict]

    @property
    def sound(self) -> bool:
        """No unchanged build was failed, no delayed one passed."""
        failed = self.unchanged[Verdict.REGRESSION] + self.unchanged[Verdict.FAILED]
        return not failed and not self.delayed[Verdict.PASS]


def self_test(job: Job, rounds: int, say: Callable[[str], None]) -> Rates:
    """So many A/A rounds and so many with the delay, of a job with neither base nor band.

    Every transport is a gate of its own here: Holm's correction would let one of them decide how
    often another is confirmed.
    """
    rates = Rates(Counter(), Counter())
    for transport in job.transports:
        took = median(job.target(job.head, transport).handshake() for _ in range(PROBES))
        with wrapped(job.head, 0.0) as base, wrapped(job.head, took * SHARE) as slow:
            for number in range(rounds):
                one = replace(job, transports=(transport,), seed=job.seed + number)
                for counter, kind, head, under in (
                    (rates.unchanged, "unchanged", job.head, job.head),
                    (rates.delayed, f"delayed by {took * SHARE * 1000:.0f} ms", slow, base),
                ):
                    outcome = run(replace(one, head=head, base=under)).outcomes[0]
                    counter[outcome.verdict] += 1
                    say(f"{transport} {number + 1}/{rounds} {kind}: {outcome.verdict}")
    return rates


@contextmanager
def wrapped(plugin: str, seconds: float) -> Iterator[str]:
    """A program that sleeps and then becomes the plugin, for as long as the context is open."""
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
