"""Copies a plugin's bytes to where nobody else can change them, and hashes them on the way.

The bytes that were hashed must be the bytes that run (P-TRUST-2). Hashing a path and then running
the path does not give that: in between, somebody can rename another file over it, redirect a link,
or write into the file. An open descriptor protects against the first two, but not against a write.
So the host runs a copy. It reads the open file once; every block that it reads is hashed and
written to the copy, so the sum is the copy's, whatever happens to the file meanwhile.

Where the copy is depends on what runs it (P-TRUST-3):

    ELF programs and libraries   a memory file (memfd_create), sealed against every change, also by
                                 this user. It is executed or loaded as /proc/self/fd/N: the kernel
                                 and the loader follow that to the memory itself, not to a path.
    anything else                a file of the same name, alone in a private directory. The kernel
                                 gives an interpreter a path, not a descriptor, and the interpreter
                                 looks for more files beside that path.
"""

import contextlib
import errno
import fcntl
import os

from transportlab.errors import PluginError
from transportlab.host.discovery import may_run_from
from transportlab.host.rundir import make_rundir, remove_abandoned, temporary_directory

CHUNK = 1 << 18
"""Bytes that are read, hashed and written at a time."""

MFD_EXEC = 0x10
"""Linux 6.3 and later: the memory file may be executed even if vm.memfd_noexec=1 says otherwise."""

_SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE


def copy_and_hash(source: int, size: int, target: int | None) -> str:
    """Copy at most `size` bytes between descriptors, and return their SHA-256 in hex.

    A target of None only hashes. The sum is of what was written: a source that grows or shrinks
    meanwhile changes both.
    """
    from hashlib import sha256  # loads OpenSSL, which a host without pins does not need

    digest = sha256()
    buffer = memoryview(bytearray(min(CHUNK, size)))
    while size > 0 and (count := os.readv(source, [buffer[:size]])):
        data = buffer[:count]
        digest.update(data)
        size -= count
        while target is not None and data:
            data = data[os.write(target, data) :]
    return digest.hexdigest()


def copy_to_memory(
    source: int, size: int, name: str, undo: contextlib.ExitStack
) -> tuple[int, str]:
    """Copy to a sealed memory file. Returns its descriptor, which `undo` closes, and the sum.

    name is shown in /proc only. Raises OSError.
    """
    memory = _memory_file(name)
    undo.callback(os.close, memory)
    digest = copy_and_hash(source, size, memory)
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


def copy_to_directory(
    source: int, size: int, name: str, file: str, undo: contextlib.ExitStack
) -> tuple[str, str]:
    """Copy to a file in a private directory, which `undo` removes. Returns its path and the sum.

    name is the backend's, file the copy's. Raises OSError, and PluginError E-NOEXEC and E-FOLDER.
    """
    copy = os.path.join(_executable_rundir(name, undo), file)
    target = os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o500)
    try:
        return copy, copy_and_hash(source, size, target)
    finally:
        os.close(target)  # a file that is open for writing cannot be executed (ETXTBSY)


def directories(name: str) -> list[str]:
    """Return the directories that a copy may go to, in order. Raises PluginError E-FOLDER."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    usual = [temporary_directory(name), *([runtime] if runtime else [])]
    return [*usual, "/dev/shm", "/var/tmp"]  # noqa: S108  # mkdtemp makes the name there


def _executable_rundir(name: str, undo: contextlib.ExitStack) -> str:
    tried = []
    for parent in directories(name):
        try:
            if may_run_from(parent):
                remove_abandoned(parent)
                return make_rundir(undo, name, parent)
            tried.append(f"{parent}: mounted noexec")
        except OSError as error:
            tried.append(f"{parent}: {error.strerror}")
        except PluginError as error:
            tried.append(f"{parent}: {error.problem}")
    raise PluginError(
        "E-NOEXEC",
        "no place for the private copy that a pinned script runs from",
        name=name,
        expected="a directory that can be written to, where programs may run",
        got="; ".join(tried),
        action="set TMPDIR to such a directory",
    )
