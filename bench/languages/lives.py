"""One life of a plugin under a host: its start, its first Read, warm Reads; and its memory."""

import time
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
from msgspec.structs import replace

from transportlab.context import Context
from transportlab.evidence.arms import STORE, Catalogue, Plugin, Program
from transportlab.evidence.record import Arm
from transportlab.evidence.run.bench import bench, told
from transportlab.evidence.run.placement import UNPINNED, Placement
from transportlab.evidence.run.task import Task
from transportlab.evidence.run.timing import Effort
from transportlab.evidence.run.workload import MIDDLE, app, fill
from transportlab.host import HostOptions, open_backend
from transportlab.model import ReadRequest
from transportlab.registry import load_transport

CALLS = 200
"""Warm Reads of a life, each of ten entries."""


class Life(msgspec.Struct, frozen=True):
    """Seconds to the first Read and of a warm one."""

    ready: float
    call: float


class Memory(msgspec.Struct, frozen=True):
    """Bytes that a plugin's process has in memory: all of them, and those that no other has."""

    resident: float
    unique: float


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
    return _life(bench(task, size=MIDDLE, calls=CALLS)[0])


def shows_memory(known: Catalogue, arm: Arm) -> bool:
    """Whether the host is another process, and can start the plugin as one here."""
    isolated = load_transport(arm.transport).traits.isolated
    return isolated and not known.host_of(arm).inside and not known.missing(arm)


def memory(known: Catalogue, arm: Arm) -> Memory:
    """The memory of the arm's plugin in a life under a host that is another process.

    A page that this process has too is not the plugin's alone, so none of its own transports is
    imported yet.
    """
    host = known.host_of(arm)
    plugin = _equipped(known.plugin(arm.plugin).of(host, arm.transport))
    task = Task(("unary",), arm, Placement(UNPINNED, None, None), Effort(0, 0, 0), host, plugin)
    size = MIDDLE if STORE in plugin.offers else 0
    return _memory(bench(task, size=size, calls=CALLS)[0])


def pair(program: Program) -> Life:
    """A life of a program that is host and plugin in one."""
    return _life(_of_pair(program))


def memory_of_pair(program: Program) -> Memory:
    """The memory of its plugin. Host and plugin are one file, so they share its pages."""
    return _memory(_of_pair(program))


def _of_pair(program: Program) -> dict[str, Any]:
    words = [program.path, "bench", "--runs", "1", "--calls", str(CALLS)]
    return told([*words, "--entries", str(MIDDLE)], 1)[0]


def _life(found: dict[str, Any]) -> Life:
    return Life(float(found["ready"]), median(found["calls"]))


def _memory(found: dict[str, Any]) -> Memory:
    return Memory(float(found["rss-plugin"]), float(found["uss-plugin"]))


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
    return Life(ready, median(calls))
