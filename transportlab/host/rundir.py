"""Private directories of launches (P-START-1), and the removal of those whose host died (P-STOP-4).

A host holds a lock (flock) on each of its directories for as long as it needs it. The kernel
releases the lock when the host ends, however it ends. So a directory whose lock is free is either
abandoned, or was made a moment ago and is not locked yet. A host that tidies up cannot tell which:
it takes the lock and removes the directory. Its maker then fails to get the lock, or finds the
directory gone, and makes another. Neither side waits, and nothing depends on a directory's age or
on a process number.
"""

import contextlib
import fcntl
import os
import re
import shutil
import stat
import tempfile
from itertools import islice

from transportlab.errors import PluginError
from transportlab.host.writers import find_directory_writer

PREFIX = "cronix-run-"

MODE = 0o700

TRIES = 100
"""How often other hosts may take a new directory away before it is locked."""

MAX_SWEPT = 4096
"""How many entries of a directory remove_abandoned() looks at. This bounds its time."""

_NAME = re.compile(re.escape(PREFIX) + r"[a-z0-9_]{8}\Z")
"""The names that mkdtemp makes."""


def temporary_directory(name: str) -> str:
    """Return the directory for temporary files. `name` is the backend's, for the error.

    Raises PluginError E-FOLDER if there is none, as when all disks are full.
    """
    try:
        return tempfile.gettempdir()
    except FileNotFoundError as error:
        raise _cannot(name, "TMPDIR", error.strerror or str(error)) from error


def make_rundir(undo: contextlib.ExitStack, name: str, parent: str | None = None) -> str:
    """Make a directory with mode 0700 for the backend of that name; `undo` removes it.

    parent: where to make it; None for the directory for temporary files. Raises PluginError
    E-FOLDER, also if somebody else could put a directory of their own in its place: who calls a
    plugin there would give them the secret.
    """
    parent = parent or temporary_directory(name)
    _refuse_other_writers(name, parent)
    for _ in range(TRIES):
        try:
            path = tempfile.mkdtemp(prefix=PREFIX, dir=parent)
        except OSError as error:
            raise _cannot(name, parent, error.strerror or str(error)) from error
        descriptor = _hold(path)
        if descriptor is not None:
            undo.callback(os.close, descriptor)
            undo.callback(shutil.rmtree, path, ignore_errors=True)
            return path
    raise _cannot(name, parent, f"other hosts took {TRIES} of them away")


def _refuse_other_writers(name: str, parent: str) -> None:
    try:
        other = find_directory_writer(parent)
    except OSError as error:
        raise _cannot(name, parent, error.strerror or str(error)) from error
    if other is not None:
        raise PluginError(
            "E-FOLDER",
            f"no directory in {parent} is private: {other.place} {other.reason}",
            name=name,
            expected="a directory that only this user and root can write, or with the sticky bit",
            got=f"one that {other.reason}",
            action=f"{other.action}, or set TMPDIR to another directory",
        )


def _cannot(name: str, parent: str, problem: str) -> PluginError:
    return PluginError(
        "E-FOLDER",
        f"no private directory can be made in {parent}: {problem}",
        name=name,
        action="make room there, or set TMPDIR to a directory that can be written to",
    )


def _hold(path: str) -> int | None:
    """Lock a new directory. Returns the descriptor, or None if another host took it away."""
    try:
        descriptor = _open(path)
    except FileNotFoundError:
        return None
    # A file system without locks (None) is no reason not to use the directory: nobody sweeps there.
    if _lock(descriptor) is not False and _is_there(path, descriptor):
        return descriptor
    os.close(descriptor)
    return None


def _is_there(path: str, descriptor: int) -> bool:
    """Whether the path still leads to the directory that was opened and locked."""
    with contextlib.suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(descriptor), os.stat(path, follow_symlinks=False))
    return False


def _lock(descriptor: int) -> bool | None:
    """Try to lock a directory: whether it worked, or None if its file system has no locks."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def _open(path: str) -> int:
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)


def remove_abandoned(parent: str, entries: int = MAX_SWEPT) -> int:
    """Remove this user's directories in `parent` whose host is gone. Returns how many.

    entries: how many entries of `parent` to look at.
    """
    removed = 0
    with contextlib.suppress(OSError), os.scandir(parent) as found:
        for entry in islice(found, entries):
            if _NAME.match(entry.name):
                removed += _remove_abandoned(entry.path)
    return removed


def _remove_abandoned(path: str) -> bool:
    try:
        descriptor = _open(path)
    except OSError:  # another user's, or gone
        return False
    try:
        status = os.fstat(descriptor)
        ours = status.st_uid == os.geteuid() and stat.S_IMODE(status.st_mode) == MODE
        if not ours or not _lock(descriptor):
            return False
        shutil.rmtree(path, ignore_errors=True)
        return True
    finally:
        os.close(descriptor)
