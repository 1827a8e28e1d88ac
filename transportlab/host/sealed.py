"""Takes a plugin's bytes to where nobody else can change them, and hashes them on the way.

An ELF file becomes a memory file that is sealed against every change, run and loaded by its
descriptor. Anything else becomes a file of the same name, alone in a private directory: an
interpreter is given a path, and looks for more files beside it (P-TRUST-3).

Such a directory is locked by the host that made it. A host that is killed cannot remove its own;
the next one that needs a directory there finds it unlocked and does (P-STOP-4).
"""

import contextlib
import errno
import fcntl
import os
import shutil
import tempfile
from pathlib import Path

from transportlab.errors import PluginError

CHUNK = 1 << 20
"""Bytes that are read, written and hashed at a time."""

FOLDER = "cronix-run-"
"""How the names of private directories begin."""

MFD_EXEC = 0x10
"""Linux 6.3 and later: the memory file may be executed, whatever vm.memfd_noexec=1 would say."""

_SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE


def transfer(source: int, size: int, target: int | None) -> str:
    """Copy at most size bytes from one descriptor to another, None for nowhere; their SHA-256.

    What is hashed is what was written: a file that grows or shrinks meanwhile gives other bytes,
    but never bytes other than those of the sum.
    """
    from hashlib import sha256  # loads OpenSSL, which a host without pins need not

    digest = sha256()
    while size > 0 and (data := os.read(source, min(CHUNK, size))):
        digest.update(data)
        size -= len(data)
        while target is not None and data:
            data = data[os.write(target, data) :]
    return digest.hexdigest()


def to_memory(source: int, size: int, name: str, undo: contextlib.ExitStack) -> tuple[int, str]:
    """A sealed memory file of the bytes and their sum; undo closes it. Raises OSError."""
    memory = _memory_file(name)
    undo.callback(os.close, memory)
    digest = transfer(source, size, memory)
    fcntl.fcntl(memory, fcntl.F_ADD_SEALS, _SEALS)
    return memory, digest


def _memory_file(name: str) -> int:
    flags = os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING
    try:
        return os.memfd_create(name, flags | MFD_EXEC)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        return os.memfd_create(name, flags)  # the kernel is older than the flag


def to_directory(source: int, size: int, path: str, undo: contextlib.ExitStack) -> tuple[str, str]:
    """The path of a private copy of the bytes and their sum; undo removes it.

    Raises OSError, and PluginError E-NOEXEC.
    """
    copy = os.path.join(_private_directory(undo), os.path.basename(path))
    target = os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o500)
    try:
        return copy, transfer(source, size, target)
    finally:
        os.close(target)  # a file that is open for writing cannot be run (ETXTBSY)


def places() -> list[str]:
    """Where a private directory may be, the usual place first."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    return [tempfile.gettempdir(), *([runtime] if runtime else []), "/dev/shm", "/var/tmp"]  # noqa: S108  # mkdtemp makes the name there


def may_run_from(place: str | int) -> bool:
    """Whether programs may be run from the file system of a path or a descriptor."""
    return not os.statvfs(place).f_flag & os.ST_NOEXEC


def _private_directory(undo: contextlib.ExitStack) -> str:
    tried = []
    for place in places():
        try:
            if may_run_from(place):
                _remove_abandoned(place)
                return _locked_directory(place, undo)
            tried.append(f"{place}: mounted noexec")
        except OSError as error:
            tried.append(f"{place}: {error.strerror}")
    raise PluginError(
        "E-NOEXEC",
        "no place for the private copy that a pinned script runs from",
        expected="a writable directory whose file system allows programs to run",
        got="; ".join(tried),
        action="set TMPDIR to such a directory",
    )


def _locked_directory(place: str, undo: contextlib.ExitStack) -> str:
    """A new private directory that nobody takes for an abandoned one."""
    while True:
        folder = tempfile.mkdtemp(prefix=FOLDER, dir=place)
        lock = _lock(folder, fcntl.LOCK_EX)
        if lock is not None:  # else another host was quicker, and has removed it
            undo.callback(os.close, lock)
            undo.callback(shutil.rmtree, folder, ignore_errors=True)
            return folder


def _remove_abandoned(place: str) -> None:
    for folder in Path(place).glob(FOLDER + "*"):
        lock = _lock(str(folder), fcntl.LOCK_EX | fcntl.LOCK_NB)
        if lock is not None:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)


def _lock(folder: str, how: int) -> int | None:
    """A descriptor that holds the lock of a directory of this user's; None if there is none."""
    try:
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(lock, how)
        if os.stat(folder).st_uid == os.geteuid():
            return lock
    except OSError:
        pass  # locked by a host that lives, or removed by one that does
    os.close(lock)
    return None
