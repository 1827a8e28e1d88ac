"""The table of languages: its cells, as data and as Markdown."""

from collections.abc import Mapping, Sequence
from statistics import median, quantiles

import msgspec

from bench.languages.lives import Life, Memory

FEWEST = 4
"""From so many blocks on quartiles say something; below, the range is shown."""

METHOD = """\
A block has one life of each plugin under each host, and of each peer, in random order: a start, a
first Read, 200 Reads of ten entries, of which the median counts, and the end. The Python host is
one process whose imports are done; the Go host is a fresh process each time.

Memory is that of the plugin's process after its Reads, under the Go host: all that it has, and what
no other process has. It was looked at before the blocks, in {looks} lives of each plugin, while the
measuring process had loaded no transport; else the pages that both have would be missing. An
interpreter's own pages are: the measuring process is one of Python. For go-plugin they all are, as
its host and plugin are one file.
"""

PEERS = """\
What others would write, and the least that answers a Read, in the same blocks.
"""

COUNTED = """\
Lines are those of the plugin's own code with comments and blank lines, without tests and generated
code. Transport and protocol of the SDK are this package's, which an author installs. Size is that
of a plugin's file; of what is installed, that of the package and its libraries. Vectors are those
of the conformance suite.
"""


class Measured(msgspec.Struct, frozen=True):
    """What one host found of a row: a life a block, or why there is none; and memory."""

    lives: tuple[Life, ...] = ()
    not_run: str = ""
    memory: tuple[Memory, ...] = ()


class Vectors(msgspec.Struct, frozen=True):
    """How many conformance vectors passed, and how many failed; or why none was tried."""

    passed: int = 0
    failed: int = 0
    not_run: str = ""


class Row(msgspec.Struct, frozen=True):
    """A plugin over a transport, with its usual codec. hosts: by id."""

    id: str
    plugin: str
    transport: str
    codec: str
    role: str
    lines: Mapping[str, int | None]
    size: int | None
    vectors: Vectors
    hosts: Mapping[str, Measured]


class Languages(msgspec.Struct, frozen=True):
    """evidence/languages.json. hosts: titles by id. pairs: programs that are both ends in one."""

    format: int
    measured: str
    blocks: int
    seed: int
    commit: str
    facts: Mapping[str, object]
    hosts: Mapping[str, str]
    rows: tuple[Row, ...]
    pairs: Mapping[str, Measured]


def markdown(found: Languages) -> str:
    """The tables."""
    timed = [row for row in found.rows if row.role == "candidate"]
    beside = [row for row in found.rows if row.role != "candidate"]
    first = list(found.hosts)[:1]  # another host cannot give a peer its entries
    looks = max((len(one.memory) for row in found.rows for one in row.hosts.values()), default=0)
    command = f"python -m bench.languages --blocks {found.blocks} --seed {found.seed}"
    machine = ", ".join(f"{name} {value}" for name, value in found.facts.items())
    return "\n".join(
        [
            "# Plugins by language",
            "",
            f"Made by `{command}` on {found.measured}, at commit {found.commit[:12]}: {machine}.",
            "",
            f"Medians with quartiles over {found.blocks} blocks.",
            METHOD.format(looks=looks),
            *_measured(found, timed, list(found.hosts)),
            "",
            "## Peers",
            "",
            PEERS,
            *_measured(found, beside, first),
            *(
                f"| {name}, both ends | | {_cells(one)} | {_memory([one])} |"
                for name, one in found.pairs.items()
            ),
            "",
            "## Lines, size, vectors",
            "",
            COUNTED,
            *_static(timed),
            "",
        ]
    )


def _measured(found: Languages, rows: Sequence[Row], hosts: Sequence[str]) -> list[str]:
    heads = "".join(f" {found.hosts[host]}: first Read | warm Read |" for host in hosts)
    return [
        f"| plugin | transport |{heads} memory | of it alone |",
        f"|---|---|{'---|' * (2 * len(hosts) + 2)}",
        *(
            f"| {row.plugin} | {row.transport}, {row.codec} |"
            f"{''.join(f' {_cells(row.hosts[host])} |' for host in hosts)}"
            f" {_memory(list(row.hosts.values()))} |"
            for row in rows
        ),
    ]


def _static(rows: Sequence[Row]) -> list[str]:
    return [
        "| plugin | transport | lines: transport | protocol | store | size | vectors |",
        "|---|---|---|---|---|---|---|",
        *(
            f"| {row.plugin} | {row.transport} | {_count(row.lines['transport'])} |"
            f" {_count(row.lines['protocol'])} | {_count(row.lines['store'])} |"
            f" {_size(row.size)} | {_vectors(row.vectors)} |"
            for row in rows
        ),
    ]


def _cells(one: Measured) -> str:
    if not one.lives:
        return f"not run: {one.not_run} |"
    ready = spread([life.ready for life in one.lives], 1e3, "ms")
    return f"{ready} | {spread([life.call for life in one.lives], 1e6, 'us')}"


def _memory(found: Sequence[Measured]) -> str:
    """Both cells, from the host under which memory was looked at."""
    looks = next((one.memory for one in found if one.memory), ())
    if not looks:
        return "not looked at |"
    kinds = ([look.resident for look in looks], [look.unique for look in looks])
    return " | ".join(spread(kind, 1 / 1024**2, "MiB") for kind in kinds)


def spread(values: Sequence[float], factor: float, unit: str) -> str:
    """The median with quartiles, or with the range if there are few values."""
    ordered = sorted(value * factor for value in values)
    low, high = ordered[0], ordered[-1]
    if len(ordered) >= FEWEST:
        low, _, high = quantiles(ordered, n=4, method="inclusive")
    return f"{_number(median(ordered))} {unit} [{_number(low)}, {_number(high)}]"


def _number(value: float) -> str:
    return f"{value:.3g}" if value < 1000 else f"{value:.0f}"


def _count(lines: int | None) -> str:
    return "not counted" if lines is None else f"{lines:,}"


def _size(size: int | None) -> str:
    if size is None:
        return "not run: not built"
    return f"{_number(size / 1024)} KiB" if size < 1024**2 else f"{_number(size / 1024**2)} MiB"


def _vectors(found: Vectors) -> str:
    if found.not_run:
        return f"not run: {found.not_run}"
    return f"{found.passed} passed" + (f", {found.failed} failed" if found.failed else "")
