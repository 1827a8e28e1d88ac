"""What bench.peers measures: each row's bound, and what one block of it takes.

A block has one sample of every arm, in random order. So what is compared was measured within a
second or so of each other.
"""

from collections.abc import Callable, Mapping
from functools import partial
from random import Random

import msgspec
from msgspec.structs import replace

from bench import overhead
from bench.peers import samples
from bench.peers.build import Built, Installed
from bench.peers.samples import Plugin, Values
from transportlab.channel import EndpointKind
from transportlab.evidence.arms import Catalogue, load_arms
from transportlab.evidence.run.workload import MIDDLE, fill, requests
from transportlab.host import HostOptions, open_backend
from transportlab.registry import load_transport, transport_names

LAB, BEFORE, PEER = "lab", "before", "peer"
"""Arms: this checkout's, the same of another environment, and what both are held against."""

STARTS, IMPORTS = "plugin to its line", "host's imports"

DECODE_SECONDS = 2.0
DECODE_BLOCKS, OVERHEAD_BLOCKS = 3, 7
"""At most so many blocks of rows whose blocks take long."""

OVERHEAD_SIZES = {1: overhead.ROUNDS, MIDDLE: overhead.ROUNDS, 256: 15}
"""Jobs, and how often each call is made with so many."""

Take = Callable[[], float]


class Row(msgspec.Struct, frozen=True):
    """One question: how many times as much the lab's own takes as what it is held against.

    bound: 0 for none. under: the arms it is held against, of which the largest counts. Without any
    the lab's value itself is bounded, in seconds. family: of rows of one family the table has the
    worst.
    """

    id: str
    what: str
    bound: float
    under: tuple[str, ...] = (PEER,)
    unit: str = "ms"
    family: str = ""


class Group(msgspec.Struct, frozen=True):
    """Rows that one block measures. most: how many blocks it has at most, 0 for no limit.

    lacking: why it cannot be measured here.
    """

    rows: tuple[Row, ...]
    block: Callable[[Random], dict[str, Values]]
    most: int = 0
    lacking: str = ""


class Workplace(msgspec.Struct, frozen=True):
    """What rows are measured with: the peers, this environment, and another one to compare."""

    built: Built
    lab: Installed
    before: Installed | None = None
    known: Catalogue = msgspec.field(default_factory=load_arms)

    def arms(self, take: Callable[[Installed], Take]) -> dict[str, Take]:
        """The arm of each environment."""
        found = {LAB: take(self.lab)}
        if self.before is not None:
            found[BEFORE] = take(self.before)
        return found

    def plugin(self, of: Installed, transport: str, codec: str) -> Plugin:
        """The echo plugin of an environment, with the peers' entries."""
        return Plugin(of.plugin, transport, codec, {"state": self.built.state})

    def peer(self, name: str) -> Plugin:
        """A peer of spec/arms.json, with the same entries; a control has its reply ready."""
        told = self.known.plugin(name)
        (transport, (codec, *_)) = next(iter((told.transports or {}).items()))
        config = {"path": self.built.entries} if told.role == "peer" else {}
        return Plugin(self.built.peers[name], transport, codec, config)


def groups(at: Workplace) -> list[Group]:
    """All rows, in the order of the table."""
    return [
        *_starts(at),
        *_commands(at),
        *_sessions(at),
        _memory(at),
        *_decodes(at),
        _secret(at),
        *_floors(at),
        _goplugin(at),
        *_overheads(),
    ]


def _single(row: Row, arms: Mapping[str, Take], most: int = 0, lacking: str = "") -> Group:
    def block(draw: Random) -> dict[str, Values]:
        return {row.id: {arm: arms[arm]() for arm in draw.sample(list(arms), len(arms))}}

    return Group((row,), block, most, lacking)


# ---- both ends in Go


PIN, SECURE = "pin", "secure"

GO_BOUNDS = {
    "start": ("a plugin's start to its first Read", 0.85, "ms"),
    "pinned": ("the same with a pin, over mutual TLS and a checksum", 0.35, "ms"),
    "warm": ("a Read of ten entries in an open session", 1.0, "us"),
    "stop": ("a session's end", 0, "ms"),
}
"""By the end of a row's id: what it is, its bound, its unit."""

GO_RUNS, GO_CALLS = 5, 200
"""Sessions of one host process, and calls of a session."""


