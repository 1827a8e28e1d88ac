"""A whole run: it measures block by block, and writes the evidence file after each.

Until the last block is in it, the file says `complete: false`. A block that was interrupted leaves
nothing; a resumed run continues with the next block of the same order.
"""

import compileall
import os
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from transportlab import __version__
from transportlab.data import ROOT
from transportlab.errors import LabError, UsageError
from transportlab.evidence.arms import Program, load_arms
from transportlab.evidence.record import (
    FORMAT,
    Arm,
    Block,
    Evidence,
    NotRun,
    Suite,
    resume,
    write,
)
from transportlab.evidence.run import machine
from transportlab.evidence.run.conformance import conformance
from transportlab.evidence.run.placement import Placement, available_cpus, core_of, placement
from transportlab.evidence.run.plan import (
    CONTROL_ARM,
    PROFILES,
    Chosen,
    Planned,
    chosen_arms,
    codec_arms,
    copy_of,
    schedule,
    transport_arms,
)
from transportlab.evidence.run.process import MeasureError, run_task
from transportlab.evidence.run.progress import progress
from transportlab.evidence.run.task import Task
from transportlab.evidence.run.worker import Result
from transportlab.evidence.suites import GROUPS, SUITES, load_suite, unfit
from transportlab.evidence.suites.carriage import SIZES as PAYLOADS
from transportlab.evidence.suites.codec import sizes

CONFORMANCE = "conformance"

OTHERS = "no arm is the lab's own; `transportlab conformance --plugin` tests another plugin"


class Options(msgspec.Struct, frozen=True):
    """What to run.

    suites: names; if empty, all suites and the conformance matrix.
    arms: ids of arms, codecs' as well, and definitions (arms.defined); "all" stands for those of
        the profile. If empty, these.
    seed: None for a new one, which the file tells; a resumed run has that of its file.
    force: replace a file that is there.
    """

    profile: str
    out: Path
    seed: int | None = None
    suites: tuple[str, ...] = ()
    resume: bool = False
    arms: tuple[str, ...] = ()
    force: bool = False


