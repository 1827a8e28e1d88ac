"""Pins are made and verified by the same steps that a host takes before it runs a plugin."""

import zipfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from transportlab.errors import PluginError
from transportlab.host.discovery import LIBRARY_SUFFIX, PREFIX, Found, find, is_name
from transportlab.host.inspection.elf import MAGIC, ElfError, parse_file
from transportlab.host.inspection.findings import MARK, head
from transportlab.host.trust import file_sum
from transportlab.manifest.pin import PluginPin

BOTH = (False, True)
"""A plugin's program, and its library: a name can stand for either, and one pin is for both."""


@dataclass(frozen=True, slots=True)
class Summed:
    """A plugin's file, its SHA-256, and what of the plugin that leaves out (sums.py)."""

    name: str
    path: str
    sha256: str
    left_out: str


class PinState(StrEnum):
    """What becomes of a pin when it is verified."""

    OK = "ok"
    MISMATCH = "mismatch"
    MISSING = "missing"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Verified:
    """One pin against one file. problem says what is wrong where there is no sum to compare."""

    name: str
    state: PinState
    file: Summed | None = None
    problem: str = ""


def sums(backend: str, libraries: Collection[bool] = BOTH) -> list[Summed]:
    """The files that the name or path of a backend stands for; libraries: which kinds are asked.

    Raises PluginError as find() and file_sum() do, E-NOT-FOUND only if there is no file at all;
    E-BAD-NAME for a file that no pin can name.
    """
    found, nowhere = [], []
    for library in _kinds(backend, libraries):
        try:
            there = find(backend, library=library)
        except PluginError as error:
            if error.code != "E-NOT-FOUND":
                raise
            nowhere.append(error)
            continue
        if not is_name(there.name):
            raise _nameless(there)
        digest = file_sum(there.name, str(there.path))
        found.append(Summed(there.name, str(there.path), digest, left_out(there.path)))
    if not found:
        raise nowhere[0]
    return found


def _nameless(there: Found) -> PluginError:
    """A manifest pins by names (P-TRUST-1), so the block would not be valid."""
    return PluginError(
        "E-BAD-NAME",
        "no manifest can pin a file of this name",
        name=there.name,
        path=str(there.path),
        expected=f"{PREFIX} and a lower-case letter, then at most 62 of a-z, 0-9, '-'",
        got=there.path.name,
        action="rename the file",
    )


def _kinds(backend: str, libraries: Collection[bool]) -> Collection[bool]:
    """A path is one file, and its name tells which kind."""
    return (backend.endswith(LIBRARY_SUFFIX),) if "/" in backend else libraries


def block(files: Collection[Summed]) -> dict[str, object]:
    """The manifest's plugins block for these files."""
    pins: dict[str, list[str]] = {}
    for file in files:
        known = pins.setdefault(file.name, [])
        if file.sha256 not in known:
            known.append(file.sha256)
    return {
        name: {"sha256": one if not more else [one, *more]} for name, (one, *more) in pins.items()
    }


def verify(pins: Mapping[str, PluginPin], libraries: Collection[bool] = BOTH) -> list[Verified]:
    """Each pin against each file that a host would take for the plugin of that name."""
    return [result for name, pin in pins.items() for result in _verify(name, pin, libraries)]


def _verify(name: str, pin: PluginPin, libraries: Collection[bool]) -> list[Verified]:
    try:
        files = sums(name, libraries)
    except PluginError as error:
        state = PinState.MISSING if error.code == "E-NOT-FOUND" else PinState.REFUSED
        return [Verified(name, state, problem=f"{error.code}: {error.problem}")]
    good, bad = PinState.OK, PinState.MISMATCH
    return [Verified(name, good if file.sha256 in pin.sha256 else bad, file) for file in files]


# What the SHA-256 of a plugin's one file leaves out; a plugin is seldom that file alone.


def left_out(path: Path) -> str:
    """What of the plugin its file's sum does not cover; empty if it covers all of it."""
    try:
        first = head(path)
        return _of_elf(path) if first.startswith(MAGIC) else _of_script(path, first)
    except OSError as error:
        return f"what cannot be told: {error.strerror}"


def in_words(left_out: str) -> str:
    """The same as a remark beside the sum."""
    return f"not in the sum: {left_out}" if left_out else "the sum covers all of it"


def _of_script(path: Path, first: bytes) -> str:
    if not first.startswith(MARK):
        return "whatever runs it"
    words = first.removeprefix(MARK).partition(b"\n")[0].strip()
    line = words.decode("utf-8", "backslashreplace")
    if zipfile.is_zipfile(path):
        return f"its interpreter ({line}), and what that loads from outside this archive"
    return f"its interpreter ({line}), and all that it imports: the sum is this entry file's alone"


def _of_elf(path: Path) -> str:
    try:
        elf = parse_file(path)
    except ElfError as error:
        return f"what it loads, which cannot be told: {error}"
    loaded = [*([elf.interpreter] if elf.interpreter else []), *elf.needed]
    return f"what it loads: {', '.join(loaded)}, and what these load or import" if loaded else ""
