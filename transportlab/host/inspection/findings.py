"""What a check on a plugin's file can find, and what a file is by its first bytes."""

import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from transportlab.errors import LabError, PluginError, RpcError


class Status(StrEnum):
    """What became of a check. NOT_REACHED: what came before leaves nothing to look at."""

    OK = "ok"
    FAILED = "failed"
    NOT_REACHED = "not reached"


@dataclass(frozen=True, slots=True)
class Check:
    """One reason not to start: what was found, what to do about it, what the plugin itself said."""

    name: str
    status: Status
    found: str = ""
    action: str = ""
    lines: tuple[str, ...] = ()


class Refuted(Exception):
    """A check has failed; found and action as in Check."""

    def __init__(self, found: str, action: str) -> None:
        super().__init__(found)
        self.found = found
        self.action = action


def failed(name: str, error: LabError) -> Check:
    """The check that an error of the host's refutes, with all that the error says."""
    if not isinstance(error, PluginError):
        action = error.details.action if isinstance(error, RpcError) else ""
        return Check(name, Status.FAILED, str(error), action)
    found = f"{error.code}: {error.problem.removesuffix('.')}"
    if error.expected or error.got:
        found += f"; expected {error.expected or 'nothing'}, got {error.got or 'nothing'}"
    if error.exit:
        found += f"; it ended with {error.exit}"
    return Check(name, Status.FAILED, found, error.action, error.stderr)


HEAD = 256
"""BINPRM_BUF_SIZE since Linux 5.1: how much of a file the kernel looks at, in bytes."""

MARK = b"#!"
"""How a script begins; an ELF file begins with elf.MAGIC."""

SHOWN = 24
"""How many of a strange file's first bytes are shown."""

_FORMATS = {
    b"MZ": "a Windows program",
    b"\xcf\xfa\xed\xfe": "a macOS program",
    b"\xca\xfe\xba\xbe": "a macOS program or a Java class",
    b"\x1f\x8b": "a gzip archive",
    b"\x28\xb5\x2f\xfd": "a zstd archive",
    b"\xfd7zXZ": "an xz archive",
    b"PK": "a zip archive without a first line",
    b"\xef\xbb\xbf#!": "a script behind a byte order mark (EF BB BF)",
    b"<": "a page of HTML or XML, perhaps of a failed download",
}


def head(path: Path) -> bytes:
    """The bytes that the kernel looks at first. Raises OSError."""
    with path.open("rb", buffering=0) as file:
        return file.read(HEAD)


def strange(head: bytes) -> str:
    """What a file is that can be neither run nor loaded."""
    for magic, what in _FORMATS.items():
        if head.startswith(magic):
            return f"{what}: it begins with {head[:SHOWN]!r}"
    if head.startswith(MARK):
        return "a script, not a shared library"
    if head.lstrip().startswith(MARK):
        return "a script whose #! is not its first two bytes"
    if not head:
        return "an empty file"
    return f"neither an ELF file nor a script with #!: it begins with {head[:SHOWN]!r}"


def unusable(path: Path) -> str:
    """Why nothing can be run by its path; empty if it looks as if it could. Raises OSError."""
    try:
        there = path.exists()
    except PermissionError:
        return "leads through a directory that this user may not search"
    if not there:
        return "leads nowhere" if path.is_symlink() else "is not there"
    if not path.is_file():
        return "is not a file"
    if os.statvfs(path).f_flag & os.ST_NOEXEC:  # access() denies it then, whatever the mode
        return "is on a file system mounted noexec"
    return "" if os.access(path, os.X_OK, effective_ids=True) else "is not executable"
