"""Finds a plugin's file by the backend's name: three directories, then the lab's own (P-DISCOVERY).

PATH is not searched: a program that runs with an operator's rights belongs in a place meant for it.
The result is a file that looks as if it could run. Whether its bytes may run is trust.py's to say.
"""

import errno
import os
import re
import shlex
import stat
import sysconfig
from collections.abc import Mapping
from pathlib import Path

import msgspec

from transportlab.errors import PluginError

PREFIX = "cronix-backend-"
LIBRARY_SUFFIX = ".so"

NOWHERE = "a link that leads nowhere"

_NAME = re.compile(r"[a-z][a-z0-9-]{0,62}\Z")
_KINDS = {
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a fifo",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a character device",
    stat.S_IFBLK: "a block device",
}


class Found(msgspec.Struct, frozen=True):
    """A plugin's file, and the files of the same name that it hides, in the order of the search."""

    name: str
    path: Path
    shadowed: tuple[Path, ...] = ()


def directories(environment: Mapping[str, str]) -> list[Path]:
    """Return the directories in the order of the search. The last has the lab's own plugins."""
    own = environment.get("CRONIX_PLUGIN_DIR")
    home = environment.get("HOME")
    places = [_absolute(own)] if own else []
    places += [Path(home, ".cronix", "plugins")] if home else []
    places += [Path("/usr/local/share/cronix/plugins"), Path(sysconfig.get_path("scripts"))]
    return list(dict.fromkeys(places))


def find(backend: str, *, library: bool, environment: Mapping[str, str] | None = None) -> Found:
    """Find the file of a backend, given its name or (if it has a slash) its path.

    library: look for a shared library, not a program. Raises PluginError: E-NOT-FOUND, E-BAD-NAME,
    E-DIRECTORY, and what check_runnable() raises.
    """
    if os.sep in backend:
        path = _absolute(backend)
        check_runnable(path, library=library)
        return Found(name_of(path), path)
    if not _NAME.match(backend):
        raise bad_name(backend, "")
    places = directories(os.environ if environment is None else environment)
    file = PREFIX + backend + (LIBRARY_SUFFIX if library else "")
    found: list[Path] = []
    for place in places:
        try:
            if contains(place, file):
                found.append(place / file)
        except OSError as error:
            if not found:  # the first match might be in there (P-DISCOVERY-2)
                raise _directory(backend, place, reason(error)) from error
    if not found:
        raise _not_found(backend, file, places)
    check_runnable(found[0], library=library)
    return Found(backend, found[0], tuple(found[1:]))


def _absolute(path: str) -> Path:
    try:
        return Path(path).absolute()
    except FileNotFoundError as error:
        raise PluginError(
            "E-DIRECTORY",
            "a relative path leads nowhere: the working directory has been removed",
            name=name_of(Path(path)),
            path=path,
            action="change to a directory that exists, or give the whole path",
        ) from error


def name_of(path: Path) -> str:
    """Return the backend's name, taken from its file's name."""
    return path.name.removesuffix(LIBRARY_SUFFIX).removeprefix(PREFIX)


def is_name(name: str) -> bool:
    """Return whether this may be a backend's name (P-DISCOVERY-1)."""
    return _NAME.match(name) is not None


def contains(place: Path, file: str) -> bool:
    """Return whether the directory has an entry of that name. Raises OSError if it cannot tell."""
    try:
        os.lstat(place / file)
    except FileNotFoundError:
        if leads_nowhere(place):
            raise OSError(errno.ENOENT, NOWHERE) from None
        return False
    return True


def leads_nowhere(place: Path) -> bool:
    """Return whether a missing directory, or one that it is in, is a broken link."""
    return any(part.is_symlink() and not part.exists() for part in (place, *place.parents))


