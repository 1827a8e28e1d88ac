"""What can be counted without a run: the lines of a plugin by part, and the bytes of an install."""

import os
import re
from collections.abc import Iterable, Sequence
from importlib import metadata
from pathlib import Path

from transportlab.data import ROOT
from transportlab.evidence.arms import Plugin
from transportlab.registry import load_transport

TESTS = "\n#[cfg(test)]\nmod"
"""What begins the tests at the end of a file in Rust."""

_HEADING = re.compile(r"^\W+ -{3,} (?P<name>.+?) -{3,}$")


def lines(patterns: Sequence[str], root: Path = ROOT) -> int | None:
    """The lines of all files of the patterns, without their tests; None if there are no files.

    What follows a `#` is a section of a file: the lines below the comment `---- name ----`.
    """
    found = 0
    for pattern in patterns:
        name, _, section = pattern.partition("#")
        paths = sorted(root.glob(name))
        if not paths:
            return None
        for path in paths:
            if "_test." not in path.name:
                text = path.read_text().partition(TESTS)[0].splitlines()
                found += len(_section(text, section) if section else text)
    return found if patterns else None


def _section(text: Sequence[str], name: str) -> list[str]:
    """The lines from the section's heading up to the next one. Raises ValueError without it."""
    found: list[str] = []
    inside = False
    for line in text:
        if heading := _HEADING.match(line):
            inside = heading["name"] == name
        if inside:
            found.append(line)
    if not found:
        raise ValueError(f"no section {name}")
    return found


def parts(plugin: Plugin, transport: str) -> dict[str, int | None]:
    """Lines by part: what carries messages over the transport, the protocol, the store."""
    told = plugin.parts
    if told is None:
        return dict.fromkeys(("transport", "protocol", "store"))
    return {
        "transport": lines(told.transport.get(transport, ())),
        "protocol": lines(told.protocol),
        "store": lines(told.store),
    }


def sentence(plugin: Plugin) -> str:
    """What a plugin's README says of its lines."""
    told = {name: parts(plugin, name) for name in (plugin.parts.transport if plugin.parts else ())}
    carried = [f"{name} {found['transport']:,}" for name, found in told.items()]
    rest = [f"{name} {told[next(iter(told))][name]:,}" for name in ("protocol", "store")]
    return f"Lines: {', '.join(carried)}; {', '.join(rest)}."


def size(plugin: Plugin, transport: str) -> int | None:
    """The bytes of its file; if it is installed, those of this package and the libraries it needs.

    What runs it, an interpreter or libraries of the system, does not count.
    """
    if os.sep in plugin.program:
        return os.path.getsize(plugin.path) if os.path.exists(plugin.path) else None
    needed = ("msgspec", *load_transport(transport).traits.requires)
    own = [ROOT / "transportlab", ROOT / "transports"]
    return sum(map(_installed, needed)) + _bytes(p for place in own for p in place.rglob("*.py"))


def _installed(library: str) -> int:
    """The bytes of the distribution that has a library, without compiled bytecode."""
    known = metadata.packages_distributions()
    top = library.partition(".")[0]
    files = [f for name in dict.fromkeys(known.get(top, ())) for f in metadata.files(name) or ()]
    return _bytes(Path(str(f.locate())) for f in files)


def _bytes(paths: Iterable[Path]) -> int:
    return sum(p.stat().st_size for p in paths if p.suffix != ".pyc" and p.is_file())
