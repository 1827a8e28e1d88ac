"""The gate's own test: an unchanged build must pass, one that is slower by a share must not.

The slower head is a wrapper that sleeps and then runs the build in its place. Its base is the same
wrapper without the sleep, so the delay is the only difference. How long it sleeps is a share of
the start of that base, which is measured first.
"""

import math
import shlex
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
from msgspec.structs import replace

from transportlab.evidence.analysis.stats import signed_rank
from transportlab.evidence.gate import measure
from transportlab.evidence.gate.decide import milliseconds
from transportlab.evidence.gate.forms import Case, document, encoded, inline, junit, table
from transportlab.evidence.gate.run import Options, Say, about, applicable, run, silent
from transportlab.evidence.gate.verdict import About, Outcome, Verdict
from transportlab.evidence.run import machine

PROBES = 25
"""How many starts are timed to find out how long the share is: enough for its interval."""

LEVEL = 0.025
"""The chance of an error at either end of that interval."""


class Delay(msgspec.Struct, frozen=True):
    """Seconds of a start over a transport, with its 95 % interval, and the delay put before it."""

    transport: str
    start: float
    low: float
    high: float
    seconds: float

    @property
    def shown(self) -> str:
        """For people."""
        start, low, high = (1000 * s for s in (self.start, self.low, self.high))
        return (
            f"{self.transport}: a start takes {start:.1f} ms [{low:.1f}, {high:.1f}];"
            f" the delay is {self.seconds * 1000:.1f} ms, {self.share:.0f} % of it"
            f" [{100 * self.seconds / self.high:.0f}, {100 * self.seconds / self.low:.0f}]"
        )

    @property
    def share(self) -> float:
        """The delay in percent of the start."""
        return 100 * self.seconds / self.start


class Round(msgspec.Struct, frozen=True):
    """One run of the gate on a build: unchanged, or delayed."""

    number: int
    delayed: bool
    outcome: Outcome

    @property
    def wrong(self) -> bool:
        """Whether an unchanged build failed, or a delayed one passed."""
        if self.delayed:
            return self.outcome.verdict is Verdict.PASS
        return self.outcome.verdict in (Verdict.REGRESSION, Verdict.FAILED)


class SelfTest(msgspec.Struct, frozen=True):
    """All rounds over all transports."""

    percent: float
    delays: tuple[Delay, ...]
    rounds: tuple[Round, ...]
    notes: tuple[str, ...] = ()
    about: About | None = None

    @property
    def sound(self) -> bool:
        """Whether no unchanged build failed and no delayed one passed."""
        return not any(one.wrong for one in self.rounds)

    def rates(self) -> dict[str, Counter[Verdict]]:
        """How often there was each verdict on each kind of head."""
        found: dict[str, Counter[Verdict]] = {}
        for one in self.rounds:
            kind = f"delayed by {self.percent:g} %" if one.delayed else "unchanged"
            found.setdefault(kind, Counter())[one.outcome.verdict] += 1
        return found


def self_test(options: Options, rounds: int, percent: float, say: Say = silent) -> SelfTest:
    """Run the gate that many times on an unchanged build, and as often on a delayed one.

    options: without a base. Each transport is gated alone, as its users do who care about one.
    """
    before = machine.load()
    names, notes, _ = applicable(options)
    delays, done = [], []
    for name in names:
        with wrapped(options.head, 0.0) as base:
            delays.append(delay(options, base, name, percent))
            say(delays[-1].shown)
            with wrapped(options.head, delays[-1].seconds) as slow:
                for number in range(rounds):
                    chosen = replace(options, transports=(name,), seed=options.seed + number)
                    for head in (base, slow):
                        again = replace(chosen, head=head, base=base, counted=False)
                        outcome = run(again).outcomes[0]
                        done.append(Round(number + 1, head == slow, outcome))
                        kind = "delayed" if head == slow else "unchanged"
                        say(f"{name} {number + 1}/{rounds} {kind}: {outcome.verdict}")
    return SelfTest(percent, tuple(delays), tuple(done), tuple(notes), about(options, before))


def delay(options: Options, base: str, transport: str, percent: float) -> Delay:
    """How long that share of a start of the base is."""
    clock = options.target(base, transport).seconds
    logs = [math.log(clock()) for _ in range(PROBES)]
    start, low, high = (math.exp(value) for value in signed_rank(logs, LEVEL, LEVEL))
    return Delay(transport, start, low, high, start * percent / 100)


@contextmanager
def wrapped(build: str, seconds: float) -> Iterator[str]:
    """A program that sleeps and then becomes the build. It is gone when the context ends."""
    text = f'sleep {seconds:.4f}\nexec {shlex.quote(build)} "$@"'
    with measure.script(build, text) as path:
        yield path


# ---- the forms


def lines(found: SelfTest) -> list[str]:
    """The delays and the rates, for people."""
    told = [delay.shown for delay in found.delays]
    told += [f"{kind}: {_rate(counter)}" for kind, counter in found.rates().items()]
    return told + [f"note: {note}" for note in found.notes]


def _rate(counter: Counter[Verdict]) -> str:
    each = (f"{counter[verdict]} {verdict}" for verdict in Verdict if counter[verdict])
    return f"{counter.total()} runs: {', '.join(each)}"


def as_markdown(found: SelfTest) -> bytes:
    """A table of the rates, and of each round with its times."""
    text = [f"### The gate's self-test: {'sound' if found.sound else 'not sound'}", ""]
    text += [f"- {inline(line)}" for line in lines(found)] + [""]
    text += table(("build", "verdict", "base -> head", "why"), [_row(one) for one in found.rounds])
    return document(text, found.about)


def _name(one: Round) -> str:
    return f"{one.outcome.transport} {one.number} {'delayed' if one.delayed else 'unchanged'}"


def _row(one: Round) -> tuple[str, ...]:
    reading = one.outcome.reading
    times = milliseconds(reading.base, reading.head) if reading else ""
    return (_name(one), one.outcome.verdict, times, one.outcome.why)


def as_json(found: SelfTest) -> bytes:
    """{"format", "sound", "percent", "delays", "rounds": [...], "notes", "about"}."""
    value: dict[str, Any] = {"sound": found.sound, **msgspec.to_builtins(found)}
    return encoded(value)


def as_junit(found: SelfTest) -> bytes:
    """A test case for each round. One that decides nothing is skipped: it is not wrong."""
    cases = []
    for one in found.rounds:
        undecided = one.outcome.verdict is Verdict.INCONCLUSIVE
        kind = "failure" if one.wrong else "skipped" if undecided else ""
        cases.append(Case(_name(one), kind, one.outcome))
    return junit("handshake-gate-self-test", cases, lines(found), found.about)
