"""Finds out who else could change a plugin's file, by the modes and owners there (P-TRUST-5).

Looked at are the file, each link that leads to it, and the directories that these stand in. Those
further up are not: this is there to notice a slip (chmod 777, a wrong owner). What guards against
somebody who is bent on it is a pin.
"""

import grp
import os
import pwd
import shlex
import stat
from collections.abc import Iterator
from dataclasses import dataclass

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
