"""Takes a plugin's bytes to where nobody else can change them, and hashes them on the way.

An ELF file becomes a memory file that is sealed against every change, run and loaded by its
descriptor. Anything else becomes a file of the same name, alone in a private directory: an
interpreter is given a path, and looks for more files beside it (P-TRUST-3).
"""

import contextlib
import errno
import fcntl
import os

from transportlab.errors import PluginError
from transportlab.host.rundir import private_folder, remove_abandoned, usual_place

CHUNK = 1 << 18
"""Bytes that are read, written and hashed at a time."""

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
    buffer = memoryview(bytearray(min(CHUNK, size)))
    while size > 0 and (count := os.readv(source, [buffer[:size]])):
        data = buffer[:count]
        digest.update(data)
        size -= count
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


def to_directory(
    source: int, size: int, name: str, file: str, undo: contextlib.ExitStack
) -> tuple[str, str]:
    """The path of a private copy of the bytes, called file, and their sum; undo removes it.

    name is the backend's. Raises OSError, and PluginError E-NOEXEC.
    """
    copy = os.path.join(_private_directory(name, undo), file)
    target = os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o500)
    try:
        return copy, transfer(source, size, target)
    finally:
        os.close(target)  # a file that is open for writing cannot be run (ETXTBSY)


def places(name: str) -> list[str]:
    """Where a private directory may be, the usual place first. Raises PluginError E-FOLDER."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    return [usual_place(name), *([runtime] if runtime else []), "/dev/shm", "/var/tmp"]  # noqa: S108  # mkdtemp makes the name there


def may_run_from(place: str | int) -> bool:
    """Whether programs may be run from the file system of a path or a descriptor."""
    return not os.statvfs(place).f_flag & os.ST_NOEXEC


def _private_directory(name: str, undo: contextlib.ExitStack) -> str:
    tried = []
    for place in places(name):
        try:
            if may_run_from(place):
                remove_abandoned(place)
                return private_folder(undo, name, place)
            tried.append(f"{place}: mounted noexec")
        except OSError as error:
            tried.append(f"{place}: {error.strerror}")
        except PluginError as error:
            tried.append(f"{place}: {error.problem}")
    raise PluginError(
        "E-NOEXEC",
        "no place for the private copy that a pinned script runs from",
        name=name,
        expected="a directory that can be written to, where programs may run",
        got="; ".join(tried),
        action="set TMPDIR to such a directory",
    )
