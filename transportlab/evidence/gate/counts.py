"""What a start does, counted and not timed: it comes out equal each time, and says why.

    modules        that a Python program imports, as the interpreter tells (importtime)
    files          opened, by strace
    calls          to the system, by strace
    bytes          read from files, by strace
    instructions   in user mode, by perf where the processor counts them

A start is counted from the spawn to the exit of what is gated. What a tool is missing for is "not
counted", with the reason. Nothing here fails a build: time does, and counts are told beside it.

Each build is counted RUNS times. A count that is equal each time is compared exactly. Of one that
is not, as with threads, the ranges of both builds must lie further apart than either is wide.
"""

import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Protocol, TypeVar

import msgspec

from transportlab.errors import LabError
from transportlab.evidence.suites.handshake import module_names

RUNS = 3

NAMED = 3
"""So many modules or files are named; the others are only counted."""

KINDS = {
    "modules": ("module", "modules"),
    "files": ("file opened", "files opened"),
    "calls": ("system call", "system calls"),
    "bytes": ("byte read", "bytes read"),
    "instructions": ("instruction", "instructions"),
}
"""What is counted: its name for people, of one and of several."""

T = TypeVar("T")

STEADY = {"PYTHONHASHSEED": "0"}
"""Set for each counted start: a random seed changes what sets and dictionaries do."""

IMPORTTIME = {"PYTHONPROFILEIMPORTTIME": "1"}

_STRACE = ("-f", "-qq", "-y", "-s", "0", "-e", "signal=none", "-o")
_PERF = ("stat", "-x,", "-e", "instructions:u", "-o")


class Traceable(Protocol):
    """A target whose start can be counted."""

    def traced(self, tool: Sequence[str], variables: Mapping[str, str]) -> list[str]:
        """The lines on stderr of a start by a tool, with variables of the environment."""


class Range(msgspec.Struct, frozen=True):
    """The least and the most of a count that was taken RUNS times."""

    low: int
    high: int

    def more_than(self, other: "Range") -> int:
        """How much more this is; negative if it is less, 0 if that cannot be told."""
        slack = max(self.high - self.low, other.high - other.low)
        if self.low - other.high > slack:
            return self.low - other.high
        return self.high - other.low if other.low - self.high > slack else 0


class Counts(msgspec.Struct, frozen=True):
    """The counts of one build by their kind, and why some are not counted.

    modules: those imported, with the microseconds of each import and what it imports. paths: those
    opened.
    """

    counted: Mapping[str, Range]
    not_counted: Mapping[str, str]
    modules: Mapping[str, int] = {}
    paths: tuple[str, ...] = ()


def count(target: Traceable) -> Counts:
    """Count a build's start. What cannot be counted has a reason."""
    counted: dict[str, Range] = {}
    missing: dict[str, str] = {}
    modules: dict[str, int] = {}
    try:
        modules = imports(target.traced([], {**STEADY, **IMPORTTIME}))
        missing["modules"] = "no Python, or one that ignores its environment (-E)"
    except LabError:
        missing["modules"] = "the start failed while it was counted"
    if modules:
        del missing["modules"]
        counted["modules"] = Range(len(modules), len(modules))
    traces, why = _by_tool("strace", _STRACE, target, trace)
    for kind in ("files", "calls", "bytes"):
        if traces:
            counted[kind] = _range(one.counts[kind] for one in traces)
        else:
            missing[kind] = why
    numbers, why = _by_tool("perf", _PERF, target, instructions)
    if numbers:
        counted["instructions"] = _range(numbers)
    else:
        missing["instructions"] = why or "this machine does not count them"
    paths = traces[0].paths if traces else ()
    return Counts(counted, missing, modules, paths)


def _range(values: Iterable[int]) -> Range:
    every = list(values)
    return Range(min(every), max(every))


def _by_tool(
    name: str, words: Sequence[str], target: Traceable, read: Callable[[str], T | None]
) -> tuple[list[T], str]:
    """What a tool's output files say, as read() reads them, and why there are none."""
    tool = shutil.which(name)
    if tool is None:
        return [], f"no {name}"
    found = []
    with tempfile.TemporaryDirectory(prefix="tl-gate-") as folder:
        file = Path(folder, "counted")
        for _ in range(RUNS):
            file.unlink(missing_ok=True)
            try:
                target.traced([tool, *words, str(file), "--"], STEADY)
                value = read(file.read_text(errors="backslashreplace"))
            except (LabError, OSError):  # a container may forbid what the tool does
                return [], f"{name} cannot run the start here"
            if value is None:
                break
            found.append(value)
    return found, ""


# ---- modules


def imports(lines: Sequence[str]) -> dict[str, int]:
    """The modules that the interpreter tells, with the microseconds of each and what it imports."""
    told = [line for line in lines if line.startswith("import time:")]
    spent = (line.split("|")[1].strip() for line in told)
    numbers = (int(word) for word in spent if word.isdigit())  # the head of the table is none
    return dict(zip(module_names(told), numbers, strict=False))


# ---- strace

