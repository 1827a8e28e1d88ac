"""Runs vectors on mutants, and returns what they find.

For each plugin:

1. Can it be built here? If a program that the build needs is missing, its mutants are "not run".
2. The plugin itself, without a fault, must pass the vectors. One that it fails would prove nothing.
3. Each mutant is built in a copy and runs the vectors that are named for it, each of which must
   fail. If vectors are chosen, every mutant runs those instead, named for it or not: so an author
   sees what a new vector finds.

Several mutants are built and run at once, but not those of a library, which runs in this process.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from msgspec import Struct

from transportlab.conformance.mutants.build import NotBuilt, built, lacking
from transportlab.conformance.mutants.data import Mutant, MutantFile, Suite, parse_arm
from transportlab.conformance.result import Outcome, Status
from transportlab.conformance.runner import Options, run_matrix
from transportlab.conformance.subject import Subject
from transportlab.conformance.vectors import Vector
from transportlab.errors import UsageError
from transportlab.registry import load_transport

Arms = Mapping[str, Sequence[Vector]]
"""The vectors to run, by the arm's name."""


class Finding(Struct, frozen=True):
    """How one vector ended on one arm. named: whether the mutant names it as one that fails."""

    arm: str
    vector: str
    status: Status
    named: bool
    problem: str = ""


class MutantResult(Struct, frozen=True):
    """What the vectors found of one mutant. problem: why it was not built; empty if it was."""

    plugin: str
    mutant: Mutant
    findings: tuple[Finding, ...] = ()
    problem: str = ""

    @property
    def found(self) -> tuple[Finding, ...]:
        """The vectors that notice the fault."""
        return tuple(f for f in self.findings if f.status is Status.FAIL)

    @property
    def missed(self) -> tuple[Finding, ...]:
        """The vectors that are named for the fault, and do not notice it."""
        return tuple(f for f in self.findings if f.named and f.status is not Status.FAIL)

    @property
    def ok(self) -> bool:
        """Whether it was built, and nothing that is named for it missed it."""
        return not self.problem and not self.missed


class PluginResult(Struct, frozen=True):
    """The mutants of one plugin.

    reason: why they were not run; empty if they were. wrong: what the plugin does not pass although
    it has no fault. problem: why it was not built.
    """

    plugin: str
    mutants: tuple[MutantResult, ...] = ()
    reason: str = ""
    wrong: tuple[Finding, ...] = ()
    problem: str = ""

    @property
    def ok(self) -> bool:
        """Whether the plugin is right and each mutant is found, as far as they were run."""
        return not self.problem and not self.wrong and all(m.ok for m in self.mutants)


class MutantOptions(Struct, frozen=True):
    """How to run.

    chosen: run these vectors on every mutant, instead of those named for each.
    transports: only these; empty for all.
    timeout: bounds one vector, in seconds.
    jobs: how many mutants are built and run at once.
    on_result: called as a mutant has ended.
    """

    chosen: tuple[Vector, ...] = ()
    transports: tuple[str, ...] = ()
    timeout: float = 10.0
    jobs: int = len(os.sched_getaffinity(0))
    on_result: Callable[[MutantResult], None] | None = None


def run_mutants(
    suite: Suite, vectors: Sequence[Vector], options: MutantOptions
) -> tuple[PluginResult, ...]:
    """Run all mutants of the suite. Raises UsageError for one that cannot be made."""
    for name in options.transports:
        load_transport(name)
    known = {vector.id: vector for vector in vectors}
    return tuple(_run_plugin(plugin, known, options) for plugin in suite.plugins)


