"""Evidence files: their types, and how they are written, read and resumed.

spec/evidence.schema.json defines the format. What a JSON Schema cannot say is checked here: each
sample names an arm of the file, quantiles do not fall, and numbers are finite.

There is one set of types. A measuring process makes Samples, the runner puts them into Blocks, and
the report reads both back. A measuring process imports this module, and imports are part of what it
measures, so nothing is imported here that such a process would not load anyway.
"""

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec

from transportlab.errors import LabError
from transportlab.registry import load_transport

FORMAT = 1

QUANTILES = 21
"""How many quantiles a sample of repeated calls holds: 0, 5, ... 100 %."""

MEDIAN = QUANTILES // 2

DIGITS = 4
"""Significant digits that a sample keeps: an error of at most 0.05 %, far below any noise."""

Unit = Literal["s", "B", "1/s"]
SECONDS: Unit = "s"
BYTES: Unit = "B"
PER_SECOND: Unit = "1/s"

COMPRESSED = ".gz"
_GZIP = b"\x1f\x8b"

MUST_AGREE_TO_RESUME = ("profile", "commit", "project_version", "arms", "suites")
"""What an interrupted run and what would be run now have in common, beside every fact."""


class EvidenceError(LabError):
    """A file cannot be read or written, is not evidence, or does not go with another one.

    The message has the file, and where possible the place in it and what was expected.
    """


