"""Where plugins are found: three directories, and last the lab's own (P-DISCOVERY).

PATH is not searched: what runs as a backend is put in a place that is meant for it.
"""

import os
import re
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from transportlab.errors import PluginError

PREFIX = "cronix-backend-"
LIBRARY_SUFFIX = ".so"

_NAME = re.compile(r"[a-z][a-z0-9-]{0,62}\Z")


@dataclass(frozen=True, slots=True)
class Found:
    """A plugin's file, and those of the same name that it hides, in the order of the search."""

    name: str
    path: Path
    shadowed: tuple[Path, ...] = ()


def directories(environment: Mapping[str, str]) -> list[Path]:
    """The directories that are searched, first match wins; the last holds the lab's own plugins."""
    own = environment.get("CRONIX_PLUGIN_DIR")
    home = environment.get("HOME")
    places = [Path(own)] if own else []
    places += [Path(home, ".cronix", "plugins")] if home else []
    places += [Path("/usr/local/share/cronix/plugins"), Path(sysconfig.get_path("scripts"))]
    return places


def find(backend: str, *, library: bool, environment: Mapping[str, str] | None = None) -> Found:
    """The file of a backend, by its name or (if it holds a slash) by its path.

    Raises PluginError E-NOT-FOUND, E-NOT-A-FILE, E-NOT-EXECUTABLE.
    """
    if os.sep in backend:
        path = Path(backend)
        return Found(_name_of(path), _checked(_name_of(path), path, library))
    if not _NAME.match(backend):
        raise PluginError(
            "E-NOT-FOUND",
            "not a backend's name",
            name=backend,
            expected="a lower-case letter, then letters, digits, hyphens; or a path with a slash",
            got=repr(backend),
        )
    places = directories(os.environ if environment is None else environment)
    file = PREFIX + backend + (LIBRARY_SUFFIX if library else "")
    found = [place / file for place in places if os.path.lexists(place / file)]
    if not found:
        raise PluginError(
            "E-NOT-FOUND",
            f"no file {file} in {', '.join(str(place) for place in places)}",
            name=backend,
            action="install the plugin there, set CRONIX_PLUGIN_DIR, or give its path",
        )
    return Found(backend, _checked(backend, found[0], library), tuple(found[1:]))


def _name_of(path: Path) -> str:
    return path.name.removesuffix(LIBRARY_SUFFIX).removeprefix(PREFIX)


def _checked(name: str, path: Path, library: bool) -> Path:
    if not path.exists():
        broken = path.is_symlink()
        raise PluginError(
            "E-NOT-FOUND",
            "a link that leads nowhere" if broken else "no such file",
            name=name,
            path=str(path),
            action="check the path",
        )
    if not path.is_file():
        raise PluginError(
            "E-NOT-A-FILE", "not a regular file", name=name, path=str(path), action="check the path"
        )
    if not library and not os.access(path, os.X_OK):
        raise PluginError(
            "E-NOT-EXECUTABLE",
            "not executable",
            name=name,
            path=str(path),
            expected="a file with its execute bit set",
            got=f"mode {path.stat().st_mode & 0o7777:04o}",
            action=f"chmod +x {path}",
        )
    return path.absolute()