def check_runnable(path: Path, *, library: bool) -> None:
    """Check that the file could run, by its type, its mode and its file system.

    Raises PluginError: E-NOT-FOUND, E-BROKEN-LINK, E-DIRECTORY, E-NOT-A-FILE, E-NOT-EXECUTABLE,
    E-NOT-READABLE, E-NOEXEC.
    """
    name = name_of(path)
    mode = _mode(name, path)
    if not stat.S_ISREG(mode):
        raise PluginError(
            "E-NOT-A-FILE",
            f"not a regular file but {_kind(mode)}",
            name=name,
            path=str(path),
            expected="a regular file, or a link to one",
            got=_kind(mode),
            action="put the plugin's own file there",
        )
    if not may_run_from(path):  # first: access() would say no as well, whatever the mode
        raise noexec_error(name, str(path))
    code, right, flag = (
        ("E-NOT-READABLE", os.R_OK, "r") if library else ("E-NOT-EXECUTABLE", os.X_OK, "x")
    )
    if not os.access(path, right, effective_ids=True):
        word = "readable" if library else "executable"
        raise PluginError(
            code,
            f"not {word} by this user",
            name=name,
            path=str(path),
            expected=f"a file that is {word}",
            got=f"mode {stat.S_IMODE(mode):04o}",
            action=f"chmod +{flag} {shlex.quote(str(path))}",
        )


def may_run_from(place: Path | str | int) -> bool:
    """Return whether the file system of a path or descriptor lets programs run."""
    return not os.statvfs(place).f_flag & os.ST_NOEXEC


def noexec_error(name: str, path: str) -> PluginError:
    """Return the error for a plugin on a file system from which nothing may run."""
    return PluginError(
        "E-NOEXEC",
        "is on a file system from which nothing may run",
        name=name,
        path=path,
        action="install it elsewhere, or mount that file system without noexec",
    )


def _mode(name: str, path: Path) -> int:
    """Return the mode of what the path leads to. Raises PluginError if it leads nowhere."""
    try:
        return path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError) as error:
        if not path.is_symlink():
            raise PluginError(
                "E-NOT-FOUND", _absent(path), name=name, path=str(path), action="check the path"
            ) from error
        raise _broken_link(name, path, NOWHERE) from error
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise _broken_link(name, path, "a link that leads in a circle") from error
        if error.errno == errno.ENAMETOOLONG:
            raise PluginError(
                "E-NOT-FOUND", reason(error), name=name, path=str(path), action="check the path"
            ) from error
        raise _directory(name, path, reason(error)) from error
    except ValueError as error:  # a NUL in the path
        raise bad_name(str(path), str(error)) from error


def _absent(path: Path) -> str:
    """Say that the file is missing, and the first directory on the way that is missing too."""
    for parent in reversed(path.parents):
        if not parent.is_dir():
            link = (
                f"{parent} is {NOWHERE}"
                if parent.is_symlink()
                else f"there is no directory {parent}"
            )
            return f"no such file: {link}"
    return "no such file"


def _broken_link(name: str, path: Path, problem: str) -> PluginError:
    target = path.readlink() if path.is_symlink() else "a link on the way to it"
    return PluginError(
        "E-BROKEN-LINK",
        problem,
        name=name,
        path=str(path),
        expected="a link to a regular file",
        got=str(target),
        action="remove the link, or install what it leads to",
    )


def _directory(name: str, place: Path, problem: str) -> PluginError:
    return PluginError(
        "E-DIRECTORY",
        f"{place} cannot be reached: {problem}",
        name=name,
        path=str(place),
        expected="a directory that this user may search",
        got=problem,
        action="give this user the right to read it, or take it out of the search",
    )


def bad_name(name: str, problem: str) -> PluginError:
    """Return the error for what cannot be a backend's name."""
    return PluginError(
        "E-BAD-NAME",
        problem or "not a backend's name",
        name=name,
        expected="a lower-case letter, then at most 62 of a-z, 0-9, '-'; or a path with a slash",
        got=repr(name),
        action="`transportlab plugins list` shows the plugins that are installed",
    )


def _not_found(name: str, file: str, places: list[Path]) -> PluginError:
    other = PREFIX + name + ("" if file.endswith(LIBRARY_SUFFIX) else LIBRARY_SUFFIX)
    near = [place / other for place in places if os.path.isfile(place / other)]
    action = "install the plugin there, set CRONIX_PLUGIN_DIR, or give its path"
    if near:
        kinds = ("program", "library") if file.endswith(LIBRARY_SUFFIX) else ("library", "program")
        action = f"{near[0]} is there, a {kinds[0]}; this transport needs a {kinds[1]}; {action}"
    where = ", ".join(map(str, places))
    return PluginError("E-NOT-FOUND", f"no file {file} in {where}", name=name, action=action)


def reason(error: OSError) -> str:
    """Return the operating system's words for an error."""
    return error.strerror or str(error)


def _kind(mode: int) -> str:
    return _KINDS.get(stat.S_IFMT(mode), "a file")
