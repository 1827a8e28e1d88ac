"""Decides whether a plugin may run, and makes sure that what runs is what was decided on (P-TRUST).

A pinned plugin's file is opened once. Its bytes go to where nobody can change them (sealed.py), are
hashed on the way, and run from there if the manifest pins their sum. What its path leads to later
no longer matters. A plugin without a pin runs from its path.

A sum covers one file; inspection/sums.py says what of the plugin that leaves out.
"""

import contextlib
import grp
import os
import pwd
import shlex
import stat
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from shlex import quote

from transportlab.errors import PluginError
from transportlab.host.sealed import may_run_from, to_directory, to_memory, transfer
from transportlab.manifest.pin import PluginPin

ELF = b"\x7fELF"
"""How a program or library begins; inspection/elf.py, which reads on, takes time to import."""

_libraries: dict[str, str] = {}
"""Where the pinned libraries of this process are, by their sums. A library is never unloaded
(P-FFI-1), and the loader takes a path that it has seen before for the same library: so the memory
file of one stays open, and its descriptor's number is never another library's."""

_loading = threading.Lock()


@dataclass(frozen=True, slots=True)
class Admitted:
    """A plugin that may run: where it was found, and what to run or load for it.

    Without a pin file is path itself, and sha256 empty. Otherwise memory is the descriptor behind
    file, which a process that runs or loads it must inherit; None where file is a copy.
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
    """The plugin at path as it is to be run; undo frees what that takes.

    Raises PluginError E-NOT-PINNED, E-PIN-MISMATCH, E-SEAL, and what opening the file raises.
    """
    pin = pins.get(name)
    if pin is None:
        if pins:
            raise _not_pinned(name, path, pins)
        _refuse_other_writers(name, path)
        return Admitted(path, path)
    with _opened(name, path) as file, contextlib.ExitStack() as failed:
        admitted = _take(file, library, failed)
        if admitted.sha256 not in pin.sha256:
            raise _mismatch(name, path, pin, admitted.sha256)
        undo.push(failed.pop_all())
        return admitted


def resident(admitted: Admitted) -> str:
    """The path from which this very process may load the library, now and again."""
    if admitted.memory is None:
        return admitted.file
    with _loading:
        known = _libraries.get(admitted.sha256)
        if known is None:
            known = _libraries[admitted.sha256] = f"/proc/self/fd/{os.dup(admitted.memory)}"
        return known


def file_sum(name: str, path: str) -> str:
    """The SHA-256 of a plugin's file, under the conditions that a pinned one has to meet.

    Raises what opening the file raises.
    """
    with _opened(name, path) as file:
        return transfer(file.descriptor, file.size, None)


@dataclass(frozen=True, slots=True)
class _File:
    """A plugin's file, open for reading, and the size that it had then."""

    name: str
    path: str
    descriptor: int
    size: int


@contextlib.contextmanager
def _opened(name: str, path: str) -> Iterator[_File]:
    """The plugin's file; it is not opened by its path again.

    Raises PluginError E-NOT-READABLE, E-NOT-A-FILE, E-WRITABLE-BY-OTHERS, E-NOEXEC.
    """
    try:
        # A pipe that has taken the file's place must not hold the host up (O_NONBLOCK).
        source = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError as error:
        raise _unreadable(name, path, error) from error
    try:
        found = os.fstat(source)
        if not stat.S_ISREG(found.st_mode):
            raise PluginError("E-NOT-A-FILE", "not a regular file", name, path)
        _refuse_other_writers(name, path, found)
        if not may_run_from(source):
            raise PluginError(
                "E-NOEXEC",
                "stands on a file system from which nothing may run",
                name=name,
                path=path,
                action="install it elsewhere, or mount that file system without noexec",
            )
        yield _File(name, path, source, found.st_size)
    finally:
        os.close(source)


def _take(file: _File, library: bool, undo: contextlib.ExitStack) -> Admitted:
    """The open file's bytes where nobody else can change them, and their sum (P-TRUST-2)."""
    source, size, path = file.descriptor, file.size, file.path
    base = os.path.basename(path)
    try:
        if library or os.pread(source, len(ELF), 0) == ELF:
            memory, digest = to_memory(source, size, base, undo)
            return Admitted(path, f"/proc/self/fd/{memory}", digest, memory)
        return Admitted(path, *to_directory(source, size, file.name, base, undo))
    except PluginError as error:
        error.path = path
        raise
    except OSError as error:
        raise PluginError(
            "E-SEAL",
            f"no copy can be made that nobody can change: {error.strerror}",
            name=file.name,
            path=path,
            action="a program needs memory files (see vm.memfd_noexec), a script a temporary"
            " directory with room for it (see TMPDIR)",
        ) from error


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


def _unreadable(name: str, path: str, error: OSError) -> PluginError:
    return PluginError(
        "E-NOT-READABLE",
        f"cannot be looked at: {error.strerror}",
        name=name,
        path=path,
        action="check that the file is there, and that this user may read it",
    )


def _not_pinned(name: str, path: str, pins: Mapping[str, PluginPin]) -> PluginError:
    """Pins allow what they name alone: a misspelt name must be no way around (P-TRUST-4)."""
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


# Finds out who else could change a plugin's file, by the modes and owners there (P-TRUST-5).
#
# Looked at are the file, each link that leads to it, and the directories that these stand in.
# Those further up are not: this is there to notice a slip (chmod 777, a wrong owner). What guards
# against somebody who is bent on it is a pin.

MAX_LINKS = 40
"""Links that lead from one to the next; as many as the kernel follows."""

ACL = "system.posix_acl_access"
"""The attribute of a file that has access rules besides its mode."""


@dataclass(frozen=True, slots=True)
class OtherWriter:
    """A place that somebody else can write: what it is, why, and what to do about it."""

    place: str
    reason: str
    action: str


def find_other_writer(path: str, found: os.stat_result | None = None) -> OtherWriter | None:
    """The first place through which somebody else can change what the path leads to, or None.

    found is the state of the file at the end of the links, if it is open already. Raises OSError.
    """
    for place, state in _places(path, found):
        reason = _reason(place, state)
        if reason:
            owned = state.st_uid in (0, os.geteuid())
            remedy = "chmod go-w" if owned else f"chown {os.geteuid()}"
            return OtherWriter(place, reason, f"{remedy} {shlex.quote(place)}")
    return None


def _places(path: str, found: os.stat_result | None) -> Iterator[tuple[str, os.stat_result]]:
    for _ in range(MAX_LINKS):
        folder = os.path.dirname(path)
        yield folder, os.stat(folder)
        if not os.path.islink(path):
            break
        yield path, os.lstat(path)
        path = os.path.join(folder, os.readlink(path))
    yield path, found or os.stat(path)


def _reason(place: str, state: os.stat_result) -> str:
    """Why others can write there; empty if they cannot."""
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
    """Whether the group is this user's alone, where files are group-writable as a matter of course.

    That is so where each user has a group of the same name, and umask is 0002. Rules besides the
    mode (an ACL) show in the group's bits too, and are somebody else's.
    """
    try:
        user, group = pwd.getpwuid(os.geteuid()), grp.getgrgid(number)
    except KeyError:
        return False
    if user.pw_gid != number or group.gr_name != user.pw_name:
        return False
    # Those whose first group it is are in no list of members.
    inside = {entry.pw_uid for entry in pwd.getpwall() if entry.pw_gid == number}
    alone = inside <= {user.pw_uid} and set(group.gr_mem) <= {user.pw_name}
    return alone and ACL not in os.listxattr(place)