def _goplugin(at: Workplace) -> Group:
    """The host and the plugin in Go over HashiCorp's go-plugin, with equal messages and entries."""
    host, plugin, peer = (
        at.known.host("go", "grpc"),
        at.known.plugin("go"),
        at.known.pair("goplugin"),
    )
    lacking = host.missing() or plugin.missing() or peer.missing()
    carried = list(host.transports or {})
    rows = {
        (transport, end): Row(f"goplugin-{transport}-{end}", f"{what}, in Go", bound, unit=unit)
        for transport in carried
        for end, (what, bound, unit) in GO_BOUNDS.items()
    }

    def lab(transport: str, kind: str) -> samples.Lives:
        manifest = at.built.pinned if kind == PIN else at.built.ten
        words = [host.command, "bench", "--fill", "--manifest", manifest]
        words += ["--backend", plugin.path, "--transport", transport]
        return samples.lives(words, GO_RUNS, GO_CALLS)

    def theirs(kind: str) -> samples.Lives:
        words = [peer.path, "bench", "--entries", str(MIDDLE), *(["--secure"] if kind else [])]
        return samples.lives(words, GO_RUNS, GO_CALLS)

    def block(draw: Random) -> dict[str, Values]:
        takes: dict[tuple[str, str], Callable[[], samples.Lives]] = {
            (transport, kind): partial(lab, transport, kind)
            for transport in carried
            for kind in ("", PIN)
        }
        takes |= {(PEER, kind): partial(theirs, kind) for kind in ("", SECURE)}
        found = {key: takes[key]() for key in draw.sample(list(takes), len(takes))}
        values: dict[str, Values] = {}
        for (transport, end), row in rows.items():
            own, other = (PIN, SECURE) if end == "pinned" else ("", "")
            member = {"warm": "call", "stop": "exit"}.get(end, "ready")
            values[row.id] = {
                LAB: getattr(found[transport, own], member),
                PEER: getattr(found[PEER, other], member),
            }
        return values

    return Group(tuple(rows.values()), block, lacking=lacking)


# ---- plugins


def _starts(at: Workplace) -> list[Group]:
    return [
        _start(at, "grpc-start", 1.05, at.peer("stubs")),
        _warm(at, "grpc-warm", 1.15, at.peer("stubs")),
        _start(at, "stdio-start", 5, at.peer("listing")),
        _start(at, "http-start", 1.6, at.peer("web")),
    ]


def _start(at: Workplace, name: str, bound: float, peer: Plugin) -> Group:
    def take(of: Installed) -> Take:
        return partial(samples.start, at.plugin(of, peer.transport, peer.codec))

    arms = at.arms(take) | {PEER: partial(samples.start, peer)}
    lacking = "" if peer.path else f"no {name.rpartition('-')[2]}"
    return _single(Row(name, "start of a plugin to its first Read", bound), arms, lacking=lacking)


def _floors(at: Workplace) -> list[Group]:
    """The lab's start over the least that its carriage can cost, and what of it imports are."""
    found = []
    for floor in at.known.plugins:
        if floor.role != "control":
            continue
        peer = at.peer(floor.id)
        found.append(_start(at, floor.id, 0, peer))
        if not floor.needs:  # in Python as well, where a start is imports
            lab = at.plugin(at.lab, peer.transport, peer.codec)
            found.append(_imports(replace(lab, path=at.built.clocked)))
    return found


def _imports(clocked: Plugin) -> Group:
    row = Row(f"imports-{clocked.transport}", "imports within a plugin, over its start", 0)
    return Group(
        (row,), lambda _: {row.id: dict(zip((LAB, PEER), samples.parts(clocked), strict=True))}
    )


def _warm(at: Workplace, name: str, bound: float, peer: Plugin) -> Group:
    """The lab's entries are applied, not in a file, as the peer too keeps its own in memory."""
    row = Row(name, "a Read of ten entries in an open session", bound)
    plugins: dict[str, Plugin] = {}

    def block(draw: Random) -> dict[str, Values]:
        if not plugins:
            for arm, of in ((LAB, at.lab), (BEFORE, at.before)):
                if of is not None:
                    found = Plugin(of.plugin, peer.transport, peer.codec, {})
                    plugins[arm] = samples.quiet(found)
        return {name: samples.warm(plugins, {PEER: peer}, draw)}

    return Group((row,), block)


def _memory(at: Workplace) -> Group:
    peer = at.peer("listing")
    row = Row("memory", "unshared memory of a stdio plugin after a Read", 1.4, unit="MiB")
    arms = at.arms(lambda of: partial(samples.memory, at.plugin(of, "jsonrpc", "json")))
    return _single(row, arms | {PEER: partial(samples.memory, peer)})


# ---- the command


def _plan(of: Installed, manifest: str, backend: str, transport: str, *more: str) -> list[str]:
    where = ["--manifest", manifest, "--backend", backend, "--transport", transport]
    return [of.command, "plan", *where, *more]


