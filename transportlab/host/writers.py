"""Finds out who else can write a file or a directory, by modes and owners (P-TRUST-5, P-START-1).

trust.py asks for a plugin's file, rundir.py for the directory in which a private one is made.
"""

import grp
import os
import pwd
import shlex
import stat
from collections.abc import Iterator

import msgspec

MAX_LINKS = 40
"""How many links may lead from one to the next: as many as the kernel follows."""

ACL = "system.posix_acl_access"
"""The extended attribute of a file that has access rules besides its mode."""


class OtherWriter(msgspec.Struct, frozen=True):
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
            return OtherWriter(place, reason, f"{remedy} {shlex.quote(place)}")
    return None


def find_directory_writer(path: str) -> OtherWriter | None:
    """Return the first place through which somebody else can replace what is in a directory.

    It looks at the directory, and if that is a link, as find_other_writer() does. Raises OSError.
    """
    return find_other_writer(path if os.path.islink(path) else os.path.join(path, os.curdir))


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
