"""What the SHA-256 of a plugin's one file leaves out; a plugin is seldom that file alone."""

import zipfile
from pathlib import Path

from transportlab.host.inspection.elf import MAGIC, ElfError, parse_file
from transportlab.host.inspection.files import MARK, head


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
