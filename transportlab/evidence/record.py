"""Evidence files: read, checked, and merged where the facts that must agree do agree.

spec/evidence.schema.json is the form. What a JSON Schema cannot say is checked here: that a sample
names an arm of the file, that quantiles do not fall, that every number is finite.
"""

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec

from transportlab.errors import LabError

FORMAT = 1
QUANTILES = 21
"""A steady-state sample holds the 0, 5, ... 100 % quantiles of one process."""

MEDIAN = QUANTILES // 2


class EvidenceError(LabError):
    """A file is not evidence, or files cannot be merged; says which, where and why."""


class Arm(msgspec.Struct, frozen=True):
    """One thing that is compared. role aa: a second copy of an arm, its id that arm's with #2."""

    id: str
    transport: str
    codec: str
    role: Literal["arm", "aa", "control"]

    @property
    def original(self) -> str:
        """The arm that an A/A arm is a copy of."""
        return self.id.partition("#")[0]


class Suite(msgspec.Struct, frozen=True):
    """What a suite asks."""

    question: str
    unit: str = ""


class Sample(msgspec.Struct, frozen=True):
    """One process: its one value, or the quantiles of the n calls it answered."""

    arm: str
    case: str
    metric: str
    unit: Literal["s", "B", "1/s"]
    n: int
    values: list[float]
    kind: Literal["quantiles", "value"]

    @property
    def value(self) -> float:
        """What the process counts for: its one value, or its median."""
        return self.values[MEDIAN] if self.kind == "quantiles" else self.values[0]


class Block(msgspec.Struct, frozen=True):
    """Every arm once, in fresh processes, in random order; file is set when files are merged."""

    suite: str
    number: int
    placement: str
    order: list[str]
    samples: list[Sample]
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}


class NotRun(msgspec.Struct, frozen=True):
    """Something that was left out, and why."""

    what: str
    why: str


class ConformanceResult(msgspec.Struct, frozen=True):
    """The totals of one transport and codec by status, and the ids of vectors that failed."""

    transport: str
    codec: str
    totals: dict[str, int]
    failures: list[str] = []


class Conformance(msgspec.Struct, frozen=True):
    """The conformance matrix at the commit that was measured."""

    vectors: int
    results: list[ConformanceResult]


class Evidence(msgspec.Struct, frozen=True):
    """One run, or several that agree in everything that must."""

    format: int
    profile: str
    seed: int
    started: str
    ended: str
    complete: bool
    commit: str
    dirty: bool
    project_version: str
    facts: dict[str, Any]
    arms: list[Arm]
    suites: dict[str, Suite]
    blocks: list[Block]
    not_run: list[NotRun]
    conformance: Conformance | None = None

    def arm(self, name: str) -> Arm | None:
        """The arm of that id, if the run had it."""
        return next((arm for arm in self.arms if arm.id == name), None)

    @property
    def measured(self) -> list[Arm]:
        """The arms that are compared: neither copies nor controls."""
        return [arm for arm in self.arms if arm.role == "arm"]


def load(path: Path) -> Evidence:
    """One file, or EvidenceError with the file, the place in it and what is wrong."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise EvidenceError(f"{path}: cannot be read: {error.strerror}") from error
    try:
        found = msgspec.json.decode(data, type=Evidence)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise EvidenceError(f"{path}: not an evidence file: {error}") from error
    problem = _problem(found)
    if problem:
        raise EvidenceError(f"{path}: {problem}")
    return found


def _problem(found: Evidence) -> str:
    """The first thing wrong with the file's sense, empty if there is none."""
    if found.format != FORMAT:
        return f"format {found.format}; this version reads format {FORMAT}"
    names = [arm.id for arm in found.arms]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        return f"arms: {twice[0]} is there twice"
    for number, block in enumerate(found.blocks):
        if block.suite not in found.suites:
            return f"blocks/{number}: suite {block.suite} is not in suites"
        for place, sample in enumerate(block.samples):
            wrong = _sample_problem(sample, names)
            if wrong:
                return f"blocks/{number}/samples/{place}: {wrong}"
    return ""


def _sample_problem(sample: Sample, arms: list[str]) -> str:
    if sample.arm not in arms:
        return f"arm {sample.arm} is not in arms"
    wanted = QUANTILES if sample.kind == "quantiles" else 1
    if len(sample.values) != wanted:
        return f"{len(sample.values)} values; kind {sample.kind} has {wanted}"
    if not all(math.isfinite(value) and value >= 0 for value in sample.values):
        return "a value is negative or not finite"
    if sample.values != sorted(sample.values):
        return "quantiles fall"
    return ""


