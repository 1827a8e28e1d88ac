"""A whole run: the plan of its blocks, the blocks one by one, the file after each.

The file is complete: false until the last block is in it. A block that was interrupted leaves
nothing; a run goes on with the block that comes next in the same order.
"""

import compileall
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from transportlab import __version__
from transportlab.data import ROOT
from transportlab.errors import LabError, UsageError
from transportlab.evidence.record import Store, resume
from transportlab.evidence.run import machine as facts
from transportlab.evidence.run.placement import Placement, available_cpus, core_of, placement
from transportlab.evidence.run.plan import (
    CONTROL_ARM,
    PROFILES,
    Arm,
    Planned,
    Profile,
    codec_arms,
    copy_of,
    schedule,
    transport_arms,
)
from transportlab.evidence.run.progress import progress
from transportlab.evidence.run.subprocess import MeasureError, run_job
from transportlab.evidence.run.worker import Job, Result
from transportlab.evidence.suites import GROUPS, SUITES, load_suite
from transportlab.evidence.suites.carriage import SIZES as PAYLOADS
from transportlab.evidence.suites.codec import sizes
from transportlab.evidence.suites.handshake import plugin_modules

FORMAT = 1
CONFORMANCE = "conformance"


@dataclass(frozen=True, slots=True)
class Options:
    """What to run. suites empty: all, and the conformance matrix. only: ids of arms, for a few.

    seed None: a new one, which the file tells; with resume it is the file's.
    """

    profile: str
    out: Path
    seed: int | None = None
    suites: tuple[str, ...] = ()
    resume: bool = False
    only: tuple[str, ...] = ()


