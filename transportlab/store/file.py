"""A file that several processes change, each time whole: there is the old or the new, never half.

Writers exclude each other by flock on the *directory* of the file. The file itself cannot carry
the lock, as each write puts another file in its place, and a lock file would stay behind. The
price: two files in one directory share a lock, and a directory that cannot be locked (on some
network file systems) cannot be written.

A write goes to a temporary file in the same directory, with the owner and mode of the file it
replaces, is synced, and renamed. The temporary file's name is fixed, so what a killed process left
is removed by the next write. A symlink is followed: its target is replaced, the link stays. Hard
links and extended attributes do not survive a rename.
"""

import errno
import fcntl
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from transportlab.context import Context
from transportlab.errors import Code, RpcError, invalid_argument
from transportlab.model import ErrorDetails

LOCK_SECONDS = 10.0
"""How long to wait for another writer, whose work is one read and one write."""

LOCK_POLL_SECONDS = 0.01
"""flock cannot wait and look at a Context at once, so it is asked again and again."""

NEW_FILE_MODE = 0o600
"""Of a file that was not there: crontabs are nobody else's business."""

_CHUNK = 1 << 20


class SharedFile:
    """A file by its path. Safe to use from several threads; errors are RpcError with the path."""

    def __init__(self, path: str, config_key: str) -> None:
        """Raises INVALID_ARGUMENT for a path that no file can have."""
        if not path or "\0" in path:
            problem = "not the path of a file"
            raise invalid_argument(f"config/{config_key}", problem, reason="INVALID_PATH", got=path)
        self.path = path

    def read(self) -> bytes | None:
        """What the file holds at one moment, None if only its directory is there."""
        with _translated(self.path):
            try:
                return _read(self.path)
            except FileNotFoundError:
                os.stat(os.path.dirname(os.path.realpath(self.path)))
                return None

    @contextmanager
    def locked(self, context: Context) -> Iterator["LockedFile"]:
        """Keep other writers out; waits for as long as the context and LOCK_SECONDS allow.

        Raises CANCELLED, DEADLINE_EXCEEDED, UNAVAILABLE, or what the file system brings.
        """
        directory, name = os.path.split(os.path.realpath(self.path))
        with _translated(self.path):
            fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            self._lock(fd, context)
            yield LockedFile(self.path, fd, name)
        finally:
            os.close(fd)

    def _lock(self, fd: int, context: Context) -> None:
        end = time.monotonic() + LOCK_SECONDS
        while True:
            with _translated(self.path):
                try:
                    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    return
                except BlockingIOError:
                    pass
            if time.monotonic() >= end:
                raise RpcError(
                    Code.UNAVAILABLE,
                    f"{self.path}: another process has kept it locked for {LOCK_SECONDS:g} s",
                    ErrorDetails("LOCKED", path=self.path, action="try again when it is done"),
                )
            context.wait(LOCK_POLL_SECONDS)


class LockedFile:
    """The file inside locked(): nobody else writes it who keeps to the lock."""

    def __init__(self, path: str, directory: int, name: str) -> None:
        self._path = path
        self._directory = directory
        self._name = name
        self._temporary = f".cronix-{os.geteuid()}.tmp"

    def read(self) -> bytes | None:
        """What the file holds, None if there is none."""
        with _translated(self._path):
            try:
                return _read(self._name, self._directory)
            except FileNotFoundError:
                return None

    def write(self, data: bytes) -> None:
        """Replace the file. Durable on return; on an error the old one is still there."""
        with _translated(self._path):
            try:
                self._fill(data, self._replaced())
                os.replace(
                    self._temporary,
                    self._name,
                    src_dir_fd=self._directory,
                    dst_dir_fd=self._directory,
                )
            except BaseException:
                self._remove_temporary()
                raise
            os.fsync(self._directory)

    def _replaced(self) -> os.stat_result | None:
        """The file to be replaced. One that may not be written is left, though a rename could."""
        try:
            found = os.stat(self._name, dir_fd=self._directory, follow_symlinks=False)
        except FileNotFoundError:
            return None
        if not os.access(self._name, os.W_OK, dir_fd=self._directory, effective_ids=True):
            raise PermissionError(errno.EACCES, "the file is read-only")
        return found

    def _fill(self, data: bytes, replaced: os.stat_result | None) -> None:
        self._remove_temporary()
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        fd = os.open(self._temporary, flags, NEW_FILE_MODE, dir_fd=self._directory)
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(fd, rest) :]
            mode = NEW_FILE_MODE
            if replaced is not None:
                mode = stat.S_IMODE(replaced.st_mode)
                mine = os.fstat(fd)
                if (mine.st_uid, mine.st_gid) != (replaced.st_uid, replaced.st_gid):
                    os.fchown(fd, replaced.st_uid, replaced.st_gid)
            os.fchmod(fd, mode)  # after fchown, which takes the set-id bits away
            os.fsync(fd)
        finally:
            os.close(fd)

    def _remove_temporary(self) -> None:
        with suppress(FileNotFoundError):
            os.unlink(self._temporary, dir_fd=self._directory)


