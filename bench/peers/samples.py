"""One sample of each kind: a start, a program from start to end, a session in a fresh host, memory.

Seconds of a start begin when the host is asked for the session, just before it starts the plugin,
and end when the reply is there as an object. The host is this process, whose imports are done.
"""

import json
import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import cache, partial
from random import Random
from statistics import median
from typing import Any

import msgspec
from msgspec.structs import replace

from bench.overhead import Call, medians
from bench.paired import ROOT
from bench.peers.build import seed
from transportlab.context import Context
from transportlab.errors import RpcError
from transportlab.evidence.run import timing
from transportlab.evidence.run.bench import told
from transportlab.evidence.run.workload import MIDDLE, fill
from transportlab.host import HostOptions, HostSession, open_backend
from transportlab.model import ReadReply, ReadRequest

Values = dict[str, float]
"""One block of a row: the value of each arm."""

BOUND_SECONDS = 60.0
"""How long any program here may take. None comes near it."""

_SESSION = """
import json, sys, time
from transportlab.context import Context
from transportlab.host import HostOptions, open_backend
from transportlab.model import ReadRequest
plugin, transport, state = sys.argv[1:]
before = set(sys.modules)
begin = time.perf_counter()
with open_backend(plugin, transport, HostOptions(config={"state": state})) as session:
    session.backend.read(ReadRequest(), Context())
seconds = time.perf_counter() - begin
# What only stands for a module (transportlab/lean.py) has not been imported.
there = [n for n, m in sys.modules.items() if n not in before and type(m) is type(sys)]
print(json.dumps({"seconds": seconds, "modules": there}))
"""

_IMPORTS = """
import json, sys, time
from transportlab.context import Context
from transportlab.host import HostOptions, open_backend
from transportlab.model import ReadRequest
begin = time.perf_counter()
for name in sys.argv[1:]:
    try:
        __import__(name)
    except ImportError:  # a library's own attempt, or a name that it made
        pass
print(json.dumps({"seconds": time.perf_counter() - begin}))
"""

_DECODE = """
import json, sys, time
from transportlab.context import Context
from transportlab.errors import LabError
from transportlab.host import HostOptions, open_backend
from transportlab.model import ReadRequest
plugin, transport, codec, deadline = sys.argv[1:]
with open_backend(plugin, transport, HostOptions(codec=codec)) as session:
    begin = time.perf_counter()
    try:
        session.backend.read(ReadRequest(), Context(timeout=float(deadline)))
    except LabError:  # the deadline's error is as good an end as the reply
        pass
    print(json.dumps({"seconds": time.perf_counter() - begin}), flush=True)
"""


class Plugin(msgspec.Struct, frozen=True):
    """A plugin's program, how to reach it, and the configuration that gives it its entries."""

    path: str
    transport: str
    codec: str
    config: Mapping[str, str]

    @property
    def options(self) -> HostOptions:
        """The options of a session with it."""
        return HostOptions(codec=self.codec, config=self.config)


@cache
def _expected() -> ReadReply:
    return ReadReply(seed())


def start(plugin: Plugin) -> float:
    """Seconds until the first Read is answered."""
    begin = time.perf_counter()
    with open_backend(plugin.path, plugin.transport, plugin.options) as session:
        reply = session.backend.read(ReadRequest(), Context())
        seconds = time.perf_counter() - begin
    _check(reply, plugin)
    return seconds


def warm(filled: Mapping[str, Plugin], loaded: Mapping[str, Plugin], draw: Random) -> Values:
    """Median seconds of a Read over each plugin, all open at once.

    The entries of `filled` are applied. Those of `loaded` come from its configuration.
    """
    with ExitStack() as stack:
        calls: dict[str, Call] = {}
        for arm, plugin in {**filled, **loaded}.items():
            opened = open_backend(plugin.path, plugin.transport, plugin.options)
            session = stack.enter_context(opened)
            if arm in filled:
                fill(session.backend, MIDDLE)
            _check(_read(session), plugin)
            calls[arm] = partial(_read, session)
        return medians(calls, draw)


