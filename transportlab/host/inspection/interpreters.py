"""Follows a script's first line to the program that runs in the end."""

import os
import shlex
from collections.abc import Mapping
from pathlib import Path

from transportlab.host.inspection.elf import MAGIC
from transportlab.host.inspection.findings import Refuted, head, strange, unusable
from transportlab.host.inspection.script import MARK, env_search, first_line

MAX_INTERPRETERS = 5
"""Scripts in a row that the kernel follows (depth in exec_binprm, fs/exec.c)."""


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
    if line.problem:
        raise Refuted(f"{path}: {line.problem}", "write #! and the full path of an interpreter")
    if line.cr:
        word = os.fsencode(line.argument or line.interpreter)
        raise Refuted(
            f"the first line ends with CR LF, and CR is part of its last word: {word!r}",
            f"write lines with LF alone: sed -i 's/\\r$//' {shlex.quote(str(path))}",
        )
    target = Path(line.interpreter)
    problem = unusable(target) if target.is_absolute() else "is no full path"
    if problem:
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
