"""The gate as a whole: which transports are measured, until there is a verdict on each.

Each transport is measured until it has one, or its time is over: decide.py says when it is looked
at. What a start does is counted besides, and told beside the time.
"""

import os
import random
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from transportlab import __version__
from transportlab.errors import LabError, UsageError
from transportlab.evidence.gate import counts, measure
from transportlab.evidence.gate.decide import (
    MIN_PAIRS,
    Finding,
    Margins,
    Reading,
    finding,
    looks,
    more_needed,
    read,
)
from transportlab.evidence.gate.forms import rounded
from transportlab.evidence.gate.hosts import HostTarget
from transportlab.evidence.gate.verdict import (
    About,
    File,
    Outcome,
    Result,
    Verdict,
    conclude,
    explained,
)
from transportlab.evidence.run import machine
from transportlab.quote import repr_without
from transportlab.registry import transport_names

TELL_SECONDS = 10.0
"""How long there is no word on progress at most, unless one pair takes longer."""

Say = Callable[[str], object]
"""Gets a line on progress."""


class Target(Protocol):
    """A build over a transport: a plugin's, or a host's."""

    def cannot(self) -> str:
        """Why it cannot be measured here; empty if it can."""

    def seconds(self) -> float:
        """Seconds of one start."""

    def traced(self, tool: Sequence[str], variables: Mapping[str, str]) -> list[str]:
        """The lines on stderr of a start by a tool, with variables of the environment."""


class Options(msgspec.Struct, frozen=True):
    """What is gated.

    head, base: the files of the build to judge and of its reference. They are plugins, or the
    commands of hosts if `plugin` is given, which both hosts start. transports: all unless given.
    config and secrets: for OpenSession; secrets are never shown. words: more options for a host's
    command. first_look: at how many pairs. seconds: a bound for a transport.
    """

    __repr__ = repr_without("secrets")

    head: str
    base: str | None = None
    plugin: str = ""
    transports: tuple[str, ...] = ()
    config: Mapping[str, str] = msgspec.field(default_factory=dict)
    secrets: Mapping[str, str] = msgspec.field(default_factory=dict)
    words: tuple[str, ...] = ()
    first_look: int = 30
    seconds: float = 90.0
    seed: int = 1
    margins: Margins = Margins()
    counted: bool = True

    def target(self, build: str, transport: str) -> Target:
        """A build over a transport, with this configuration."""
        if self.plugin:
            return HostTarget(build, self.plugin, transport, self.words)
        return measure.Target(build, transport, self.config, self.secrets)

    def clocks(self, transport: str) -> dict[str, measure.Clock]:
        """The clocks of a pair."""
        python = measure.interpreter(self.head)
        found: dict[str, measure.Clock] = {
            "head": self.target(self.head, transport).seconds,
            "control": lambda: measure.bare_spawn(python),
        }
        if self.base:
            found["base"] = self.target(self.base, transport).seconds
        return found

    def recorder(self, transport: str) -> measure.Recorder:
        """Takes the pairs of a transport, in an order that follows from the seed."""
        chance = random.Random(f"{self.seed} {transport}")  # noqa: S311  # an order, not a secret
        return measure.Recorder(self.clocks(transport), chance)


def silent(_: str) -> None:
    """Say nothing."""


def run(options: Options, say: Say = silent) -> Result:
    """Gate every transport that the base has. Raises UsageError if there is none."""
    before = machine.load()
    names, notes, outcomes = applicable(options)
    for place, name in enumerate(names):
        left = options.seconds * (len(names) - place)
        say(f"{name}: transport {place + 1} of {len(names)}, at most {left:.0f} s left in all")
        outcomes.append(_gated(options, name, len(names), say))
    if not outcomes:
        raise UsageError(f"nothing to gate: {'; '.join(notes) or 'no transport'}")
    done = tuple(sorted(outcomes, key=lambda o: o.transport))
    return Result(done, (*notes, *_uncounted(done)), about(options, before))


def about(options: Options, before: Mapping[str, Any]) -> About:
    """The circumstances of a run that is over. before: the machine's load at its beginning."""
    files = {"head": options.head, "base": options.base, "plugin": options.plugin}
    return About(
        version=__version__,
        seed=options.seed,
        margins=options.margins,
        first_look=options.first_look,
        seconds=options.seconds,
        files={n: File(path, machine.file_digest(path)) for n, path in files.items() if path},
        machine=machine.facts(),
        load=(before, machine.load()),
    )


def _gated(options: Options, name: str, transports: int, say: Say) -> Outcome:
    counted = {}
    if options.counted and options.base:
        say(f"{name}: counting what a start does")
        counted = {
            which: counts.count(options.target(build, name))
            for which, build in (("base", options.base), ("head", options.head))
        }
    try:
        outcome = _timed(options, name, transports, say)
    except LabError as error:
        return broken(name, error)
    if not (counted and options.base):
        return outcome
    return explained(outcome, counted["base"], counted["head"], (options.base, options.head))


def broken(name: str, error: LabError) -> Outcome:
    """The outcome of a build that does not answer every time; the error says which of the two."""
    return Outcome(name, Verdict.FAILED, f"a handshake failed: {error}")


def _timed(options: Options, name: str, transports: int, say: Say) -> Outcome:
    """Take pairs until a look decides, or the time is over."""
    recorder = options.recorder(name)
    planned = looks(options.first_look)

    def look(over: bool) -> Reading | None:
        """The reading, if it is the last."""
        if not (over or len(recorder) >= planned[0]):
            return None
        reading = read(recorder.pairs, options.margins, transports)
        if over or len(planned) == 1 or finding(reading, options.margins) is not Finding.OPEN:
            return reading
        planned.pop(0)
        say(f"{name}: open: {reading.shown}{_outlook(reading, options.margins)}")
        return None

    reading, took = recorded(recorder, options.seconds, name, look, say)
    outcome = conclude(name, reading, options.margins, options.seconds, took)
    return msgspec.structs.replace(outcome, pairs=rounded(recorder.pairs))