def quiet(plugin: Plugin) -> Plugin:
    """The echo plugin without its log line for each call, if it can be had without."""
    silent = replace(plugin, config={**plugin.config, "log": "none"})
    try:
        open_backend(silent.path, silent.transport, silent.options).close()
    except RpcError:  # an older one, which does not have the key
        return plugin
    return silent


def _read(session: HostSession) -> ReadReply:
    return session.backend.read(ReadRequest(), Context())


def line(plugin: Plugin) -> float:
    """Seconds until the plugin's handshake line is there."""
    marks: dict[str, float] = {}

    def mark(phase: str, _pid: int | None) -> None:
        marks[phase] = time.perf_counter()

    options = HostOptions(codec=plugin.codec, opens=False, on_phase=mark)
    begin = time.perf_counter()
    with open_backend(plugin.path, plugin.transport, options):
        return marks["line"] - begin


def parts(plugin: Plugin) -> tuple[float, float]:
    """Seconds of the imports within the plugin that has the clock, and of its start."""
    told: list[str] = []
    options = replace(plugin.options, on_log=lambda record: told.append(record.message))
    begin = time.perf_counter()
    with open_backend(plugin.path, plugin.transport, options) as session:
        _read(session)
        seconds = time.perf_counter() - begin
    [imports] = [text.split()[1] for text in told if text.startswith("imports ")]
    return float(imports), seconds


def memory(plugin: Plugin) -> float:
    """Bytes of memory that the plugin shares with no other process, after one Read."""
    with open_backend(plugin.path, plugin.transport, plugin.options) as session:
        _check(session.backend.read(ReadRequest(), Context()), plugin)
        if session.process is None:
            raise ValueError(f"{plugin.path} has no process over {plugin.transport}")
        return float(timing.memory(session.process.pid).unique)


def command(arguments: Sequence[str], **environment: str) -> float:
    """Seconds of a program from start to end. Raises RuntimeError with its stderr if it fails."""
    begin = time.perf_counter()
    _run(arguments, environment)
    return time.perf_counter() - begin


def session(python: str, plugin: Plugin) -> tuple[float, list[str]]:
    """Seconds of a whole session in a fresh host, and what it imported meanwhile, in order."""
    found = _inside(python, _SESSION, plugin.path, plugin.transport, plugin.config["state"])
    return found["seconds"], found["modules"]


def imports(python: str, modules: Sequence[str]) -> float:
    """Seconds of these imports in a fresh host that has imported what any session needs."""
    return float(_inside(python, _IMPORTS, *modules)["seconds"])


def decode(python: str, plugin: str, transport: str, codec: str, deadline: float) -> float:
    """Seconds of one Read in a fresh host until there is a reply or an error."""
    found = _inside(python, _DECODE, plugin, transport, codec, str(deadline))
    return float(found["seconds"])


class Lives(msgspec.Struct, frozen=True):
    """Medians over the sessions of one host process, in seconds.

    ready: from the start to the first answer. call: a later call. exit: the session's end.
    """

    ready: float
    call: float
    exit: float


def lives(command: Sequence[str], runs: int, calls: int) -> Lives:
    """So many sessions by a program's `bench`, each with so many calls after the first."""
    found = told([*command, "--runs", str(runs), "--calls", str(calls)], runs)
    return Lives(
        ready=median(one["ready"] for one in found),
        call=median(call for one in found for call in one["calls"]),
        exit=median(one["exit"] for one in found),
    )


def _check(reply: ReadReply, plugin: Plugin) -> None:
    if reply != _expected():
        raise AssertionError(f"{plugin.path} gave another reply than the others")


def _inside(python: str, program: str, *arguments: str) -> Any:
    # -P: what the interpreter has installed, and not what lies in the working directory.
    return json.loads(_run([python, "-P", "-c", program, *arguments], {}))


def _run(arguments: Sequence[str], environment: Mapping[str, str]) -> str:
    inherited = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(
        arguments,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env={**inherited, **environment},
        cwd=ROOT,
        text=True,
        timeout=BOUND_SECONDS,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments)[:200]}: {done.stderr.strip()[-2000:]}")
    return done.stdout
