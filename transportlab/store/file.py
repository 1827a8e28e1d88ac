"""A file that several processes change: whoever reads it finds a whole version, never a half.

    file = SharedFile(path, "path")
    with file.locked(context) as locked:
        locked.write(changed(locked.read() or b""))

What is in the file is its store's business.

Theory of operation. A write fills a temporary file beside the file and renames it into its place.
A rename is atomic, so readers need no lock: they open the old version or the new one.

Writers need a lock, because each reads, changes and writes back. They take flock on the *directory*
of the file. A lock on the file itself would be on the version that the next write replaces, so two
writers could each hold the lock of another version; a lock file would have to stay behind for ever.
(Where another program takes a lock file all the same, lock_beside takes it as well, and leaves it
as that program does.) The kernel frees the lock when its process ends, however that ends. The
price: two files in one directory share a lock, and where directories cannot be locked (some network
file systems) nothing can be written. Each locked() opens the directory anew, so threads exclude
each other too.

The order of a write, and what is there after a crash at each step:

1. Remove an old temporary file; make a new one, for its owner alone; fill it; give it the owner and
   mode of the file that it replaces. A crash leaves the old version and a temporary file. The name
   of that is fixed, so the next write removes it.
2. fsync the temporary file. Without this the rename could reach the disk before the bytes, and a
   power cut would leave an empty file.
3. Rename. A crash from here on leaves the new version; a power cut leaves either, whole.
4. fsync the directory. Now the rename is on the disk too, and write() may return.

All steps name files relative to the directory that is locked, so it does not matter if somebody
renames a directory above meanwhile. A symlink is followed when the lock is taken: its target is
replaced, the link stays. Hard links and extended attributes do not survive a rename.
"""

import errno
import fcntl
import os
import stat
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

from transportlab.context import Context
from transportlab.errors import Code, RpcError, invalid_argument
from transportlab.model import ErrorDetails

LOCK_SECONDS = 10.0
"""How long to wait for another writer, who only reads and writes once."""

LOCK_POLL_SECONDS = 0.01
"""Time between two tries: flock cannot wait for a lock and for a Context's end at once."""

NEW_FILE_MODE = 0o600
"""Mode of a file that was not there before: for its owner alone, as crontabs are private."""

_CHUNK = 1 << 20


