"""Private directories of launches (P-START-1), and the end of those whose host has died (P-STOP-4).

A host holds a lock on each directory of its own for as long as it needs it; the kernel lets the
lock go when the host ends, however it ends. So a directory whose lock can be had belongs to nobody
any more, or was made a moment ago and is not locked yet. The one who finds it cannot tell which:
it takes the lock, and removes. Its maker then does not get the lock, or finds the directory gone,
and makes another. Neither waits, and no age and no process number is trusted.
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

PREFIX = "cronix-run-"

MODE = 0o700

TRIES = 100
"""How often a directory may be taken away by a host that tidies up before it is locked."""

SWEPT = 4096
"""Entries of the directory for temporary files that are looked at, to bound what it costs."""

_NAME = re.compile(re.escape(PREFIX) + r"[a-z0-9_]{8}\Z")


def usual_place(name: str) -> str:
    """Where temporary files go. Raises PluginError E-FOLDER: where all disks are full, nowhere."""
    try:
        return tempfile.gettempdir()
    except FileNotFoundError as error:
        raise _cannot(name, "TMPDIR", error.strerror or str(error)) from error


def private_folder(undo: contextlib.ExitStack, name: str, place: str | None = None) -> str:
    """A new directory of mode 0700 for the backend of that name; undo removes it.

    place is where it is made, None for the usual. Raises PluginError E-FOLDER.
    """
    place = place or usual_place(name)
    for _ in range(TRIES):
        try:
            folder = tempfile.mkdtemp(prefix=PREFIX, dir=place)
        except OSError as error:
            raise _cannot(name, place, error.strerror or str(error)) from error
        held = _hold(folder)
        if held is not None:
            undo.callback(os.close, held)
            undo.callback(shutil.rmtree, folder, ignore_errors=True)
            return folder
    raise _cannot(name, place, f"other hosts took {TRIES} of them away")


def _cannot(name: str, place: str, problem: str) -> PluginError:
    return PluginError(
        "E-FOLDER",
        f"no private directory can be made in {place}: {problem}",
        name=name,
        action="make room there, or set TMPDIR to a directory that can be written to",
    )


def _hold(folder: str) -> int | None:
    """A descriptor with the lock of a directory just made; None if it was taken away before."""
    try:
        held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    if _lock(held) is not False and _is_there(folder, held):
        return held
    os.close(held)
    return None


def _is_there(folder: str, held: int) -> bool:
    with contextlib.suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(held), os.stat(folder, follow_symlinks=False))
    return False


def _lock(descriptor: int) -> bool | None:
    """Whether the lock was to be had; None where the file system has no locks."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def remove_abandoned(place: str) -> int:
    """Remove this user's private directories in place whose host is gone; how many there were."""
    removed = 0
    with contextlib.suppress(OSError), os.scandir(place) as entries:
        for entry in islice(entries, SWEPT):
            if _NAME.match(entry.name):
                removed += _remove_abandoned(entry.path)
    return removed


def _remove_abandoned(folder: str) -> bool:
    try:
        found = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:  # another user's, or gone
        return False
    try:
        status = os.fstat(found)
        ours = status.st_uid == os.geteuid() and stat.S_IMODE(status.st_mode) == MODE
        if not ours or not _lock(found):
            return False
        shutil.rmtree(folder, ignore_errors=True)
        return True
    finally:
        os.close(found)