def merge(paths: Sequence[Path]) -> Evidence:
    """The files as one; EvidenceError if a fact that must agree does not. Order does not matter."""
    loaded = sorted(((load(path), path) for path in paths), key=lambda pair: pair[0].started)
    if not loaded:
        raise EvidenceError("no evidence file was given")
    first, origin = loaded[0]
    for other, path in loaded[1:]:
        differing = disagreements(first, other)
        if differing:
            raise EvidenceError(
                f"{origin} and {path} are not evidence of one thing: {'; '.join(differing)}."
                " Report them apart."
            )
    return _joined([found for found, _ in loaded]) if len(loaded) > 1 else first


def disagreements(one: Evidence, other: Evidence) -> list[str]:
    """What must agree and does not, each as a sentence."""
    pairs = [
        (name, getattr(one, name), getattr(other, name))
        for name in ("commit", "dirty", "project_version", "arms", "suites")
    ]
    names = sorted(one.facts.keys() | other.facts.keys())
    pairs += [(f"fact {name}", one.facts.get(name), other.facts.get(name)) for name in names]
    return [f"{name}: {a!r} and {b!r}" for name, a, b in pairs if a != b]


def _joined(runs: list[Evidence]) -> Evidence:
    """Blocks are numbered on from run to run, as a block is what is resampled."""
    blocks: list[Block] = []
    for run in runs:
        offset = 1 + max((block.number for block in blocks), default=-1)
        blocks += [msgspec.structs.replace(b, number=b.number + offset) for b in run.blocks]
    skipped = {(gap.what, gap.why): gap for run in runs for gap in run.not_run}
    return msgspec.structs.replace(
        runs[0],
        ended=max(run.ended for run in runs),
        complete=all(run.complete for run in runs),
        blocks=blocks,
        not_run=list(skipped.values()),
        conformance=next((run.conformance for run in runs if run.conformance), None),
    )


# The evidence file while it grows: written whole after each block, or read to go on with.
#
# One line a member and one line a block, so that a difference between two files can be read.

BLOCKS = "blocks"


class StoreError(LabError):
    """The file cannot be written, or a run cannot be gone on with from it."""


class Store:
    """One evidence file. document is all of it but the blocks, which only ever are added."""

    def __init__(self, path: Path, document: dict[str, Any], blocks: list[dict[str, Any]]) -> None:
        self.path = path
        self.document = document
        self._blocks = [msgspec.json.encode(block) for block in blocks]
        self.done = {(b["suite"], b["placement"], b["number"]) for b in blocks}

    def add(self, blocks: list[dict[str, Any]]) -> None:
        """Add finished blocks; they are in the file after write()."""
        self._blocks += [msgspec.json.encode(block) for block in blocks]
        self.done |= {(b["suite"], b["placement"], b["number"]) for b in blocks}

    def write(self) -> None:
        """Put everything into the file, which at any time is the old one whole or the new one."""
        members = [
            b'"' + name.encode() + b'": ' + msgspec.json.encode(value)
            for name, value in self.document.items()
        ]
        blocks = b",\n  ".join(self._blocks)
        members.append(b'"' + BLOCKS.encode() + b'": [\n  ' + blocks + b"\n ]")
        data = b"{\n " + b",\n ".join(members) + b"\n}\n"
        part = self.path.with_name(f".{self.path.name}.part")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with part.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            part.replace(self.path)
        except OSError as error:
            raise StoreError(f"{self.path} cannot be written: {error.strerror}") from error


def resume(path: Path, fresh: dict[str, Any]) -> Store:
    """The file of an interrupted run, to go on with.

    fresh is the document that the run would begin with now: what has to agree must agree. Raises
    StoreError with every member that does not.
    """
    try:
        found: dict[str, Any] = msgspec.json.decode(path.read_bytes())
        blocks = found.pop(BLOCKS)
        differing = _differing(found, msgspec.json.decode(msgspec.json.encode(fresh)))
        complete = found["complete"]
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror}") from error
    except (msgspec.DecodeError, KeyError, AttributeError, TypeError) as error:
        raise StoreError(f"{path} is not an evidence file: {error!r}") from error
    if complete:
        raise StoreError(f"{path} is complete: there is nothing to go on with")
    if differing:
        raise StoreError(
            f"{path} was begun under other conditions, so its blocks cannot be set beside new"
            f" ones: {'; '.join(differing)}"
        )
    return Store(path, found, blocks)


def _differing(found: dict[str, Any], fresh: dict[str, Any]) -> list[str]:
    names = ("format", "profile", "commit", "project_version", "arms", "suites")
    pairs = [(name, found[name], fresh[name]) for name in names]
    before, now = found["facts"], fresh["facts"]
    pairs += [(f"facts/{n}", before.get(n), now.get(n)) for n in sorted({*before, *now})]
    return [f"{name} was {was!r}, is {new!r}" for name, was, new in pairs if was != new]
