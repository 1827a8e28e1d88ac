"""Makes and verifies pins, by the same steps that a host takes before it runs a plugin.

A pin is the SHA-256 of one file, and a plugin is seldom that file alone. left_out() says what of a
plugin its file's sum does not cover.
"""

import zipfile
from collections.abc import Collection, Mapping
from enum import StrEnum
from pathlib import Path

import msgspec

from transportlab.errors import PluginError
from transportlab.host.discovery import LIBRARY_SUFFIX, PREFIX, Found, find, is_name
from transportlab.host.inspection.elf import MAGIC, ElfError, parse_file
from transportlab.host.inspection.script import MARK, read_head
from transportlab.host.trust import file_sum
from transportlab.manifest.pin import PluginPin

BOTH = (False, True)
"""Program and library. A name can stand for either, and one pin is for both."""


class HashedFile(msgspec.Struct, frozen=True):
    """A plugin's file, its SHA-256 in hex, and what of the plugin that does not cover."""

    name: str
    path: str
    sha256: str
    left_out: str


class PinState(StrEnum):
    """What verifying a pin found."""

    OK = "ok"
    MISMATCH = "mismatch"
    MISSING = "missing"
    REFUSED = "refused"


class VerifiedPin(msgspec.Struct, frozen=True):
    """One pin compared with one file. If there is no sum to compare, `problem` says why."""

    name: str
    state: PinState
    file: HashedFile | None = None
    problem: str = ""


def hash_files(backend: str, libraries: Collection[bool] = BOTH) -> list[HashedFile]:
    """Hash the files that the name or path of a backend stands for.

    libraries: which kinds of file to hash: programs (False), libraries (True). A path is one file.

    Raises PluginError as find() and file_sum() do, but E-NOT-FOUND only if there is no file at all;
    E-BAD-NAME for a file that no pin can name.
    """
    if "/" in backend:
        libraries = (backend.endswith(LIBRARY_SUFFIX),)
    found, missing = [], []
    for library in libraries:
        try:
            file = find(backend, library=library)
        except PluginError as error:
            if error.code != "E-NOT-FOUND":
                raise
            missing.append(error)
            continue
        if not is_name(file.name):
            raise _cannot_be_pinned(file)
        digest = file_sum(file.name, str(file.path))
        found.append(HashedFile(file.name, str(file.path), digest, left_out(file.path)))
    if not found:
        raise missing[0]
    return found


def _cannot_be_pinned(file: Found) -> PluginError:
    """Return the error for a file's name that a manifest cannot hold (P-TRUST-1)."""
    return PluginError(
        "E-BAD-NAME",
        "no manifest can pin a file of this name",
        name=file.name,
        path=str(file.path),
        expected=f"{PREFIX} and a lower-case letter, then at most 62 of a-z, 0-9, '-'",
        got=file.path.name,
        action="rename the file",
    )


def plugins_block(files: Collection[HashedFile]) -> dict[str, object]:
    """Return the manifest's plugins block for these files."""
    pins: dict[str, list[str]] = {}
    for file in files:
        known = pins.setdefault(file.name, [])
        if file.sha256 not in known:
            known.append(file.sha256)
    return {
        name: {"sha256": one if not more else [one, *more]} for name, (one, *more) in pins.items()
    }


def verify(pins: Mapping[str, PluginPin], libraries: Collection[bool] = BOTH) -> list[VerifiedPin]:
    """Compare each pin with each file that a host would take for the plugin of that name."""
    return [result for name, pin in pins.items() for result in _verify(name, pin, libraries)]


def _verify(name: str, pin: PluginPin, libraries: Collection[bool]) -> list[VerifiedPin]:
    try:
        files = hash_files(name, libraries)
    except PluginError as error:
        state = PinState.MISSING if error.code == "E-NOT-FOUND" else PinState.REFUSED
        return [VerifiedPin(name, state, problem=f"{error.code}: {error.problem}")]
    good, bad = PinState.OK, PinState.MISMATCH
    return [VerifiedPin(name, good if file.sha256 in pin.sha256 else bad, file) for file in files]


# ---- what a sum does not cover


def left_out(path: Path) -> str:
    """Say what of the plugin its file's sum does not cover; empty if it covers all of it."""
    try:
        head = read_head(path)
        return _of_elf(path) if head.startswith(MAGIC) else _of_script(path, head)
    except OSError as error:
        return f"unknown: {error.strerror}"


def coverage(left_out: str) -> str:
    """Return what left_out() said as a remark beside the sum."""
    return f"not in the sum: {left_out}" if left_out else "the sum covers all of it"


def _of_script(path: Path, head: bytes) -> str:
    if not head.startswith(MARK):
        return "whatever runs it"
    words = head.removeprefix(MARK).partition(b"\n")[0].strip()
    line = words.decode("utf-8", "backslashreplace")
    if zipfile.is_zipfile(path):
        return f"its interpreter ({line}), and what that loads from outside this archive"
    return f"its interpreter ({line}), and all that it imports: the sum is this entry file's alone"


def _of_elf(path: Path) -> str:
    try:
        elf = parse_file(path)
    except ElfError as error:
        return f"what it loads, which is unknown: {error}"
    loaded = [*([elf.interpreter] if elf.interpreter else []), *elf.needed]
    return f"what it loads: {', '.join(loaded)}, and what these load or import" if loaded else ""