class SharedFile:
    """A file by its path. Safe to use from several threads.

    Every method translates OSError into RpcError: the path in message and details, a code, a reason
    and what to do (_MEANINGS has the table).
    """

    def __init__(
        self, path: str, config_key: str, *, new_mode: int = NEW_FILE_MODE, lock_beside: str = ""
    ) -> None:
        """Take the path from the plugin's config; config_key is its name there.

        new_mode is the mode of a file that was not there. lock_beside, if given, is what another
        program puts behind the path to get that of the file on which it takes a flock.

        Raises INVALID_ARGUMENT, with that name, for a path that no file can have. The file system
        is not asked yet.
        """
        if not path or "\0" in path:
            problem = "not the path of a file"
            raise invalid_argument(f"config/{config_key}", problem, reason="INVALID_PATH", got=path)
        self.path = path
        self._new_mode = new_mode
        self._lock_beside = lock_beside

    def read(self) -> bytes | None:
        """All bytes of the file, of one version; None if there is no file in its directory.

        Raises NOT_FOUND if there is no directory either, FAILED_PRECONDITION for a pipe, a device
        or a directory.
        """
        return self.look()[0]

    def look(self) -> tuple[bytes | None, os.stat_result | None]:
        """The same, and what the file system says of the file that was read."""
        with _translated(self.path):
            try:
                return _read_with_state(self.path)
            except FileNotFoundError:
                os.stat(os.path.dirname(os.path.realpath(self.path)))
                return None, None

    @contextmanager
    def locked(self, context: Context) -> Iterator["LockedFile"]:
        """Keep other writers out while the block runs.

        Waits for them for LOCK_SECONDS at most. Raises UNAVAILABLE after that, CANCELLED or
        DEADLINE_EXCEEDED if the call ends first.
        """
        directory, name = os.path.split(os.path.realpath(self.path))
        with _translated(self.path):
            fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        with ExitStack() as stack:
            stack.callback(os.close, fd)
            self._lock(fd, context)
            if self._lock_beside:
                flags = os.O_RDONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
                with _translated(beside := self.path + self._lock_beside):
                    other = os.open(beside, flags, NEW_FILE_MODE)
                stack.callback(os.close, other)
                self._lock(other, context)
            yield LockedFile(self.path, fd, name, self._new_mode)

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
    """The file inside locked(). Writers that take no lock are not kept out."""

    def __init__(self, path: str, directory: int, name: str, new_mode: int) -> None:
        self._path = path
        self._directory = directory
        self._name = name
        self._new_mode = new_mode
        self._temporary = f".cronix-{os.geteuid()}.tmp"

    def read(self) -> bytes | None:
        """All bytes of the file, None if there is none."""
        with _translated(self._path):
            try:
                return _read(self._name, self._directory)
            except FileNotFoundError:
                return None

    def write(self, data: bytes) -> None:
        """Replace the file, or make it. Durable on return; on an error the old version stays."""
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
        """The file to be replaced, None if there is none.

        A rename would replace a read-only file too. That is refused: whoever made it read-only
        meant its content. So is one of another owner, before anything is written, by a user who
        could not give the new version to that owner.
        """
        try:
            found = os.stat(self._name, dir_fd=self._directory, follow_symlinks=False)
        except FileNotFoundError:
            return None
        if not os.access(self._name, os.W_OK, dir_fd=self._directory, effective_ids=True):
            raise PermissionError(errno.EACCES, "the file is read-only")
        me = os.geteuid()
        if me and (found.st_uid != me or found.st_gid not in {os.getegid(), *os.getgroups()}):
            owner = f"{found.st_uid}:{found.st_gid}"
            problem = f"the file belongs to {owner}, and user {me} cannot give a new version to it"
            raise PermissionError(errno.EPERM, problem)
        return found

    def _fill(self, data: bytes, replaced: os.stat_result | None) -> None:
        self._remove_temporary()
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        fd = os.open(self._temporary, flags, NEW_FILE_MODE, dir_fd=self._directory)
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(fd, rest) :]
            mode = self._new_mode
            if replaced is not None:
                mode = stat.S_IMODE(replaced.st_mode)
                mine = os.fstat(fd)
                if (mine.st_uid, mine.st_gid) != (replaced.st_uid, replaced.st_gid):
                    os.fchown(fd, replaced.st_uid, replaced.st_gid)
            os.fchmod(fd, mode)  # after fchown, which clears the set-id bits
            os.fsync(fd)
        finally:
            os.close(fd)

    def _remove_temporary(self) -> None:
        with suppress(FileNotFoundError):
            os.unlink(self._temporary, dir_fd=self._directory)


def _read(path: str, directory: int | None = None) -> bytes:
    return _read_with_state(path, directory)[0]


def _read_with_state(path: str, directory: int | None = None) -> tuple[bytes, os.stat_result]:
    """All bytes of a regular file. A pipe or a device is refused at once: it could block."""
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC, dir_fd=directory)
    try:
        state = os.fstat(fd)
        if not stat.S_ISREG(state.st_mode):
            code = errno.EISDIR if stat.S_ISDIR(state.st_mode) else errno.ENODEV
            raise OSError(code, "not a regular file")
        parts: list[bytes] = []
        while part := os.read(fd, _CHUNK):
            parts.append(part)
        return b"".join(parts), state
    finally:
        os.close(fd)


_PLACE = "check the path, then try again"
_ROOM = "make room, then plan again"
_RIGHTS = "give the plugin's user the rights it needs, or run it as another"

_MOUNT = "a file that is a mount point cannot be replaced: mount its directory"

# By errno: the code, the reason for programs, the action for people.
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
    """Turn OSError into the RpcError that _MEANINGS has for it."""
    try:
        yield
    except OSError as error:
        code, reason, action = _MEANINGS.get(error.errno or 0, _OTHER)
        problem = error.strerror or str(error)
        details = ErrorDetails(reason, path=path, got=problem, action=action)
        raise RpcError(code, f"{path}: {problem}", details) from error
