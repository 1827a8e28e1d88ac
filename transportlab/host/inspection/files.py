"""What a file is, by its first bytes, and whether anything could be run by its path."""

import os
from pathlib import Path

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