class EvidenceRun:
    """A run that has been planned, to be measured by go().

    Raises UsageError for unknown names, and EvidenceError if the file cannot be resumed.
    """

    def __init__(self, options: Options) -> None:
        self._out = options.out
        self._replaces = options.resume or options.force
        check_names(options)
        self._profile = PROFILES[options.profile]
        self._suites = options.suites or SUITES
        self.has_conformance = not options.suites
        self._not_run: list[NotRun] = []
        self._arms = self._all_arms(options.arms)
        if "carriage" in self._suites and self._profile.effort.largest < max(PAYLOADS):
            beyond = f"carriage beyond {self._profile.effort.largest} bytes"
            self._not_run.append(NotRun(beyond, "the profile full has it"))
        self._placements = self._all_placements()
        fresh = self._begin(options)
        self.evidence = resume(options.out, fresh) if options.resume else fresh
        ids = {group: tuple(arm.id for arm in arms) for group, arms in self._arms.items()}
        blocks = {
            group: {name: n for name, n in places.items() if name in self._placements}
            for group, places in self._profile.blocks.items()
            if group in ids
        }
        self.plan = schedule(blocks, ids, self.evidence.seed)

    def _all_arms(self, words: Sequence[str]) -> dict[str, list[Arm]]:
        """The arms of each group, with the copy and the control."""
        codecs = codec_arms(transport_arms()[0])
        named = [arm for arm in codecs if arm.id in words]
        rest = [word for word in words if word not in {arm.id for arm in codecs}]
        if named and not rest:
            self._chosen = Chosen(load_arms(), [], [], named=True)
        else:
            self._chosen = chosen_arms(self._profile.every_arm, rest)
        self._not_run += self._chosen.left_out
        found = {}
        for group, suites in GROUPS.items():
            if not set(suites) & set(self._suites):
                continue
            if group == "codec":
                own = named or codec_arms(self._chosen.arms)
            else:
                own = [arm for arm in self._chosen.arms if self._fit(arm, group)]
            if own:
                found[group] = [*own, copy_of(own), CONTROL_ARM]
        if not found:
            raise UsageError("nothing is left to measure")
        self._tell_unfit()
        return found

    def _fit(self, arm: Arm, group: str) -> tuple[str, ...]:
        """The suites of a group that an arm is measured by."""
        if arm.role == "control" or not arm.transport:
            return self._of(group)
        host = self._chosen.catalogue.host_of(arm)
        plugin = self._chosen.catalogue.plugin(arm.plugin)
        return tuple(suite for suite in self._of(group) if not unfit(suite, host, plugin))

    def _tell_unfit(self) -> None:
        """Say of each suite which of the measured hosts and plugins it leaves out, and why.

        Peers can only read: that is what they are there for.
        """
        catalogue = self._chosen.catalogue
        told: dict[tuple[str, str], dict[str, None]] = {}
        for arm in (arm for arm in self._chosen.arms if arm.role == "arm"):
            host, plugin = catalogue.host_of(arm), catalogue.plugin(arm.plugin)
            for suite in (name for group in GROUPS for name in self._of(group)):
                if suite not in GROUPS["codec"] and (why := unfit(suite, host, plugin)):
                    told.setdefault((suite, why), {})[f"{host.id}/{plugin.id}"] = None
        self._not_run += [
            NotRun(f"{suite} of {', '.join(pairs)}", why) for (suite, why), pairs in told.items()
        ]

    def _all_placements(self) -> dict[str, Placement]:
        found = {}
        for name in sorted({n for places in self._profile.blocks.values() for n in places}):
            made = placement(name, available_cpus(), core_of)
            if isinstance(made, str):
                self._not_run.append(NotRun(f"placement {name}", made))
            else:
                found[name] = made
        return found

    def _begin(self, options: Options) -> Evidence:
        """The evidence of a run that begins now: no blocks yet."""
        commit, dirty = machine.commit()
        arms = {arm.id: arm for group in self._arms.values() for arm in group}
        suites = {name: load_suite(name) for group in self._arms for name in self._of(group)}
        return Evidence(
            format=FORMAT,
            profile=options.profile,
            seed=options.seed if options.seed is not None else secrets.randbelow(2**31),
            started=now(),
            ended=now(),
            complete=False,
            commit=commit,
            dirty=dirty,
            project_version=__version__,
            facts=machine.facts() | self._own_facts(),
            arms=list(arms.values()),
            suites={name: Suite(suite.QUESTION, suite.UNIT) for name, suite in suites.items()},
            not_run=self._not_run,
            blocks=[],
        )

    def _own_facts(self) -> dict[str, Any]:
        """What figures depend on that is this run's, not the machine's."""
        codecs = {arm.codec for arm in self._arms.get("codec", ()) if arm.codec}
        return {
            "placements": msgspec.to_builtins(self._placements),
            "effort": msgspec.to_builtins(self._profile.effort),
            "message_bytes": {codec: _message_sizes(codec) for codec in sorted(codecs)},
            **({"programs": programs} if (programs := self._programs()) else {}),
        }

    def _programs(self) -> dict[str, str]:
        """The SHA-256 of each program that is measured and is not part of this package."""
        catalogue = self._chosen.catalogue
        found: list[Program] = [catalogue.host_of(arm) for arm in self._chosen.arms]
        found += [catalogue.plugin(arm.plugin) for arm in self._chosen.arms]
        outside = {one.program: one for one in found if os.sep in one.program}
        return {
            f"{type(one).__name__.lower()} {one.id}": machine.file_digest(one.path)
            for one in outside.values()
        }

    def _of(self, group: str) -> tuple[str, ...]:
        """The suites of a group that are run."""
        return tuple(suite for suite in GROUPS[group] if suite in self._suites)

    def go(self) -> None:
        """Measure what is not in the file yet.

        Raises UsageError if there is a file that may be neither resumed nor replaced.
        """
        if not self._replaces and os.path.lexists(self._out):
            raise UsageError(
                f"{self._out} is there already; --resume continues an interrupted run,"
                " --force replaces the file"
            )
        done = {(block.suite, block.placement, block.number) for block in self.evidence.blocks}
        todo = [block for block in self.plan if not self._keys(block) <= done]
        kinds = [block.group for block in todo] + [CONFORMANCE] * self.has_conformance
        self._write()
        compile_modules()
        with progress(kinds) as tell:
            for block in todo:
                tell(f"{block.group} {block.placement} {block.number + 1}")
                self.evidence.blocks += self.measure(block)
                self._write()
            if self.has_conformance:
                tell(CONFORMANCE)
                self.conform()
        self.evidence.complete = True
        self._write()

    def _keys(self, block: Planned) -> set[tuple[str, str, int]]:
        return {(suite, block.placement, block.number) for suite in self._of(block.group)}

    def _write(self) -> None:
        self.evidence.ended = now()
        write(self._out, self.evidence)

    def measure(self, block: Planned) -> list[Block]:
        """One block of each suite of the group: its arms one after the other."""
        arms = {arm.id: arm for arm in self._arms[block.group]}
        before = machine.load()
        results: dict[str, Result] = {}
        for name in block.order:
            try:
                results[name] = run_task(self._task(arms[name], block))
            except MeasureError as error:
                self._skip(_failed(block.group, name), str(error))
        after = machine.load()
        return [
            Block(
                suite=suite,
                number=block.number,
                placement=block.placement,
                order=list(block.order),
                before=before,
                after=after,
                affinity={name: result.affinity for name, result in results.items()},
                samples=[s for result in results.values() for s in result.samples.get(suite, ())],
            )
            for suite in self._of(block.group)
        ]

    def _task(self, arm: Arm, block: Planned) -> Task:
        where, effort = self._placements[block.placement], self._profile.effort
        suites = self._fit(arm, block.group)
        if not arm.transport:
            return Task(suites, arm, where, effort)
        host = self._chosen.catalogue.host_of(arm)
        plugin = self._chosen.catalogue.plugin(arm.plugin).of(host, arm.transport)
        return Task(suites, arm, where, effort, host, plugin)

    def _skip(self, what: str, why: str) -> None:
        gap = NotRun(what, why)
        if gap not in self.evidence.not_run:
            self.evidence.not_run.append(gap)

    def conform(self) -> None:
        """Add the conformance matrix, of the lab's own among the arms."""
        arms, missing = transport_arms()
        if self._chosen.named:
            arms, missing = [arm for arm in arms if arm in self._chosen.arms], []
            if not arms:
                self._skip(CONFORMANCE, OTHERS)
                return
        for gap in missing:
            self._skip(f"{CONFORMANCE} {gap.what}", gap.why)
        chosen = [arm for arm in arms if arm.usual or self._profile.every_codec]
        for arm in arms:
            if arm not in chosen:
                self._skip(f"{CONFORMANCE} {arm.id}", "this profile has each usual codec alone")
        try:
            self.evidence.conformance = conformance(chosen)
        except LabError as error:
            self._skip(CONFORMANCE, machine.without_places(str(error)))


