"""The history of a build's start: an entry for each main build, and the steps that are in it.

A change of +5 % is within the gate's first margin, and so is the next one. Each is compared with
the build before it, and passes. The history compares each build with one fixed reference, so what
small steps add up to is seen, and the build of each step is named.

The file has a line of JSON for each build. Its level is compared: the head's start over that
of the reference, a kept build, or a bare spawn of the interpreter where there is none. Levels of
different plugins, references, machines or Pythons say nothing about each other, so a file is of one
each.

Steps are the change points of the levels' logarithms, by PELT with a penalty (Killick et al. 2012),
which the library ruptures has. Apache Otava is made for the same and would be the first choice, but
it holds numpy to one version and brings clients of BigQuery, PostgreSQL and Slack.

A step that is meant is accepted, with a reason, and later levels are held against the level there.
"""

import math
import os
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from statistics import fmean
from typing import Any

import msgspec

from transportlab import __version__
from transportlab.data import open_to_write
from transportlab.errors import UsageError
from transportlab.evidence.gate.decide import Margins, Reading
from transportlab.evidence.gate.run import Options
from transportlab.evidence.gate.verdict import File, Outcome, Result, Verdict
from transportlab.evidence.run import machine
from transportlab.registry import lacks

FORMAT = 1

MIN_BUILDS = 12
"""With fewer builds no step is looked for: nothing is known of how levels differ by themselves."""

SMALLEST = 0.02
"""The least change of a level that is a step."""

PENALTY = 4.0
"""How much a step must explain: tests/evidence/gate/test_history.py counts false steps with it."""

_MEDIAN_DIFFERENCE = 0.6745 * math.sqrt(2)
"""The median of the distance of two normal values, in their standard deviations."""

LIBRARY = "ruptures"


class Level(msgspec.Struct, frozen=True):
    """The start of a build over that of its reference, with its bounds; medians in seconds."""

    ratio: float
    low: float
    high: float
    head: float
    base: float
    pairs: int


class Subject(msgspec.Struct, frozen=True):
    """What a history is of. plugin: with --host, that which the host starts."""

    build: str
    plugin: str
    reference: str
    machine: str
    python: str


class Build(msgspec.Struct, frozen=True, tag_field="kind", tag="build"):
    """The entry of a build. name: its commit, say. levels: by transport."""

    format: int
    name: str
    at: str
    subject: Subject
    levels: Mapping[str, Level]
    file: File
    version: str = __version__


class Accepted(msgspec.Struct, frozen=True, tag_field="kind", tag="accepted"):
    """That the level of the build before it is meant, and why."""

    reason: str
    at: str


Entry = Build | Accepted


def subject(head: str, base: str | None, plugin: str = "") -> Subject:
    """What a history of this head, here, is of."""
    model = machine.read("/proc/cpuinfo").partition("model name")[2].partition("\n")[0]
    processor = model.strip(" :\t") or machine.HIDDEN
    reference = f"sha256 {machine.file_digest(base)}" if base else "bare spawns"
    major, minor, _ = platform.python_version_tuple()
    return Subject(
        build=Path(head).name,
        plugin=Path(plugin).name,
        reference=reference,
        machine=f"{platform.machine()}, {os.cpu_count()} CPUs, {processor}",
        python=f"{major}.{minor}",
    )


_WHAT = {
    "build": "of another build",
    "plugin": "of another plugin",
    "reference": "against another reference",
    "machine": "of another machine",
    "python": "of another Python",
}


def load(path: Path) -> list[Entry]:
    """The entries of a file, none if there is no file. Raises UsageError if it is no history."""
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error
    found: list[Entry] = []
    for number, line in enumerate(lines, 1):
        try:
            entry = msgspec.json.decode(line, type=Entry)
        except msgspec.DecodeError as error:
            problem = f"not a history of the gate: {error}"
            raise UsageError(f"{path}: line {number}: {problem}") from error
        if isinstance(entry, Build):
            _check_build(entry, f"{path}: line {number}")
        found.append(entry)
    return found


def _check_build(build: Build, where: str) -> None:
    if build.format != FORMAT:
        raise UsageError(f"{where}: format {build.format}; this version reads {FORMAT}")
    for name, one in build.levels.items():
        if not 0 < one.low <= one.ratio <= one.high:
            raise UsageError(f"{where}: levels/{name}: expected 0 < low <= ratio <= high")


def check(path: Path, entries: Sequence[Entry], now: Subject) -> None:
    """Raise UsageError if the history is of something else, or if no steps could be found here.

    The newest build tells what it is of.
    """
    if lacks(LIBRARY):
        raise UsageError(
            f"--history: not installed: {LIBRARY}; pip install 'transportlab[history]'"
        )
    newest = next((e.subject for e in reversed(entries) if isinstance(e, Build)), now)
    for member, what in _WHAT.items():
        then, here = getattr(newest, member), getattr(now, member)
        if then != here:
            raise UsageError(
                f"{path}: is a history {what}: it has {then or 'none'}, this is {here or 'none'};"
                " give each its own file"
            )


def level(reading: Reading) -> Level:
    """The level of a reading."""
    ratio, low, high = (round(x, 6) for x in (reading.ratio, reading.low, reading.high))
    head, base = (round(seconds, 7) for seconds in (reading.head, reading.base))
    return Level(ratio, low, high, head, base, reading.pairs)


