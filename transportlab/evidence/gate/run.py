"""The gate as a whole: which transports are measured, their batches, and a verdict on each.

A transport that looks slower in its first batch is measured again in a fresh one, which decides.
"""

import random
from collections.abc import Mapping
from pathlib import Path

import msgspec

from transportlab.channel import EndpointKind
from transportlab.errors import LabError, UsageError
from transportlab.evidence.gate import measure
from transportlab.evidence.gate.band import Band, against
from transportlab.evidence.gate.decide import Finding, Reading, findings, read
from transportlab.evidence.gate.verdict import Outcome, Result, Verdict, conclude
from transportlab.host.discovery import LIBRARY_SUFFIX
from transportlab.quote import repr_without
from transportlab.registry import load_transport, not_installed, transport_names


class Options(msgspec.Struct, frozen=True):
    """What is gated.

    head: the file of the build to judge. base or band: its reference. transports: all unless given.
    config and secrets: for OpenSession; secrets are never shown. seconds: a bound for a transport,
    half of it for each batch.
    """

    __repr__ = repr_without("secrets")

    head: str
    base: str | None = None
    band: Band | None = None
    transports: tuple[str, ...] = ()
    config: Mapping[str, str] = msgspec.field(default_factory=dict)
    secrets: Mapping[str, str] = msgspec.field(default_factory=dict)
    pairs: int = 60
    seconds: float = 90.0
    seed: int = 1

    def target(self, plugin: str, transport: str) -> measure.Target:
        """A build over a transport, with this configuration."""
        return measure.Target(plugin, transport, self.config, self.secrets)


def run(options: Options) -> Result:
    """Gate every transport that the reference has.

    Raises UsageError if there is none, and if a band lacks one over which the head answers.
    """
    names, notes, outcomes = _applicable(options)
    first: dict[str, Reading] = {}
    for name in names:
        try:
            first[name] = reading(options, name, 0)
        except LabError as error:
            outcomes.append(_broken(name, error))
    for name, finding in findings(first).items():
        try:
            again = finding is Finding.SUSPICIOUS
            repeat = reading(options, name, 1) if again else None
        except LabError as error:
            outcomes.append(_broken(name, error))
        else:
            outcomes.append(conclude(name, finding, first[name], repeat))
    if not outcomes:
        raise UsageError(f"nothing to gate: {'; '.join(notes) or 'no transport'}")
    return Result(tuple(sorted(outcomes, key=lambda o: o.transport)), tuple(notes))


def _broken(name: str, error: LabError) -> Outcome:
    """The outcome of a build that does not answer every time; the error says which of the two."""
    return Outcome(name, Verdict.FAILED, f"a handshake failed: {error}")


def readings(options: Options) -> dict[str, Reading]:
    """A batch of each transport without a reference, head over bare spawns, to make a band of."""
    return {name: reading(options, name, 0) for name in measurable(options)}


def measurable(options: Options) -> list[str]:
    """The transports over which the head answers here. Raises UsageError if there is none."""
    names, notes, _ = _applicable(options)
    if not names:
        raise UsageError(f"nothing to measure: {'; '.join(notes)}")
    return names


def reading(options: Options, name: str, number: int) -> Reading:
    """A batch of a transport, compared with the reference. Each number has an order of its own."""
    python = measure.interpreter(options.head)
    clocks: dict[str, measure.Clock] = {
        "head": options.target(options.head, name).handshake,
        "control": lambda: measure.bare_spawn(python),
    }
    if options.base:
        clocks["base"] = options.target(options.base, name).handshake
    taken = measure.batch(
        clocks,
        options.pairs,
        options.seconds / 2,
        random.Random(f"{options.seed} {name} {number}"),  # noqa: S311  # an order, not a secret
    )
    if options.band:
        taken = against(taken, options.band.entries[name])
    return read(taken, options.seed + number)


def _applicable(options: Options) -> tuple[list[str], list[str], list[Outcome]]:
    """The transports to measure, notes on others, and outcomes that need no measurement."""
    names, notes, outcomes = [], [], []
    band = options.band
    for name in options.transports or transport_names():
        gap = _cannot(options.head, name)
        if not gap and options.base:
            gap = _refused(options.target(options.base, name))
        expected = bool(options.base) or (band is not None and name in band.entries)
        refusal = "" if gap else _refused(options.target(options.head, name))
        if refusal and expected:
            outcomes.append(Outcome(name, Verdict.FAILED, f"no handshake: {refusal}"))
        elif gap or refusal:
            if options.transports:
                raise UsageError(f"{name}: {gap or refusal}")
            why = (gap or refusal).partition("\n")[0]
            notes.append(f"{name}: not measured: {why}")
        elif band and not expected:
            raise UsageError(f"{name}: the band has no entry for it; --transport names others")
        else:
            names.append(name)
    return names, notes, outcomes


def _cannot(plugin: str, transport: str) -> str:
    """Why this machine cannot reach this file over that transport; empty if it can."""
    found = load_transport(transport)
    if found.traits.endpoint is EndpointKind.OBJECT:
        return "it reaches no plugin"
    library = found.traits.endpoint is EndpointKind.LIBRARY
    if library != (Path(plugin).suffix == LIBRARY_SUFFIX):
        return "it needs a shared library" if library else "it needs a program"
    return not_installed(found)


def _refused(target: measure.Target) -> str:
    """Why a plugin does not answer over a transport; empty if it does.

    This handshake is not timed. It also imports the host's side of the transport.
    """
    try:
        target.handshake()
    except LabError as error:
        return str(error)
    return ""