def run_mutant(
    plugin: MutantFile, mutant: Mutant, vectors: Mapping[str, Vector], options: MutantOptions
) -> MutantResult:
    """Build one mutant and run it. Raises UsageError if its edits do not fit."""
    try:
        with built(plugin, mutant) as program:
            arms = _arms([mutant], vectors, options)
            findings = tuple(_findings(plugin, program, arms, options, mutant))
    except NotBuilt as error:
        return MutantResult(plugin.plugin, mutant, problem=str(error))
    except UsageError as error:
        raise UsageError(f"{mutant.id}: {error}") from error
    return MutantResult(plugin.plugin, mutant, findings)


def check_plugin(
    plugin: MutantFile, vectors: Mapping[str, Vector], options: MutantOptions
) -> tuple[Finding, ...]:
    """Run the plugin without a fault. Returns what it does not pass. Raises NotBuilt, UsageError.

    A vector that was chosen by hand may be one that the plugin cannot run.
    """
    fine = [Status.PASS, Status.UNSUPPORTED] if options.chosen else [Status.PASS]
    with built(plugin) as program:
        arms = _arms(plugin.mutants, vectors, options)
        return tuple(f for f in _findings(plugin, program, arms, options) if f.status not in fine)


def _run_plugin(
    plugin: MutantFile, vectors: Mapping[str, Vector], options: MutantOptions
) -> PluginResult:
    mutants = [m for m in plugin.mutants if _arms([m], vectors, options)]
    if not mutants:
        return PluginResult(plugin.plugin, reason="no mutant is on that transport")
    if reason := lacking(plugin):
        return PluginResult(plugin.plugin, reason=reason)
    try:
        wrong = check_plugin(plugin, vectors, options)
    except NotBuilt as error:
        return PluginResult(plugin.plugin, problem=str(error))

    def run(mutant: Mutant) -> MutantResult:
        return run_mutant(plugin, mutant, vectors, options)

    arms = {parse_arm(arm)[0] for mutant in mutants for arm in mutant.finds}
    apart = all(load_transport(name).traits.isolated for name in arms)
    results = []
    with ThreadPoolExecutor(options.jobs if apart else 1) as pool:
        for result in pool.map(run, mutants):  # in their order, whichever ends first
            results.append(result)
            if options.on_result is not None:
                options.on_result(result)
    return PluginResult(plugin.plugin, tuple(results), wrong=wrong)


def _arms(mutants: Sequence[Mutant], vectors: Mapping[str, Vector], options: MutantOptions) -> Arms:
    """What to run: the vectors that are named for these mutants, or those that are chosen."""
    found: dict[str, dict[str, Vector]] = {}
    for mutant in mutants:
        for arm, ids in mutant.finds.items():
            transport, codec = parse_arm(arm)
            if options.transports and transport not in options.transports:
                continue
            wanted = [v for v in options.chosen if _runs_on(v, transport, codec)]
            wanted = wanted if options.chosen else [vectors[name] for name in ids]
            found.setdefault(arm, {}).update({vector.id: vector for vector in wanted})
    return {arm: tuple(by_id.values()) for arm, by_id in found.items() if by_id}


def _runs_on(vector: Vector, transport: str, codec: str) -> bool:
    own = vector.transport in ("", transport)
    return own and (not vector.needs.codecs or codec in vector.needs.codecs)


def _findings(
    plugin: MutantFile,
    program: Path,
    arms: Arms,
    options: MutantOptions,
    mutant: Mutant | None = None,
) -> list[Finding]:
    subject = Subject(
        str(program), plugin.config, frozenset(plugin.offers), faulty="", reference=False
    )
    found = []
    for name, vectors in arms.items():
        transport, codec = parse_arm(name)
        how = Options(codec, options.timeout)
        [arm] = run_matrix([transport], vectors, subject, how).arms
        named = () if mutant is None else mutant.finds.get(name, ())
        for outcome in arm.outcomes:
            identity = outcome.vector.id
            found.append(
                Finding(name, identity, outcome.status, identity in named, _problem(outcome))
            )
    return found


def _problem(outcome: Outcome) -> str:
    return outcome.reason if outcome.failure is None else outcome.failure.problem