def _commands(at: Workplace) -> list[Group]:
    built, bare = at.built, partial(samples.command, [at.lab.python, "-c", "pass"])

    def over_bare(row: Row, arguments: Callable[[Installed], list[str]], lacking: str) -> Group:
        arms = at.arms(lambda of: partial(samples.command, arguments(of)))
        return _single(row, arms | {PEER: bare}, lacking=lacking)

    return [
        over_bare(
            Row("version", "`--version` over a bare interpreter", 5),
            lambda of: [of.command, "--version"],
            "",
        ),
        over_bare(
            Row("plan-direct", "`plan`, no plugin, over a bare interpreter", 9),
            lambda of: _plan(of, built.dozen, "echo", "direct"),
            "",
        ),
        over_bare(
            Row("plan-go", "`plan`, a Go plugin on stdio, over a bare interpreter", 10),
            lambda of: _plan(of, built.dozen, built.go, "jsonrpc"),
            "" if built.go else "no go",
        ),
    ]


def _secret(at: Workplace) -> Group:
    row = Row("secret", "`plan` of 256 jobs with 64 schedules, with a secret over without", 1.1)
    arguments = partial(_plan, manifest=at.built.largest, backend="echo", transport="direct")
    secret = ("--backend-config-env", "token=BENCH_SECRET")
    value = {"BENCH_SECRET": "correct-horse-battery-staple"}

    def hiding(of: Installed) -> Take:
        return lambda: samples.command([*arguments(of), *secret], **value)

    return _single(row, at.arms(hiding) | {PEER: lambda: samples.command(arguments(at.lab))})


# ---- the host


def _sessions(at: Workplace) -> list[Group]:
    process = transport_names(EndpointKind.SOCKET, EndpointKind.STDIO)
    return [_session(at, name) for name in process]


def _session(at: Workplace, transport: str) -> Group:
    codec = load_transport(transport).traits.codecs[0]
    what = f"a session in a fresh host over {transport}, over the longer of its two parts"
    row = Row(f"session-{transport}", what, 1.15, (STARTS, IMPORTS))
    lab = at.plugin(at.lab, transport, codec)
    modules: list[str] = []

    def whole(of: Installed) -> Take:
        return lambda: samples.session(of.python, at.plugin(of, transport, codec))[0]

    def imports() -> float:
        if not modules:
            modules.extend(samples.session(at.lab.python, lab)[1])
        return samples.imports(at.lab.python, modules)

    arms = at.arms(whole) | {STARTS: partial(samples.line, lab), IMPORTS: imports}
    return _single(row, arms)


def _decodes(at: Workplace) -> list[Group]:
    transport = "http"  # the one whose plugin is simplest in either codec

    def group(codec: str) -> Group:
        what = f"15 MB of empty entries in {codec}, deadline {DECODE_SECONDS:.0f} s: until the end"
        row = Row(f"decode-{codec}", what, DECODE_SECONDS * 1.1, (), "s")

        def take(of: Installed) -> Take:
            arguments = (of.python, at.built.flood, transport, codec, DECODE_SECONDS)
            return lambda: samples.decode(*arguments)

        return _single(row, at.arms(take), DECODE_BLOCKS)

    return [group(codec) for codec in sorted(load_transport(transport).traits.codecs)]


def _overheads() -> list[Group]:
    return [
        _overhead(transport, codec, "" if here else "no C compiler, no libraries")
        for transport, codec, here in overhead.wires()
    ]


def _overhead(transport: str, codec: str, lacking: str) -> Group:
    cases = {
        (rpc, size): Row(
            f"overhead-{transport}-{codec}-{rpc}-{size}",
            f"{rpc} at {size} jobs over {transport} in {codec}, over the library alone",
            overhead.BOUND,
            unit="us",
            family=f"overhead-{transport}",
        )
        for size in OVERHEAD_SIZES
        for rpc in requests(size)
    }

    options = HostOptions(codec=codec, config={"log": "none"})

    def block(draw: Random) -> dict[str, Values]:
        found: dict[str, Values] = {}
        with open_backend("echo", transport, options) as session:
            for size in OVERHEAD_SIZES:
                fill(session.backend, size)
            for (rpc, size), row in cases.items():
                calls = overhead.arms(session, transport, codec, rpc, size)
                pair = {LAB: calls[overhead.REMOTE], PEER: calls[overhead.LIBRARY]}
                found[row.id] = overhead.medians(pair, draw, OVERHEAD_SIZES[size])
        return found

    return Group(tuple(cases.values()), block, OVERHEAD_BLOCKS, lacking)
