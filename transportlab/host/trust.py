"""Decides whether a plugin may run, and makes sure that what runs is what was decided on (P-TRUST).

A pinned plugin's file is opened once. sealed.py copies its bytes to where nobody else can change
them, hashing them on the way. If the manifest pins their sum, the copy runs. Where the path leads
later does not matter. A plugin without a pin runs from its path, and only if nobody else can write
its file: the second half of this module checks that by modes and owners, for pinned plugins too
(P-TRUST-5).

A sum covers one file. inspection/pin.py says what of a plugin that leaves out.
"""

import contextlib
import grp
import os
import pwd
import stat
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from shlex import quote

from transportlab.errors import PluginError
from transportlab.host.discovery import may_run_from, noexec_error
from transportlab.host.sealed import copy_and_hash, copy_to_directory, copy_to_memory
from transportlab.manifest.pin import PluginPin

ELF = b"\x7fELF"
"""How a program or library begins. inspection/elf.py, which reads on, takes longer to import."""

MAX_LINKS = 40
"""How many links may lead from one to the next: as many as the kernel follows."""

ACL = "system.posix_acl_access"
"""The extended attribute of a file that has access rules besides its mode."""

_libraries: dict[str, str] = {}
"""The paths of the pinned libraries in this process, by their sums. A library is never unloaded
(P-FFI-1), and the loader takes a path that it has seen before for the same library. So the memory
file of each one stays open, and its descriptor's number never comes to mean another library."""

_loading = threading.Lock()


@dataclass(frozen=True, slots=True)
class Admitted:
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


@dataclass(frozen=True, slots=True)
class _File:
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
        action=f"to allow it: transportlab plugins pin {quote(path)}, and add that to the manifest",
    )


def _mismatch(name: str, path: str, pin: PluginPin, digest: str) -> PluginError:
    return PluginError(
        "E-PIN-MISMATCH",
        "its bytes are not those that the manifest pins; it was not run",
        name=name,
        path=path,
        expected=f"sha256 {' or '.join(pin.sha256)}",
        got=digest,
        action=f"if it was changed on purpose: transportlab plugins pin {quote(path)}, and put the"
        " sum into the manifest; if not, find out who has changed it",
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


@dataclass(frozen=True, slots=True)
class OtherWriter:
    """A place that somebody else can write: which, why, and what to do about it."""

    place: str
    reason: str
    action: str


def find_other_writer(path: str, found: os.stat_result | None = None) -> OtherWriter | None:
    """Return the first place through which somebody else can change the file, or None.

    It looks at the file, at each link that leads to it, and at the directories of these, but not at
    directories further up. So it finds a slip (chmod 777, a wrong owner). Against somebody who
    means harm there are pins.

    found: the state of the file at the end of the links, if it is open already. Raises OSError.
    """
    for place, state in _places(path, found):
        reason = _reason(place, state)
        if reason:
            owned = state.st_uid in (0, os.geteuid())
            remedy = "chmod go-w" if owned else f"chown {os.geteuid()}"
            return OtherWriter(place, reason, f"{remedy} {quote(place)}")
    return None


def _places(path: str, found: os.stat_result | None) -> Iterator[tuple[str, os.stat_result]]:
    """Yield the places to look at: each link's directory, the link; then the file's, the file."""
    for _ in range(MAX_LINKS):
        directory = os.path.dirname(path)
        yield directory, os.stat(directory)
        if not os.path.islink(path):
            break
        yield path, os.lstat(path)
        path = os.path.join(directory, os.readlink(path))
    yield path, found or os.stat(path)


def _reason(place: str, state: os.stat_result) -> str:
    """Return why others can write there; empty if they cannot."""
    if state.st_uid not in (0, os.geteuid()):
        return f"belongs to user {state.st_uid}"
    sticky = stat.S_ISDIR(state.st_mode) and state.st_mode & stat.S_ISVTX
    if stat.S_ISLNK(state.st_mode) or sticky:  # a link's mode means nothing
        return ""
    shown = f"(mode {stat.S_IMODE(state.st_mode):04o})"
    if state.st_mode & stat.S_IWOTH:
        return f"is writable by everybody {shown}"
    if state.st_mode & stat.S_IWGRP and not _is_own_group(place, state.st_gid):
        return f"is writable by group {state.st_gid} {shown}"
    return ""


def _is_own_group(place: str, number: int) -> bool:
    """Return whether a group is this user's alone, so that writing by it is harmless.

    On many systems each user has a group of the same name, and umask 0002 makes every file
    group-writable. An ACL shows in the mode's group bits too, and those may be anybody's.
    """
    try:
        user, group = pwd.getpwuid(os.geteuid()), grp.getgrgid(number)
    except KeyError:
        return False
    if user.pw_gid != number or group.gr_name != user.pw_name:
        return False
    # A group's list of members leaves out the users whose first group it is.
    first = {entry.pw_uid for entry in pwd.getpwall() if entry.pw_gid == number}
    alone = first <= {user.pw_uid} and set(group.gr_mem) <= {user.pw_name}
    return alone and ACL not in os.listxattr(place)