def recorded(
    recorder: measure.Recorder,
    seconds: float,
    name: str,
    look: Callable[[bool], Reading | None],
    say: Say,
) -> tuple[Reading, float]:
    """Take pairs until look() returns a reading; that, and how long it took.

    look: is called after each pair, and told whether another would come too late.
    """
    begin = told = time.monotonic()
    try:
        while True:
            recorder.pair()
            now = time.monotonic()
            left = seconds - (now - begin)
            if (reading := look(left < (now - begin) / len(recorder))) is not None:
                return reading, now - begin
            if now - told > TELL_SECONDS:
                told = now
                say(f"{name}: {len(recorder)} pairs, at most {left:.0f} s left")
    except KeyboardInterrupt as end:
        end.add_note(f"{name}: {len(recorder)} pairs were taken, nothing is concluded from them")
        raise


def _outlook(reading: Reading, margins: Margins) -> str:
    if reading.contaminated:
        return f"; {reading.contaminated}"
    more = more_needed(reading, margins)
    return "" if more is None else f"; about {more} more pairs would decide"


def _uncounted(outcomes: Sequence[Outcome]) -> list[str]:
    """Why something is not counted, once for all transports and builds."""
    missing: dict[str, str] = {}
    for outcome in outcomes:
        for found in outcome.counts.values():
            missing |= found.not_counted
    by_reason: dict[str, list[str]] = {}
    for kind, why in missing.items():
        by_reason.setdefault(why, []).append(counts.KINDS[kind][1])
    return [f"not counted: {', '.join(kinds)}: {why}" for why, kinds in by_reason.items()]


# ---- before anything is measured


def applicable(options: Options) -> tuple[list[str], list[str], list[Outcome]]:
    """The transports to measure, notes on others, and outcomes that need no measurement.

    Raises UsageError if a transport that was asked for cannot be measured, and if the time is too
    short for a verdict.
    """
    names, notes, outcomes = [], [], []
    for name in options.transports or transport_names():
        head = options.target(options.head, name)
        base = options.target(options.base, name) if options.base else None
        gap = head.cannot()
        if not gap and base:
            gap = _refused(base)
        refusal = "" if gap else _refused(head)
        if refusal and base:
            outcomes.append(Outcome(name, Verdict.FAILED, f"no handshake: {refusal}"))
        elif gap or refusal:
            if options.transports:
                raise UsageError(f"{name}: {gap or refusal}")
            why = (gap or refusal).partition("\n")[0]
            notes.append(f"{name}: not measured: {why}")
        else:
            names.append(name)
    for name in names:
        _check_time(options, name)
    return names, notes, outcomes


def _refused(target: Target) -> str:
    """Why a build does not answer; empty if it does.

    This start is not timed. It also imports the host's side of the transport.
    """
    try:
        target.seconds()
    except LabError as error:
        return str(error)
    return ""


def _check_time(options: Options, name: str) -> None:
    """Raise UsageError if the time is too short for a verdict, by a pair that does not count."""
    begin = time.monotonic()
    try:
        options.recorder(name).pair()
    except LabError:
        return  # it will be told where it counts
    needed = MIN_PAIRS * (time.monotonic() - begin)
    if needed > options.seconds:
        raise UsageError(
            f"{name}: {MIN_PAIRS} pairs, the least for a verdict, take about {needed:.0f} s;"
            f" --seconds {options.seconds:g} is too short"
        )


def check(options: Options) -> None:
    """Raise UsageError if a build is no file, or is compared with itself."""
    for path in filter(None, (options.head, options.base, options.plugin)):
        if os.path.isdir(path):
            raise UsageError(f"{path}: is a directory; give the file in it that is started")
        if not os.path.isfile(path):
            raise UsageError(f"{path}: no such file")
    if options.base and os.path.samefile(options.head, options.base):
        raise UsageError(
            f"{options.base}: is the same file as the build to judge, which cannot be slower than"
            " itself; --self-test finds out how often the gate is right"
        )


# ---- without a base


def levels(options: Options, say: Say = silent) -> Result:
    """Measure the head of each transport by bare spawns, for a history. See run()."""
    before = machine.load()
    names, notes, _ = applicable(options)
    if not names:
        raise UsageError(f"nothing to measure: {'; '.join(notes)}")
    outcomes = [_measured(options, name, say) for name in names]
    return Result(tuple(outcomes), tuple(notes), about(options, before))


def _measured(options: Options, name: str, say: Say) -> Outcome:
    recorder = options.recorder(name)
    say(f"{name}: {options.first_look} pairs, at most {options.seconds:g} s")

    def look(over: bool) -> Reading | None:
        if over or len(recorder) >= options.first_look:
            return read(recorder.pairs, options.margins)
        return None

    try:
        reading, _ = recorded(recorder, options.seconds, name, look, say)
    except LabError as error:
        return broken(name, error)
    verdict, why = Verdict.MEASURED, f"bare spawns: {reading.shown}"
    if not reading.usable:
        verdict, why = Verdict.INCONCLUSIVE, f"{reading.contaminated or 'too few pairs'}; {why}"
    return Outcome(name, verdict, why, reading=reading, pairs=rounded(recorder.pairs))
