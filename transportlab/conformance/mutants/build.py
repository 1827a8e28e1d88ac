"""Makes a mutant: a copy of the plugin's source with the fault in it, built.

The checkout stays as it is. What is linked into the copy (packages that were downloaded, the
contract) is shared, and no edit can reach it.
"""

import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from transportlab.conformance.mutants.data import Edit, Mutant, MutantFile
from transportlab.errors import LabError, UsageError

BUILD_SECONDS = 600.0
"""How long a build may take. The first one of a machine may have to download packages."""

DEPTH = 4
"""How many folders there are above a copy, for links that lead out of it."""

TOLD = 20
"""How many lines of a build's output an error shows: the last ones."""

OURS = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")
"""Variables of a `make` that runs us. A make of the build's own would take them for its own."""


class NotBuilt(LabError):
    """The build failed, or took too long."""


def lacking(plugin: MutantFile) -> str:
    """Why the plugin cannot be built here; empty if it can."""
    if not Path(plugin.folder).is_dir():
        return f"no source at {plugin.folder}"
    missing = [name for name in plugin.needs if shutil.which(name) is None]
    return f"no {' and '.join(missing)}" if missing else ""


@contextmanager
def built(plugin: MutantFile, mutant: Mutant | None = None) -> Iterator[Path]:
    """The path of the plugin's program with the mutant's fault, or with none, as long as it lasts.

    Raises UsageError if an edit does not fit, and NotBuilt.
    """
    with TemporaryDirectory(prefix="tl-mutant-") as place:
        source = Path(plugin.folder)
        copy = Path(place, *(["x"] * (DEPTH - 1)), source.name)
        _copy(source, copy, plugin)
        for edit in () if mutant is None else mutant.edits:
            edit_file(copy, edit)
        if plugin.build:
            _build(copy, plugin.build)
        program = copy / plugin.program
        if not program.is_file():
            raise NotBuilt(f"`{plugin.build}` has made no {plugin.program}")
        yield program


def edit_file(folder: Path, edit: Edit) -> None:
    """Carry an edit out. Raises UsageError if its text is not there exactly once."""
    path = folder / edit.file
    if os.pardir in Path(edit.file).parts or not path.is_file() or path.is_symlink():
        raise UsageError(f"{edit.file}: no such file in the plugin's folder")
    text = path.read_text(encoding="utf-8")
    if (count := text.count(edit.old)) != 1:
        raise UsageError(f"{edit.file}: expected once, got {count} times: {edit.old!r}")
    path.write_text(text.replace(edit.old, edit.new), encoding="utf-8")


def _copy(source: Path, copy: Path, plugin: MutantFile) -> None:
    """Copy the source without what is built, and link what is to be linked."""
    made = Path(plugin.program).parts[0]
    left_out = {made} if made != plugin.program else set()
    left_out |= {link for link in plugin.links if os.sep not in link}
    shutil.copytree(
        source,
        copy,
        symlinks=True,
        ignore=lambda folder, names: left_out & set(names) if Path(folder) == source else [],
    )
    for link in plugin.links:
        there, here = Path(os.path.normpath(source / link)), Path(os.path.normpath(copy / link))
        if not here.is_relative_to(copy.parents[DEPTH - 1]):
            raise UsageError(f"{link}: leads more than {DEPTH - 1} folders up")
        if there.exists() and not here.exists():
            here.parent.mkdir(parents=True, exist_ok=True)
            here.symlink_to(there)


def _build(folder: Path, command: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in OURS}
    try:
        done = subprocess.run(
            shlex.split(command),
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=BUILD_SECONDS,
            check=False,
        )
    except OSError as error:
        raise NotBuilt(f"`{command}`: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise NotBuilt(f"`{command}` took over {BUILD_SECONDS:g} s") from error
    if done.returncode:
        said = done.stdout.decode("utf-8", "replace").splitlines()[-TOLD:]
        raise NotBuilt("\n  ".join([f"`{command}` failed:", *said]))
