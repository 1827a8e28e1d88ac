"""A script's first line, as the kernel and env(1) read it, followed to the program that runs.

The rules are those of Linux's fs/binfmt_script.c: the first 256 bytes count, what follows the
interpreter's path is one argument, and a carriage return belongs to whatever it stands behind.
"""

import getopt
import os
import re
import shlex
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from transportlab.host.inspection.elf import MAGIC
from transportlab.host.inspection.findings import HEAD, MARK, Refuted, head, strange, unusable

MAX_INTERPRETERS = 5
"""Scripts in a row that the kernel follows (depth in exec_binprm, fs/exec.c)."""

_WORD_END = re.compile(rb"[ \t\0]")
_DEFAULT_PATH = "/bin:/usr/bin"
"""Where execvp(3) searches when there is no PATH."""

_OPTIONS = "0ivu:C:S:"
_LONG_OPTIONS = ("ignore-environment", "null", "debug", "unset=", "chdir=", "split-string=")
"""Options of GNU's env; of a line with another one nobody knows what it means."""

_UNSET_PATH = (("-u", "PATH"), ("--unset", "PATH"))


@dataclass(frozen=True, slots=True)
class FirstLine:
    """The interpreter's path and its one argument; or problem, and then neither counts.

    cr: the line ends with CR LF, and the CR is part of one of the two.
    """

    interpreter: str = ""
    argument: str = ""
    problem: str = ""
    cr: bool = False


def first_line(head: bytes) -> FirstLine:
    """What the kernel reads from a file that begins with #!; head is its first HEAD bytes."""
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
    """From script to interpreter until one is ELF: the way there, and that one if it is readable.

    environment is what the script is to be started with. Raises Refuted and OSError.
    """
    chain = []
    for _ in range(MAX_INTERPRETERS):
        path = _next(path, environment)
        chain.append(str(path))
        try:
            first = head(path)
        except OSError:
            return " -> ".join(chain), None
        if first.startswith(MAGIC):
            return " -> ".join(chain), path
        if not first.startswith(MARK):
            raise Refuted(f"{' -> '.join(chain)}: {strange(first)}", "name a program behind #!")
    raise Refuted(f"{' -> '.join(chain)}: too many scripts", "name a program behind #!")


def _next(path: Path, environment: Mapping[str, str]) -> Path:
    line = first_line(head(path))
    full = "write #! and the full path of an interpreter"
    if line.problem:
        raise Refuted(f"{path}: {line.problem}", full)
    if line.cr:
        word = os.fsencode(line.argument or line.interpreter)
        raise Refuted(
            f"the first line ends with CR LF, and CR is part of its last word: {word!r}",
            f"write lines with LF alone: sed -i 's/\\r$//' {shlex.quote(str(path))}",
        )
    target = Path(line.interpreter)
    if not target.is_absolute():
        raise Refuted(f"{line.interpreter} is no full path", full)
    if problem := unusable(target):
        raise Refuted(f"{target} {problem}", "install it, or write the right path behind #!")
    search = env_search(line, environment)
    if search is None:
        return target
    if not search.found:
        raise Refuted(
            f"env finds no {search.program!r}; its PATH is {search.path}",
            search.hint or "install it there, or write its full path behind #!",
        )
    return Path(search.found)


@dataclass(frozen=True, slots=True)
class EnvSearch:
    """What env(1) does: it looks for program in the directories of path; found is "" if in none."""

    program: str
    path: str
    found: str
    hint: str = ""


def env_search(line: FirstLine, environment: Mapping[str, str]) -> EnvSearch | None:
    """The program that a first line asks env(1) for; None if it does not ask env, or nobody knows.

    Only the first line is looked at: without a program on it env would run the script's own path.
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
    """The options that env sees, and what follows them; -S is replaced by the words that it has."""
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
