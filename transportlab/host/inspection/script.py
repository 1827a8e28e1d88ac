"""The first line of a script, as the kernel and env(1) read it: which program is to run it.

The rules are those of Linux's fs/binfmt_script.c: the first 256 bytes count, what follows the
interpreter's path is one argument, and a carriage return belongs to whatever it stands behind.
"""

import os
import re
import shlex
import shutil
from collections.abc import Mapping
from dataclasses import dataclass

MARK = b"#!"

HEAD = 256
"""BINPRM_BUF_SIZE since Linux 5.1: how much of a file the kernel looks at, in bytes."""

_WORD_END = re.compile(rb"[ \t\0]")
_DEFAULT_PATH = "/bin:/usr/bin"
"""Where execvp(3) searches when there is no PATH."""


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


@dataclass(frozen=True, slots=True)
class EnvSearch:
    """What env(1) does: it looks for program in the directories of path; found is "" if in none."""

    program: str
    path: str
    found: str
    hint: str = ""


def env_search(line: FirstLine, environment: Mapping[str, str]) -> EnvSearch | None:
    """The program that a first line asks env(1) for; None if it does not ask env."""
    if os.path.basename(line.interpreter) != "env" or not line.argument:
        return None
    words, hint = [line.argument], ""
    if line.argument.startswith(("-S", "--split-string")):
        words = _split(re.sub(r"\A(-S|--split-string=?)", "", line.argument))
    elif " " in line.argument:
        hint = "one argument is one word to env: write `env -S` to have it split"
    left = [word for word in words if not word.startswith("-") and "=" not in word]
    path = environment.get("PATH", _DEFAULT_PATH)
    program = left[0] if left else ""
    return EnvSearch(program, path, shutil.which(program, path=path) or "", hint)


def _split(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:  # a quotation mark without its end
        return text.split()