def _read(path: str, directory: int | None = None) -> bytes:
    """All bytes of a regular file; a pipe or a device is refused, not waited for."""
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC, dir_fd=directory)
    try:
        kind = os.fstat(fd).st_mode
        if not stat.S_ISREG(kind):
            code = errno.EISDIR if stat.S_ISDIR(kind) else errno.ENODEV
            raise OSError(code, "not a regular file")
        parts: list[bytes] = []
        while part := os.read(fd, _CHUNK):
            parts.append(part)
        return b"".join(parts)
    finally:
        os.close(fd)


_PLACE = "check the path, then try again"
_ROOM = "make room, then plan again"
_RIGHTS = "give the plugin's user the rights it needs, or run it as another"

_MOUNT = "a file that is a mount point cannot be replaced: mount its directory"

_MEANINGS = {
    errno.ENOENT: (Code.NOT_FOUND, "NO_DIRECTORY", "create the directory, or correct the path"),
    errno.EACCES: (Code.PERMISSION_DENIED, "NO_PERMISSION", _RIGHTS),
    errno.EPERM: (Code.PERMISSION_DENIED, "NO_PERMISSION", _RIGHTS),
    errno.EROFS: (Code.FAILED_PRECONDITION, "READ_ONLY", "make the file system writable"),
    errno.ENOSPC: (Code.RESOURCE_EXHAUSTED, "NO_SPACE", _ROOM),
    errno.EDQUOT: (Code.RESOURCE_EXHAUSTED, "NO_SPACE", _ROOM),
    errno.EFBIG: (Code.RESOURCE_EXHAUSTED, "NO_SPACE", _ROOM),
    errno.EBUSY: (Code.FAILED_PRECONDITION, "MOUNT_POINT", _MOUNT),
    errno.EISDIR: (Code.FAILED_PRECONDITION, "NOT_A_FILE", _PLACE),
    errno.ENODEV: (Code.FAILED_PRECONDITION, "NOT_A_FILE", _PLACE),
    errno.ENXIO: (Code.FAILED_PRECONDITION, "NOT_A_FILE", _PLACE),
    errno.ENOTDIR: (Code.FAILED_PRECONDITION, "BAD_PATH", _PLACE),
    errno.ELOOP: (Code.FAILED_PRECONDITION, "BAD_PATH", _PLACE),
    errno.ENAMETOOLONG: (Code.FAILED_PRECONDITION, "BAD_PATH", _PLACE),
}
_OTHER = (Code.UNAVAILABLE, "IO", "look at the file system, then try again")


@contextmanager
def _translated(path: str) -> Iterator[None]:
    """Turn OSError into RpcError with code, path and what to do."""
    try:
        yield
    except OSError as error:
        code, reason, action = _MEANINGS.get(error.errno or 0, _OTHER)
        problem = error.strerror or str(error)
        details = ErrorDetails(reason, path=path, got=problem, action=action)
        raise RpcError(code, f"{path}: {problem}", details) from error
