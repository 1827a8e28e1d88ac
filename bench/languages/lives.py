"""One life of a plugin under a host: from its start to its first Read, warm Reads, its memory."""

import time
from pathlib import Path
from statistics import median

import msgspec
from msgspec.structs import replace

from transportlab.context import Context
from transportlab.evidence.arms import STORE, Catalogue, Plugin, Program
from transportlab.evidence.record import Arm
from transportlab.evidence.run.bench import UNIQUE, bench, told
from transportlab.evidence.run.placement import UNPINNED, Placement
from transportlab.evidence.run.task import Task
from transportlab.evidence.run.timing import Effort, memory
from transportlab.evidence.run.workload import MIDDLE, app, fill
from transportlab.host import HostOptions, open_backend
from transportlab.model import ReadRequest

CALLS = 200
"""Warm Reads of a life, each of ten entries."""


class Life(msgspec.Struct, frozen=True):
    """Seconds to the first Read and of a warm one, and bytes that no other process has.

    unique is None where the plugin has no process of its own, or the host does not tell.
    """

    ready: float
    call: float
    unique: float | None = None


def unfit(known: Catalogue, arm: Arm) -> str:
    """Why an arm has no life here; empty if it has."""
    host, plugin = known.host_of(arm), known.plugin(arm.plugin)
    if not host.inside and STORE not in plugin.offers:
        return "it can only read"
    return known.missing(arm)


def live(known: Catalogue, arm: Arm) -> Life:
    """A life of the arm's plugin."""
    host = known.host_of(arm)
    plugin = _equipped(known.plugin(arm.plugin).of(host, arm.transport))
    if host.inside:
        return _inside(arm, plugin)
    place = Placement(UNPINNED, None, None)
    task = Task(("unary",), arm, place, Effort(0, 0, 0), host, plugin)
    return _told(bench(task, size=MIDDLE, calls=CALLS)[0])


def pair(program: Program) -> Life:
    """A life of a program that is host and plugin in one."""
    words = [program.path, "bench", "--runs", "1", "--calls", str(CALLS)]
    return _told(told([*words, "--entries", str(MIDDLE)], 1)[0])


def _told(found: dict[str, float | list[float]]) -> Life:
    return msgspec.convert(
        {
            "ready": found["ready"],
            "call": median(msgspec.convert(found["calls"], list[float])),
            "unique": found.get(UNIQUE),
        },
        Life,
        strict=False,
    )


def _equipped(plugin: Plugin) -> Plugin:
    """The plugin without its log lines; a peer with the entries that were built for it."""
    config = {**plugin.config, **plugin.quiet}
    if plugin.role == "peer":
        config["path"] = str(Path(plugin.path).with_name("entries.json"))
    return replace(plugin, config=config)


def _inside(arm: Arm, plugin: Plugin) -> Life:
    """A life under this process, whose imports are done."""
    options = HostOptions(codec=arm.codec, config=plugin.config)
    filled = STORE in plugin.offers
    request, clock = ReadRequest(app(MIDDLE)), time.perf_counter
    begin = clock()
    with open_backend(plugin.path, arm.transport, options) as session:
        read = session.backend.read
        read(request, Context())
        ready = clock() - begin
        if filled:
            fill(session.backend, MIDDLE)
        calls = []
        for _ in range(CALLS):
            at = clock()
            reply = read(request, Context())
            calls.append(clock() - at)
        if len(reply.entries) != MIDDLE:
            raise RuntimeError(f"{arm.id}: {len(reply.entries)} entries, not {MIDDLE}")
        unique = None if session.process is None else float(memory(session.process.pid).unique)
    return Life(ready, median(calls), unique)
