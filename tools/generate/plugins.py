"""Derives docs/plugins.md from the entries in docs/plugins."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path

import msgspec
from msgspec import Struct

from tools.generate import ROOT
from transportlab.backend import CAPABILITIES
from transportlab.conformance.result import level_name
from transportlab.conformance.vectors import LEVELS

PAGE = Path("docs/plugins.md")
FOLDER = Path("docs/plugins")

LEAST_LEVEL = 3
"""The level that an entry reaches on each transport that it names: it is strict."""


class Arm(Struct, frozen=True, forbid_unknown_fields=True):
    """What a plugin passes on a transport with a codec.

    unsupported: how many vectors lack what, each counted once.
    """

    transport: str
    codec: str
    level: int
    passed: int
    unsupported: dict[str, int]


class Listed(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An entry of the page.

    source: an address, or a folder of this project. sha256: of the release's file, empty if authors
    build it themselves. suite: the version of the suite that it passed.
    """

    name: str
    version: str
    language: str
    source: str
    sha256: str = ""
    revision: int
    suite: str
    capabilities: tuple[str, ...]
    arms: tuple[Arm, ...]


def load(root: Path = ROOT) -> list[Listed]:
    """All entries, by name."""
    paths = sorted((root / FOLDER).glob("*.json"))
    return [msgspec.json.decode(path.read_bytes(), type=Listed) for path in paths]


HEAD = f"""\
# Plugins

For people who choose a plugin, and for authors who want theirs listed. Each row is made of a report
of `transportlab conformance`; nobody has written it by hand. A row says what was tested, and not
that the plugin can be trusted: read its source, and
[pin what you run](operating-plugins.md#pin-plugins).

Derived by `make derived` from {FOLDER.as_posix()}.
"""

TERMS = f"""
## What an entry must pass

- Every vector that the row's revision of the protocol requires was tried on each transport that the
  row names. Newer vectors are advisory, and do not count.
- None of them failed, was not run or ended in a harness error, and the transports did not disagree.
  A known failure is a failure.
- On each transport it reaches level {level_name(LEAST_LEVEL, LEVELS)} at least.
- What is unsupported is shown, each vector under the first thing that it needs and the plugin, or
  the transport, lacks. A feature is no part of the contract; a capability may be missing
  ([P-SESSION-3](../spec/PROTOCOL.md)). [conformance.md](conformance.md) explains both.

## Add yours

```text
transportlab conformance --plugin ./cronix-backend-mine --transport jsonrpc \\
    --offers fresh-store --json-file report.jsonl
python -m tools.plugin_list report.jsonl --name mine --plugin-version 1.0 --language Go \\
    --source https://example.org/mine --file ./cronix-backend-mine
```

The second command refuses a report that an entry
may not have, and says why. Else it writes the entry into {FOLDER.as_posix()}, and this page:
propose both, with the report. The SHA-256 of `--file` is for hosts that
[pin](operating-plugins.md#pin-plugins) it.
"""


def derive() -> dict[Path, bytes]:
    """What the page must hold, by its path from the project's root."""
    return {PAGE: page(load())}


def page(entries: Sequence[Listed]) -> bytes:
    """The page of these entries."""
    return "".join([HEAD, _summary(entries), _results(entries), TERMS]).encode()


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _summary(entries: Sequence[Listed]) -> str:
    rows = [
        (
            f"[{each.name}]({_link(each.source)})",
            each.version,
            each.language,
            ", ".join(transport for transport, _ in groupby(each.arms, lambda arm: arm.transport)),
            _capabilities(each),
            f"`{each.sha256}`" if each.sha256 else "built from source",
        )
        for each in entries
    ]
    head = ("plugin", "version", "language", "transports", "capabilities", "SHA-256")
    return f"\n{_table(head, rows)}"


def _link(source: str) -> str:
    """Where a source is, seen from the page; of a folder in this project its README."""
    return source if "://" in source else f"../{source}/README.md"


def _capabilities(entry: Listed) -> str:
    return "all" if entry.capabilities == CAPABILITIES else ", ".join(entry.capabilities)


def _results(entries: Sequence[Listed]) -> str:
    rows = [
        (
            each.name,
            arm.transport,
            arm.codec,
            level_name(arm.level, LEVELS),
            str(each.revision),
            str(arm.passed),
            _unsupported(arm.unsupported),
            each.suite,
        )
        for each in entries
        for arm in each.arms
    ]
    head = ("plugin", "transport", "codec", "level", "revision", "pass", "unsupported", "suite")
    return f"\n## What each passes\n\n{_table(head, rows)}"


def _unsupported(lacking: dict[str, int]) -> str:
    total = sum(lacking.values())
    parts = ", ".join(f"{what}: {count}" for what, count in lacking.items())
    return f"{total} ({parts})" if total else "0"
