"""Follows a script's first line to what runs in the end, as the kernel and env(1) read it.

The rules are those of Linux's fs/binfmt_script.c: only the first 256 bytes count; what follows the
interpreter's path is one argument; a carriage return belongs to the word before it. A file that is
neither a script nor ELF is described by its first bytes.
"""

import getopt
import os
import re
import shlex
import shutil
from collections.abc import Mapping
from pathlib import Path

import msgspec

from transportlab.host.discovery import may_run_from
from transportlab.host.inspection.check import CheckFailed
from transportlab.host.inspection.elf import MAGIC

MARK = b"#!"
"""How a script begins. An ELF file begins with elf.MAGIC."""

HEAD = 256
"""BINPRM_BUF_SIZE since Linux 5.1: how many bytes of a file the kernel looks at."""

MAX_INTERPRETERS = 5
"""How many scripts in a row the kernel follows (depth in exec_binprm, fs/exec.c)."""

SHOWN = 24
"""How many of an unknown file's first bytes are shown."""

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

_WORD_END = re.compile(rb"[ \t\0]")

_DEFAULT_PATH = "/bin:/usr/bin"
"""Where execvp(3) searches if there is no PATH."""

_OPTIONS = "0ivu:C:S:"
_LONG_OPTIONS = ("ignore-environment", "null", "debug", "unset=", "chdir=", "split-string=")
"""Options of GNU's env. With any other option a line's meaning is not known."""

_UNSET_PATH = (("-u", "PATH"), ("--unset", "PATH"))


def read_head(path: Path) -> bytes:
    """Return the bytes that the kernel looks at first. Raises OSError."""
    with path.open("rb", buffering=0) as file:
        return file.read(HEAD)


def describe_unknown(head: bytes) -> str:
    """Say what a file is that can be neither run nor loaded."""
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


def why_unusable(path: Path) -> str:
    """Say why nothing can be run by this path; empty if it looks as if it could. Raises OSError."""
    try:
        there = path.exists()
    except PermissionError:
        return "leads through a directory that this user may not search"
    if not there:
        return "leads nowhere" if path.is_symlink() else "is not there"
    if not path.is_file():
        return "is not a file"
    if not may_run_from(path):  # first: access() would say no as well, whatever the mode
        return "is on a file system mounted noexec"
    return "" if os.access(path, os.X_OK, effective_ids=True) else "is not executable"


class FirstLine(msgspec.Struct, frozen=True):
    """The interpreter's path and its one argument. With a problem, neither counts.

    cr: the line ends with CR LF, and the CR is part of the path or of the argument.
    """

    interpreter: str = ""
    argument: str = ""
    problem: str = ""
    cr: bool = False


def first_line(head: bytes) -> FirstLine:
    """Return what the kernel reads from a file that begins with #!. head: its first HEAD bytes."""
    head = head[:HEAD]
    line, end, _ = head.removeprefix(MARK).partition(b"\n")
    line = line.lstrip(b" \t")
    if not end and len(head) == HEAD:
        line = line[:-1]  # the kernel keeps a byte for a NUL
        if line and not _WORD_END.search(line):
            return FirstLine(problem=f"the path is cut at byte {HEAD}, as is all that is longer")
    line = line.rstrip(b" \t")
    path, *rest = _WORD_END.split(line, maxsplit=1)
    if not path:
        return FirstLine(problem="no interpreter behind #!")
    argument = rest[0].strip(b" \t").partition(b"\0")[0] if rest else b""
    return FirstLine(os.fsdecode(path), os.fsdecode(argument), cr=line.endswith(b"\r"))