_CALL = re.compile(r"(\d+) +(?:<\.\.\. )?(\w+)(?:\(| resumed>)")
_RESULT = re.compile(r"= (-?\d+)")
_OPENS = {"open", "openat", "openat2"}
_READS = {"read", "pread64", "readv", "preadv", "preadv2"}
_PATH = re.compile(r'"((?:[^"\\]|\\.)*)"')


class Trace(msgspec.Struct, frozen=True):
    """What strace's output says."""

    counts: Mapping[str, int]
    paths: tuple[str, ...]


def trace(text: str) -> Trace:
    """Read what `strace -f -y -o` wrote. A call that another thread interrupts has two lines."""
    begun: dict[str, str] = {}
    calls = size = 0
    paths = []
    for line in text.splitlines():
        if not (match := _CALL.match(line)):
            continue  # an exit
        thread, name = match.groups()
        if line.endswith("<unfinished ...>"):
            begun[thread] = line
            continue
        whole = begun.pop(thread, "") + line
        calls += 1
        result = _RESULT.search(whole, whole.rfind(")"))
        if result is None or int(result[1]) < 0:
            continue
        if name in _OPENS and (path := _PATH.search(whole)):
            paths.append(path[1])
        elif name in _READS and "(" in whole and "</" in whole.partition("(")[2].partition(",")[0]:
            size += int(result[1])  # of a file: <socket:[1]> and <pipe:[1]> come as they come
    return Trace({"files": len(paths), "calls": calls, "bytes": size}, tuple(paths))


# ---- perf


def instructions(text: str) -> int | None:
    """Read what `perf stat -x,` wrote; None if the processor does not tell."""
    for line in text.splitlines():
        number, *_ = line.split(",")
        if "instructions" in line and number.isdigit():
            return int(number)
    return None


# ---- what has changed


def changes(base: Counts, head: Counts) -> dict[str, int]:
    """By kind, how much more the head has; negative if less. Without what is equal."""
    both = [kind for kind in KINDS if kind in base.counted and kind in head.counted]
    found = {kind: head.counted[kind].more_than(base.counted[kind]) for kind in both}
    return {kind: more for kind, more in found.items() if more}


def reason(base: Counts, head: Counts, builds: tuple[str, str]) -> str:
    """What the head does more or less than its base, for people; empty if it is the same.

    builds: the files of base and head. Their folders are not taken for a difference.
    """
    found = changes(base, head)
    parts = []
    if new := newest(base.modules, head.modules):
        named = ", ".join(_named(name, spent) for name, spent in new)
        parts.append(f"imports {named}")
    elif "modules" not in head.counted and (names := _new_files(base, head, builds)):
        parts.append(f"opens {', '.join(f'`{name}`' for name in names)}")
    for kind, more in found.items():
        word = "more" if more > 0 else "less" if kind == "bytes" else "fewer"
        parts.append(f"{_amount(kind, abs(more))} {word}")
    return ", ".join(parts)


def _named(module: str, microseconds: int) -> str:
    long = microseconds >= 100  # noqa: PLR2004  # less would be shown as 0.0 ms
    return f"`{module}` ({microseconds / 1000:.1f} ms)" if long else f"`{module}`"


def _amount(kind: str, number: int) -> str:
    if kind == "bytes" and number >= 10**3:
        size, unit = (number / 10**6, "MB") if number >= 10**6 else (number / 10**3, "kB")
        return f"{size:.1f} {unit} read"
    if kind == "instructions" and number >= 10**6:
        return f"{number / 10**6:.1f} million instructions"
    return f"{number:,} {KINDS[kind][number != 1]}"


def newest(base: Mapping[str, int], head: Mapping[str, int]) -> list[tuple[str, int]]:
    """The modules that are new and take longest, with their microseconds.

    Of a package that is new as a whole only the package, with the longest of its imports.
    """
    tops = {name.partition(".")[0] for name in base}
    found: dict[str, int] = {}
    for name, spent in head.items():
        if name not in base:
            top = name.partition(".")[0]
            shown = name if top in tops else top
            found[shown] = max(spent, found.get(shown, 0))
    return sorted(found.items(), key=lambda item: (-item[1], item[0]))[:NAMED]


def _new_files(base: Counts, head: Counts, builds: tuple[str, str]) -> list[str]:
    """Files that only the head opens, besides its own."""
    before, after = builds
    old = {_inside(path, _own_folder(before, after)) for path in base.paths}
    new = {_inside(path, _own_folder(after, before)) for path in head.paths if path != after}
    return sorted(new - old)[:NAMED]


def _own_folder(own: str, other: str) -> str:
    """The folder that is this build's own: its path without what ends the other's as well."""
    mine, theirs = Path(own).parts, Path(other).parts
    pairs = zip(reversed(mine), reversed(theirs), strict=False)
    shared = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    return os.path.join("", *mine[: len(mine) - shared])


def _inside(path: str, folder: str) -> str:
    """The path, from that folder if it is in it."""
    return path.removeprefix(folder + os.sep) if folder else path