def append(path: Path, entry: Entry) -> None:
    """Add an entry. A line is written at once or not at all."""
    with open_to_write(path, "ab") as file:
        file.write(msgspec.json.encode(entry) + b"\n")


def now() -> str:
    """The time of an entry."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


# ---- steps


class Step(msgspec.Struct, frozen=True):
    """A change of the level. build: the first with the new one."""

    build: str
    at: str
    percent: float
    before: float
    after: float

    @property
    def shown(self) -> str:
        """For people."""
        times = f"{self.before * 1000:.1f} -> {self.after * 1000:.1f} ms"
        return f"{self.percent:+.1f} % at {self.build} ({self.at[:10]}), {times}"


class Trend(msgspec.Struct, frozen=True):
    """What the history of a transport says.

    steps: all since the last accepted build. percent: by how much the newest level lies above that
    of the accepted build, or of the first one. few: why no step was looked for; empty if they were.
    """

    transport: str
    steps: tuple[Step, ...] = ()
    percent: float = 0.0
    since: str = ""
    few: str = ""

    def outcome(self, margins: Margins) -> Outcome:
        """A regression if steps add up to more than the first margin."""
        name = f"{self.transport} history"
        if self.few:
            return Outcome(name, Verdict.MEASURED, self.few)
        if not self.steps:
            return Outcome(name, Verdict.PASS, f"no step since {self.since}")
        told = f"{self.percent:+.1f} % since {self.since}"
        verdict = Verdict.PASS
        if self.percent > margins.fail_above:
            verdict = Verdict.REGRESSION
            told += f", more than {margins.fail_above:g} %; --accept REASON if that is meant"
        return Outcome(name, verdict, "\n".join([told, *(step.shown for step in self.steps)]))


def trend(entries: Sequence[Entry], transport: str) -> Trend:
    """The steps of a transport."""
    builds = [e for e in entries if isinstance(e, Build) and transport in e.levels]
    if len(builds) < MIN_BUILDS:
        few = f"{len(builds)} of the {MIN_BUILDS} builds that finding steps takes"
        return Trend(transport, few=few)
    levels = [build.levels[transport] for build in builds]
    accepted = _accepted(entries, transport)
    points = change_points([one.ratio for one in levels])
    edges = [0, *points, len(builds)]
    parts = [range(begin, end) for begin, end in pairwise(edges)]
    mean = [math.exp(fmean(math.log(levels[n].ratio) for n in part)) for part in parts]
    heads = [fmean(levels[n].head for n in part) for part in parts]
    steps = tuple(
        Step(
            builds[part.start].name,
            builds[part.start].at,
            100 * (mean[place] / mean[place - 1] - 1),
            heads[place - 1],
            heads[place],
        )
        for place, part in enumerate(parts)
        if place and part.start > accepted
    )
    known = next(place for place, part in enumerate(parts) if accepted in part)
    percent = 100 * (mean[-1] / mean[known] - 1)
    return Trend(transport, steps, percent, builds[accepted].name)


def _accepted(entries: Sequence[Entry], transport: str) -> int:
    """The place of the last accepted build among the transport's, the first unless there is one."""
    count = place = 0
    for entry in entries:
        if isinstance(entry, Accepted):
            place = max(count - 1, 0)
        elif transport in entry.levels:
            count += 1
    return place


def change_points(values: Sequence[float]) -> list[int]:
    """Where a new level begins: places in the sequence, in order.

    What a step must explain more than chance is PENALTY times the variance of a level times the log
    of their number (Yao 1988 has 1, which is right for many values). The variance is that of
    neighbours' differences, by their median, which steps hardly change. Steps that are less than
    SMALLEST go, the least one first.
    """
    import numpy as np

    ruptures: Any = import_module(LIBRARY)  # scipy takes a while, which only this should wait for
    logs = np.log(values)
    noise = max(float(np.median(np.abs(np.diff(logs)))) / _MEDIAN_DIFFERENCE, SMALLEST / 4)
    found = ruptures.KernelCPD(kernel="linear", min_size=2).fit(logs[:, None])
    points = found.predict(pen=PENALTY * noise**2 * math.log(len(logs)))[:-1]
    while points:
        means = [float(part.mean()) for part in np.split(logs, points)]
        sizes = [abs(after - before) for before, after in pairwise(means)]
        least = min(range(len(sizes)), key=sizes.__getitem__)
        if sizes[least] >= SMALLEST:
            break
        del points[least]
    return list(points)


# ---- adding to it


def add(path: Path, options: Options, result: Result, name: str) -> list[str]:
    """Add a build with what could be measured of it; return those transports.

    Nothing is added if nothing could be measured. name: its file's sum unless given.
    """
    levels = {
        outcome.transport: level(outcome.reading)
        for outcome in result.outcomes
        if outcome.reading is not None and outcome.reading.usable
    }
    if levels:
        file = File(options.head, machine.file_digest(options.head))
        of = subject(options.head, options.base, options.plugin)
        append(path, Build(FORMAT, name or file.sha256[:12], now(), of, levels, file))
    return list(levels)


def accept(path: Path, reason: str) -> str:
    """Accept the level of the newest build; return the build's name. Raises UsageError."""
    newest = next((e for e in reversed(load(path)) if isinstance(e, Build)), None)
    if newest is None:
        raise UsageError(f"{path}: has no build whose level could be accepted")
    append(path, Accepted(reason, now()))
    return newest.name
