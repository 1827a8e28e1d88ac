"""Decides whether a plugin may run, and makes sure that what runs is what was decided on (P-TRUST).

A pinned plugin's file is opened once. sealed.py copies its bytes to where nobody else can change
them, hashing them on the way. If the manifest pins their sum, the copy runs. Where the path leads
later does not matter. A plugin without a pin runs from its path, and only if nobody else can write
its file: writers.py checks that by modes and owners, for pinned plugins too (P-TRUST-5).

A sum covers one file. inspection/pin.py says what of a plugin that leaves out.
"""

import contextlib
import os
import shlex
import stat
import threading
from collections.abc import Iterator, Mapping

import msgspec

from transportlab.errors import PluginError
from transportlab.host.discovery import may_run_from, noexec_error
from transportlab.host.sealed import copy_and_hash, copy_to_directory, copy_to_memory
from transportlab.host.writers import find_other_writer
from transportlab.manifest.pin import PluginPin

ELF = b"\x7fELF"
"""How a program or library begins. inspection/elf.py, which reads on, takes longer to import."""

_libraries: dict[str, str] = {}
"""The paths of the pinned libraries in this process, by their sums. A library is never unloaded
(P-FFI-1), and the loader takes a path that it has seen before for the same library. So the memory
file of each one stays open, and its descriptor's number never comes to mean another library."""

_loading = threading.Lock()


class Admitted(msgspec.Struct, frozen=True):
    """A plugin that may run: where it was found, and what to run or load for it.

    Without a pin `file` is `path`, and sha256 is empty. With one, `memory` is the descriptor behind
    `file`, which the process that runs or loads it must inherit; None if `file` is a copy on disk.
    """

    path: str
    file: str
    sha256: str = ""
    memory: int | None = None


def admit(
    name: str,
    path: str,
    pins: Mapping[str, PluginPin],
    undo: contextlib.ExitStack,
    *,
    library: bool,
) -> Admitted:
    """Return the plugin at `path` as it is to be run. `undo` frees what that takes.

    Raises PluginError: E-NOT-PINNED, E-PIN-MISMATCH, E-SEAL, E-FOLDER, E-NOT-READABLE,
    E-NOT-A-FILE, E-WRITABLE-BY-OTHERS, E-NOEXEC.
    """
    pin = pins.get(name)
    if pin is None:
        if pins:
            raise _not_pinned(name, path, pins)
        _refuse_other_writers(name, path)
        return Admitted(path, path)
    with _opened(name, path) as file, contextlib.ExitStack() as failed:
        admitted = _copy(file, library, failed)
        if admitted.sha256 not in pin.sha256:
            raise _mismatch(name, path, pin, admitted.sha256)
        undo.push(failed.pop_all())
        return admitted


def library_path(admitted: Admitted) -> str:
    """Return the path from which this very process may load the library, now and later."""
    if admitted.memory is None:
        return admitted.file
    with _loading:
        known = _libraries.get(admitted.sha256)
        if known is None:
            known = _libraries[admitted.sha256] = f"/proc/self/fd/{os.dup(admitted.memory)}"
        return known


def file_sum(name: str, path: str) -> str:
    """Return the SHA-256 of a plugin's file, in hex.

    The file has to meet the same conditions as a pinned one. Raises PluginError: E-NOT-READABLE,
    E-NOT-A-FILE, E-WRITABLE-BY-OTHERS, E-NOEXEC.
    """
    with _opened(name, path) as file:
        return copy_and_hash(file.descriptor, file.size, None)


class _File(msgspec.Struct, frozen=True):
    """A plugin's file, open for reading, and its size at that moment."""

    name: str
    path: str
    descriptor: int
    size: int


@contextlib.contextmanager
def _opened(name: str, path: str) -> Iterator[_File]:
    """Open the plugin's file, and check it. Nothing opens it by its path again."""
    try:
        # O_NONBLOCK: a pipe that has taken the file's place must not make the host wait.
        source = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError as error:
        raise _unreadable(name, path, error) from error
    try:
        found = os.fstat(source)
        if not stat.S_ISREG(found.st_mode):
            raise PluginError("E-NOT-A-FILE", "not a regular file", name, path)
        _refuse_other_writers(name, path, found)
        if not may_run_from(source):
            raise noexec_error(name, path)
        yield _File(name, path, source, found.st_size)
    finally:
        os.close(source)


def _copy(file: _File, library: bool, undo: contextlib.ExitStack) -> Admitted:
    """Copy the open file to where nobody else can change it (P-TRUST-2)."""
    source, size, path = file.descriptor, file.size, file.path
    base = os.path.basename(path)
    try:
        if library or os.pread(source, len(ELF), 0) == ELF:
            memory, digest = copy_to_memory(source, size, base, undo)
            return Admitted(path, f"/proc/self/fd/{memory}", digest, memory)
        return Admitted(path, *copy_to_directory(source, size, file.name, base, undo))
    except PluginError as error:
        error.path = path
        raise
    except OSError as error:
        raise PluginError(
            "E-SEAL",
            f"cannot be copied to where nobody can change it: {error.strerror}",
            name=file.name,
            path=path,
            action="a program needs memory files (see vm.memfd_noexec), a script a temporary"
            " directory with room for it (see TMPDIR)",
        ) from error


def _unreadable(name: str, path: str, error: OSError) -> PluginError:
    return PluginError(
        "E-NOT-READABLE",
        f"cannot be read: {error.strerror}",
        name=name,
        path=path,
        action="check that the file is there, and that this user may read it",
    )


def _not_pinned(name: str, path: str, pins: Mapping[str, PluginPin]) -> PluginError:
    """Return the error for a plugin that no pin names.

    Where there are pins they allow nothing else, or a misspelt name would be a way around them
    (P-TRUST-4).
    """
    return PluginError(
        "E-NOT-PINNED",
        "the manifest's plugins block does not name this plugin",
        name=name,
        path=path,
        expected=f"one of {', '.join(pins)}",
        got=name,
        action=f"to allow it: transportlab plugins pin {shlex.quote(path)}, and add that to the"
        " manifest",
    )


def _mismatch(name: str, path: str, pin: PluginPin, digest: str) -> PluginError:
    return PluginError(
        "E-PIN-MISMATCH",
        "its bytes are not those that the manifest pins; it was not run",
        name=name,
        path=path,
        expected=f"sha256 {' or '.join(pin.sha256)}",
        got=digest,
        action=f"if it was changed on purpose: transportlab plugins pin {shlex.quote(path)}, and"
        " put the sum into the manifest; if not, find out who has changed it",
    )


# ---- who else can write the file (P-TRUST-5)


def _refuse_other_writers(name: str, path: str, found: os.stat_result | None = None) -> None:
    try:
        other = find_other_writer(path, found)
    except OSError as error:
        raise _unreadable(name, path, error) from error
    if other is not None:
        raise PluginError(
            "E-WRITABLE-BY-OTHERS",
            f"others can change what runs: {other.place} {other.reason}",
            name=name,
            path=path,
            expected="a file, and a directory, that only this user and root can write",
            got=f"one that {other.reason}",
            action=other.action,
        )
