"""Finds the shared libraries that a program or library needs, and names those that are missing.

It searches as the program loader does, but only reads: ldd would run the file. Where loaders differ
(glibc, musl, the order of the search) it looks in every place that any of them would, so what it
calls missing is missing. What a loader really does shows when the plugin is started.
"""

import glob
import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from transportlab.host.inspection.elf import Elf, ElfError, parse_file

MAX_LIBRARIES = 512
"""How many libraries are followed. A browser needs some 200."""

MAX_PLACES = 256
"""In how many directories they are looked for, besides the system's."""

CONFIGURATION = Path("/etc/ld.so.conf")
MAX_INCLUDES = 4
"""How deep one configuration file may include another: a file may include itself."""

_DEFAULT = ("/lib", "/usr/lib", "/lib64", "/usr/lib64", "/lib32", "/usr/lib32", "/usr/local/lib")
_MULTIARCH = ("/lib/*-linux-*", "/usr/lib/*-linux-*")


class Libraries(msgspec.Struct):
    """Needed libraries by name: where they were found; and of the missing ones, who needs them."""

    found: dict[str, Path] = msgspec.field(default_factory=dict)
    missing: dict[str, Path] = msgspec.field(default_factory=dict)


def find_libraries(path: Path, elf: Elf, environment: Mapping[str, str]) -> Libraries:
    """Find the libraries that a file needs, and those that these need.

    environment is what the file will be started with: LD_LIBRARY_PATH counts.
    """
    places = [part for part in environment.get("LD_LIBRARY_PATH", "").split(":") if part]
    last = [os.path.dirname(elf.interpreter)] if elf.interpreter else []
    last += system_directories()
    result = Libraries()
    waiting = [(path, elf)]
    while waiting and len(result.found) < MAX_LIBRARIES:
        user, demands = waiting.pop()
        # An RPATH also holds for the libraries that a library needs.
        places = list(dict.fromkeys([*_expanded(demands.paths, user), *places]))[:MAX_PLACES]
        for name in demands.needed:
            if name in result.found or name in result.missing:
                continue
            library = _search(name, elf, [*places, *last])
            if library is None:
                result.missing[name] = user
            else:
                result.found[name] = library[0]
                waiting.append(library)
    return result


def system_directories(configuration: Path = CONFIGURATION) -> list[str]:
    """Return where libraries are on this machine: as configured, and the usual places."""
    usual = [*_DEFAULT, *(place for pattern in _MULTIARCH for place in glob.glob(pattern))]
    return list(dict.fromkeys([*_configured(configuration), *usual]))


def _configured(file: Path, depth: int = 0) -> list[str]:
    """Return the directories that ld.so.conf(5) and the files that it includes name."""
    try:
        lines = file.read_text(errors="surrogateescape").splitlines()
    except OSError:
        return []
    found = []
    for line in (line.partition("#")[0].strip() for line in lines):
        word, _, pattern = line.partition(" ")
        if word != "include":
            found += [line] if line else []
        elif depth < MAX_INCLUDES:
            more = glob.glob(os.path.join(file.parent, pattern.strip()))
            found += [d for name in sorted(more) for d in _configured(Path(name), depth + 1)]
    return found


def _expanded(paths: tuple[str, ...], user: Path) -> list[str]:
    """Return directories with the loader's variables filled in: $ORIGIN, $LIB, $PLATFORM."""
    origin, platform = str(user.parent.resolve()), os.uname().machine
    values = [{"ORIGIN": origin, "LIB": lib, "PLATFORM": platform} for lib in ("lib", "lib64")]
    found = []
    for path in paths[:MAX_PLACES]:
        for value in values:
            text = path
            for name, meaning in value.items():
                text = text.replace(f"${{{name}}}", meaning).replace(f"${name}", meaning)
            found.append(text)
    return list(dict.fromkeys(found))


def _search(name: str, wanted: Elf, places: list[str]) -> tuple[Path, Elf] | None:
    """Return the first library of that name for the same machine, as the loader would take it."""
    candidates = [name] if os.sep in name else [os.path.join(place, name) for place in places]
    for candidate in map(Path, candidates):
        try:
            if candidate.is_file() and (elf := parse_file(candidate)).runs_on(wanted):
                return candidate, elf
        except (OSError, ElfError):
            continue
    return None