class Sample(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one process measured for one case and metric.

    kind: "quantiles" for n calls, of which `values` has the 0, 5, ... 100 % quantiles; "value" for
    something measured once, or once for all n calls. halves: the medians of the first and of the
    second half of the calls, as they came; () if their order is not known. Arm.one() and Arm.many()
    make samples.
    """

    arm: str
    case: str
    metric: str
    unit: Unit
    n: int
    values: list[float]
    kind: Literal["quantiles", "value"]
    halves: tuple[float, ...] = ()

    @property
    def value(self) -> float:
        """The number that stands for the process: its one value, or its median."""
        return self.values[MEDIAN] if self.kind == "quantiles" else self.values[0]


class Arm(msgspec.Struct, frozen=True):
    """One thing that is compared.

    transport is empty for a codec alone and for the control. role: "aa" is a second copy of another
    arm, with that arm's id and "#2", and differs from it by noise alone. "control" uses no
    transport and shows what the machine did meanwhile. "peer" stands beside the arms and is not
    compared with them in claims: what others would write, and floors of a start.

    host and plugin: ids of spec/arms.json, or the name that a run gave its own plugin. Files from
    before there were any are of the first ones. An arm without a transport has no use for them.
    """

    id: str
    transport: str
    codec: str
    role: Literal["arm", "aa", "control", "peer"]
    host: str = "python"
    plugin: str = "sdk"

    @property
    def original(self) -> str:
        """The id of the arm that an A/A arm is a copy of."""
        return self.id.partition("#")[0]

    @property
    def usual(self) -> bool:
        """Whether the codec is its transport's usual one, the first that its traits name."""
        return self.role == "arm" and load_transport(self.transport).traits.codecs[0] == self.codec

    def one(self, case: str, metric: str, value: float, unit: Unit = SECONDS, n: int = 1) -> Sample:
        """A sample of something that a process measures once; n calls are behind it."""
        return Sample(self.id, case, metric, unit, n, [rounded(value)], "value")

    def many(
        self,
        case: str,
        metric: str,
        values: Sequence[float],
        unit: Unit = SECONDS,
        *,
        in_order: bool = True,
    ) -> Sample:
        """A sample of something that a process measures repeatedly, at least once.

        Where there was only time for one call the sample is of kind "value". in_order: whether the
        values are in the order in which they came.
        """
        count = len(values)
        if count == 1:
            return self.one(case, metric, values[0], unit)
        parts = (values[: count // 2], values[count // 2 :]) if in_order else ()
        halves = tuple(rounded(median(part)) for part in parts)
        return Sample(self.id, case, metric, unit, count, quantiles(values), "quantiles", halves)


def rounded(value: float) -> float:
    """The value with DIGITS significant digits."""
    return float(f"{value:.{DIGITS}g}")


def median(values: Sequence[float]) -> float:
    """The median; a measuring process does not import `statistics` for it."""
    return quantiles(values)[MEDIAN]


def quantiles(values: Sequence[float]) -> list[float]:
    """The 0, 5, ... 100 % quantiles, rounded; between two values they are interpolated."""
    ordered = sorted(values)
    found = []
    for step in range(QUANTILES):
        place = step * (len(ordered) - 1) / (QUANTILES - 1)
        below = int(place)
        above = min(below + 1, len(ordered) - 1)
        found.append(rounded(ordered[below] + (ordered[above] - ordered[below]) * (place - below)))
    return found


class Affinity(msgspec.Struct, frozen=True):
    """The CPUs on which a measuring process and each of its plugins could really run."""

    host: tuple[int, ...]
    plugin: list[tuple[int, ...]]


class Block(msgspec.Struct, frozen=True, kw_only=True):
    """Every arm of a suite once, in fresh processes, in the random order that `order` gives.

    before and after: what else the machine did, as machine.load() tells it. affinity: by arm.
    """

    suite: str
    number: int
    placement: str
    order: list[str]
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    affinity: dict[str, Affinity] = {}
    samples: list[Sample]


class Suite(msgspec.Struct, frozen=True):
    """The question that a suite answers, and the unit of most of its samples."""

    question: str
    unit: str = ""


class NotRun(msgspec.Struct, frozen=True):
    """Something that was left out, and why."""

    what: str
    why: str


class ConformanceResult(msgspec.Struct, frozen=True):
    """One transport and codec: how many vectors by status, and the ids of those that failed."""

    transport: str
    codec: str
    totals: dict[str, int]
    failures: list[str] = []


class Conformance(msgspec.Struct, frozen=True):
    """The conformance matrix of the code that was measured."""

    vectors: int
    results: list[ConformanceResult]


class Evidence(msgspec.Struct, kw_only=True):
    """A run, as its file has it.

    The members are in the order in which they are written. A run adds blocks to it, and at the end
    sets `complete`.
    """

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
    not_run: list[NotRun]
    conformance: Conformance | None = None
    blocks: list[Block]

    @property
    def measured(self) -> list[Arm]:
        """The arms that are compared: no copies, no controls, no peers."""
        return [arm for arm in self.arms if arm.role == "arm"]


def write(path: Path, evidence: Evidence) -> None:
    """Write the file, or replace it in one step: an interrupt leaves the old file or the new one.

    Each member and each block has a line of its own, so that two files can be compared line by
    line. A file whose name ends with .gz is compressed. Raises EvidenceError.
    """
    members = {name: getattr(evidence, name) for name in evidence.__struct_fields__}
    blocks = b",\n  ".join(msgspec.json.encode(block) for block in members.pop("blocks"))
    lines = [b'"%s": %s' % (n.encode(), msgspec.json.encode(v)) for n, v in members.items()]
    lines.append(b'"blocks": [\n  ' + blocks + b"\n ]")
    data = b"{\n " + b",\n ".join(lines) + b"\n}\n"
    if path.suffix == COMPRESSED:
        import gzip

        # The best compression takes a second, which a run would spend after each block.
        data = gzip.compress(data, 9 if evidence.complete else 1, mtime=0)
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise EvidenceError(f"{path}: cannot be written: {error.strerror}") from error


def load(path: Path) -> Evidence:
    """The evidence of one file. Raises EvidenceError."""
    try:
        data = path.read_bytes()
        if data.startswith(_GZIP):
            data = _decompressed(data)
        found = msgspec.json.decode(data, type=Evidence)
    except OSError as error:
        raise EvidenceError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise EvidenceError(f"{path}: not an evidence file: {error}") from error
    problem = _problem(found)
    if problem:
        raise EvidenceError(f"{path}: {problem}")
    return found


def _decompressed(data: bytes) -> bytes:
    """Raises OSError, also for what is cut."""
    import gzip
    import zlib

    try:
        return gzip.decompress(data)
    except (EOFError, zlib.error) as error:
        raise OSError(f"not whole: {error}") from error


def _problem(found: Evidence) -> str:
    """The first thing wrong that the types cannot show; empty if there is none."""
    if found.format != FORMAT:
        return f"format {found.format}; this version reads format {FORMAT}"
    names = [arm.id for arm in found.arms]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        return f"arms: {twice[0]} is there twice"
    seen: set[tuple[str, str, int]] = set()
    for number, block in enumerate(found.blocks):
        key = (block.suite, block.placement, block.number)
        if key in seen:
            return f"blocks/{number}: {block.suite} {block.placement} {block.number} is there twice"
        seen.add(key)
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


def resume(path: Path, fresh: Evidence) -> Evidence:
    """The evidence of an interrupted run, for its blocks to be continued.

    fresh: what a new run would begin with now. Raises EvidenceError if the run was completed, or if
    anything of MUST_AGREE_TO_RESUME or of the facts has changed since, with all that has.
    """
    found = load(path)
    if found.complete:
        raise EvidenceError(f"{path}: the run is complete; there is nothing to resume")
    # Through JSON, as the file was: what was a tuple is a list there.
    now = msgspec.json.decode(msgspec.json.encode(fresh), type=Evidence)
    differing = differences(found, now, MUST_AGREE_TO_RESUME)
    if differing:
        raise EvidenceError(
            f"{path}: cannot be resumed, as its blocks were measured under other conditions than"
            f" now: {'; '.join(differing)}"
        )
    return found


def differences(one: Evidence, other: Evidence, members: Sequence[str]) -> list[str]:
    """Which of the members and of the facts differ, each with both values."""
    pairs = [(name, getattr(one, name), getattr(other, name)) for name in members]
    facts = sorted(one.facts.keys() | other.facts.keys())
    pairs += [(f"fact {name}", one.facts.get(name), other.facts.get(name)) for name in facts]
    return [f"{name}: {a!r} and {b!r}" for name, a, b in pairs if a != b]