def _message_sizes(codec: str) -> dict[str, int]:
    """See codec.sizes."""
    code = f"import json, sys; from {sizes.__module__} import sizes"
    code += "; print(json.dumps(sizes(sys.argv[1])))"
    found: dict[str, int] = msgspec.json.decode(machine.apart(code, codec))
    return found


def failed(evidence: Evidence) -> list[NotRun]:
    """The arms that failed in every block of a group that has them, and why."""
    why: dict[str, dict[str, None]] = {}
    for gap in evidence.not_run:
        why.setdefault(gap.what, {})[gap.why] = None
    found = []
    for group, suites in GROUPS.items():
        blocks = [block for block in evidence.blocks if block.suite in suites]
        measured = {sample.arm for block in blocks for sample in block.samples}
        for arm in evidence.arms:
            reasons = why.get(_failed(group, arm.id), ())
            if reasons and arm.id not in measured:
                found.append(NotRun(f"{group}/{arm.id}", "; ".join(reasons)))
    return found


def _failed(group: str, arm: str) -> str:
    """What was not run if an arm has failed in a block."""
    return f"{group}/{arm} in a block"


def check_names(options: Options) -> None:
    """Raise UsageError for a profile or a suite that does not exist."""
    if options.profile not in PROFILES:
        raise UsageError(f"unknown profile {options.profile}; there are {', '.join(PROFILES)}")
    unknown = sorted(set(options.suites) - set(SUITES))
    if unknown:
        raise UsageError(f"unknown suite {unknown[0]}; there are {', '.join(SUITES)}")


def compile_modules() -> None:
    """Compile all modules, so that no measured process has to write bytecode."""
    for folder in ("transportlab", "transports"):
        compileall.compile_dir(ROOT / folder, quiet=2)


def now() -> str:
    """The time as files have it."""
    return datetime.now(UTC).isoformat(timespec="seconds")