def resolve(path: Path, environment: Mapping[str, str]) -> tuple[str, Path | None]:
    """Follow a script from interpreter to interpreter until one is ELF.

    Returns the way there as text, and the ELF file, or None if it cannot be read. environment is
    what the script will be started with. Raises CheckFailed and OSError.
    """
    chain = []
    for _ in range(MAX_INTERPRETERS):
        path = _next(path, environment)
        chain.append(str(path))
        try:
            first = read_head(path)
        except OSError:
            return " -> ".join(chain), None
        if first.startswith(MAGIC):
            return " -> ".join(chain), path
        if not first.startswith(MARK):
            found = f"{' -> '.join(chain)}: {describe_unknown(first)}"
            raise CheckFailed(found, "name a program behind #!")
    raise CheckFailed(f"{' -> '.join(chain)}: too many scripts", "name a program behind #!")


def _next(path: Path, environment: Mapping[str, str]) -> Path:
    """Return the program that runs this script."""
    line = first_line(read_head(path))
    full = "write #! and the full path of an interpreter"
    if line.problem:
        raise CheckFailed(f"{path}: {line.problem}", full)
    if line.cr:
        word = os.fsencode(line.argument or line.interpreter)
        raise CheckFailed(
            f"the first line ends with CR LF, and CR is part of its last word: {word!r}",
            f"write lines with LF alone: sed -i 's/\\r$//' {shlex.quote(str(path))}",
        )
    target = Path(line.interpreter)
    if not target.is_absolute():
        raise CheckFailed(f"{line.interpreter} is not a full path", full)
    if problem := why_unusable(target):
        whole = _with_spaces(line)
        if whole:
            raise CheckFailed(
                f"{target} {problem}; to the kernel a path ends at its first space",
                f"put {whole} where its path has no space, or have pip install the plugin as an"
                " entry point, which starts by way of /bin/sh",
            )
        raise CheckFailed(f"{target} {problem}", "install it, or write the right path behind #!")
    search = env_search(line, environment)
    if search is None:
        return target
    if not search.found:
        raise CheckFailed(
            f"env finds no {search.program!r}; its PATH is {search.path}",
            search.hint or "install it there, or write its full path behind #!",
        )
    return Path(search.found)


def _with_spaces(line: FirstLine) -> str:
    """Return the file that the line names if spaces belong to its path; empty if there is none."""
    words = [line.interpreter, *line.argument.split(" ")]
    paths = (" ".join(words[:end]) for end in range(len(words), 1, -1))
    return next(filter(os.path.isfile, paths), "")


class EnvSearch(msgspec.Struct, frozen=True):
    """env(1) looks for `program` in the directories of `path`. `found` is empty if none has it."""

    program: str
    path: str
    found: str
    hint: str = ""


def env_search(line: FirstLine, environment: Mapping[str, str]) -> EnvSearch | None:
    """Return the search that a first line asks env(1) for.

    None if the line does not ask env, if it names no program (env would then run the script's own
    path), or if its meaning is not known here.
    """
    if os.path.basename(line.interpreter) != "env" or not line.argument:
        return None
    if "$" in line.argument or "\\" in line.argument:  # env -S has variables and escapes of its own
        return None
    path = environment.get("PATH", _DEFAULT_PATH)
    try:
        options, words = _env_words([line.argument])
    except getopt.GetoptError:
        return None
    for name, value in options:
        if name in ("-i", "--ignore-environment") or (name, value) in _UNSET_PATH:
            path = _DEFAULT_PATH
    while words and "=" in words[0]:
        name, _, value = words.pop(0).partition("=")
        path = value if name == "PATH" else path
    if not words:
        return None
    split = " " in words[0] and not options
    hint = "one argument is one word to env: write `env -S` to have it split" if split else ""
    return EnvSearch(words[0], path, shutil.which(words[0], path=path) or "", hint)


def _env_words(words: list[str]) -> tuple[list[tuple[str, str]], list[str]]:
    """Return env's options and the words after them, with -S replaced by the words in it."""
    found, rest = getopt.getopt(words, _OPTIONS, _LONG_OPTIONS)
    for number, (name, value) in enumerate(found):
        if name in ("-S", "--split-string"):
            more, rest = _env_words([*_split(value), *rest])
            return [*found[: number + 1], *more], rest
    return found, rest


def _split(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:  # a quotation mark without its end
        return text.split()