class EvidenceRun:
    """See the module. Raises UsageError for unknown names, StoreError for the file."""

    def __init__(self, options: Options) -> None:
        self._profile = _profile(options)
        unknown = sorted(set(options.suites) - set(SUITES))
        if unknown:
            raise UsageError(f"unknown suite {unknown[0]}; there are {', '.join(SUITES)}")
        self._suites = options.suites or SUITES
        self._conformance = not options.suites
        self._not_run: list[tuple[str, str]] = []
        self._arms = self._all_arms(options.only)
        if "carriage" in self._suites and self._profile.effort.largest < max(PAYLOADS):
            beyond = f"carriage beyond {self._profile.effort.largest} bytes"
            self._not_run.append((beyond, "the profile full has it"))
        self._placements = self._all_placements()
        self._modules: dict[str, tuple[str, ...]] = {}
        fresh = self._document(options)
        if options.resume:
            self.store = resume(options.out, fresh)
        else:
            self.store = Store(options.out, fresh, [])
        ids = {group: tuple(arm.id for arm in arms) for group, arms in self._arms.items()}
        blocks = {
            group: {name: n for name, n in places.items() if name in self._placements}
            for group, places in self._profile.blocks.items()
            if group in ids
        }
        self.plan = schedule(blocks, ids, self.store.document["seed"])

    def _all_arms(self, only: Sequence[str]) -> dict[str, list[Arm]]:
        """The arms of each group that is run, copy and control included."""
        arms, missing = transport_arms()
        self._not_run += missing
        found = {}
        for group, suites in GROUPS.items():
            if not set(suites) & set(self._suites):
                continue
            own = codec_arms(arms) if group == "codec" else arms
            own = [arm for arm in own if not only or arm.id in only]
            if own:
                found[group] = [*own, copy_of(own), CONTROL_ARM]
        if not found:
            raise UsageError("nothing is left to measure")
        return found

    def _all_placements(self) -> dict[str, Placement]:
        found = {}
        for name in sorted({n for places in self._profile.blocks.values() for n in places}):
            made = placement(name, available_cpus(), core_of)
            if isinstance(made, str):
                self._not_run.append((f"placement {name}", made))
            else:
                found[name] = made
        return found

    def _document(self, options: Options) -> dict[str, Any]:
        commit, dirty = facts.commit()
        arms = {arm.id: arm for group in self._arms.values() for arm in group}
        codecs = {arm.codec for arm in self._arms.get("codec", ()) if arm.codec}
        return {
            "format": FORMAT,
            "profile": options.profile,
            "seed": options.seed if options.seed is not None else secrets.randbelow(2**31),
            "started": _now(),
            "ended": _now(),
            "complete": False,
            "commit": commit,
            "dirty": dirty,
            "project_version": __version__,
            "facts": facts.facts()
            | {
                "placements": {n: asdict(p) for n, p in self._placements.items()},
                "effort": asdict(self._profile.effort),
                "message_bytes": {codec: sizes(codec) for codec in sorted(codecs)},
            },
            "arms": [asdict(arm) for arm in arms.values()],
            "suites": {
                name: {"question": load_suite(name).QUESTION, "unit": load_suite(name).UNIT}
                for group in self._arms
                for name in self._of(group)
            },
            "not_run": [{"what": what, "why": why} for what, why in self._not_run],
            "conformance": None,
        }

    def _of(self, group: str) -> tuple[str, ...]:
        return tuple(suite for suite in GROUPS[group] if suite in self._suites)

    def go(self) -> None:
        """Measure what is not in the file yet."""
        todo = [block for block in self.plan if not self._is_done(block)]
        kinds = [block.group for block in todo] + [CONFORMANCE] * self._conformance
        self._write()
        _compile()
        with progress(kinds) as tell:
            for block in todo:
                tell(f"{block.group} {block.placement} {block.number + 1}")
                self.store.add(self._measure(block))
                self._write()
            if self._conformance:
                tell(CONFORMANCE)
                self._conform()
        self.store.document["complete"] = True
        self._write()

    def _write(self) -> None:
        self.store.document["ended"] = _now()
        self.store.write()

    def _is_done(self, block: Planned) -> bool:
        wanted = {(suite, block.placement, block.number) for suite in self._of(block.group)}
        return wanted <= self.store.done

    def _measure(self, block: Planned) -> list[dict[str, Any]]:
        """One block of each suite of the group: the arms one after the other."""
        arms = {arm.id: arm for arm in self._arms[block.group]}
        before = facts.load()
        results: dict[str, Result] = {}
        for name in block.order:
            try:
                results[name] = run_job(self._job(arms[name], block))
            except MeasureError as error:
                self._skip(f"{block.group}/{name} in a block", str(error))
        after = facts.load()
        return [
            {
                "suite": suite,
                "number": block.number,
                "placement": block.placement,
                "order": block.order,
                "before": before,
                "after": after,
                "affinity": {
                    name: {"host": result.host, "plugin": result.plugin}
                    for name, result in results.items()
                },
                "samples": [
                    {"arm": name, **asdict(sample)}
                    for name, result in results.items()
                    for sample in result.samples[suite]
                ],
            }
            for suite in self._of(block.group)
        ]

    def _job(self, arm: Arm, block: Planned) -> Job:
        modules: tuple[str, ...] = ()
        if block.group == "handshake" and arm.transport:
            key = f"{arm.transport} {arm.codec}"
            if key not in self._modules:
                self._modules[key] = plugin_modules(arm)
            modules = self._modules[key]
        where = self._placements[block.placement]
        return Job(self._of(block.group), arm, where, self._profile.effort, modules, 0.0)

    def _skip(self, what: str, why: str) -> None:
        entry = {"what": what, "why": why}
        if entry not in self.store.document["not_run"]:
            self.store.document["not_run"].append(entry)

    def _conform(self) -> None:
        if find_spec("transportlab.conformance") is None:
            self._skip(CONFORMANCE, "the suite is not installed")
            return
        from transportlab.evidence.run.conformance import conformance

        arms, missing = transport_arms()
        for what, why in missing:
            self._skip(f"{CONFORMANCE} {what}", why)
        chosen = [arm for arm in arms if arm.usual or self._profile.every_codec]
        for arm in arms:
            if arm not in chosen:
                self._skip(f"{CONFORMANCE} {arm.id}", "this profile has each usual codec alone")
        try:
            self.store.document["conformance"] = conformance(chosen)
        except LabError as error:
            self._skip(CONFORMANCE, facts.without_places(str(error)))


def _profile(options: Options) -> Profile:
    if options.profile not in PROFILES:
        known = ", ".join(PROFILES)
        raise UsageError(f"unknown profile {options.profile}; there are {known}")
    return PROFILES[options.profile]


def _compile() -> None:
    """Have all bytecode there, so that no process is the one that has to write it."""
    for folder in ("transportlab", "transports"):
        compileall.compile_dir(ROOT / folder, quiet=2)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
