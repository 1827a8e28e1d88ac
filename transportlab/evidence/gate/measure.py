"""The clocks of the gate: a handshake, a bare spawn, and batches of both in random order.

A handshake lasts from the spawn to the answer of OpenSession, by the same host code that operators
use. Its control is a bare spawn, from start to exit, of the interpreter that the plugin's first
line names.
"""

import contextlib
import json
import math
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from transportlab.channel import EndpointKind
from transportlab.errors import PluginError
from transportlab.evidence.gate.decide import Batch
from transportlab.host import HostOptions, open_backend
from transportlab.host.spawn import plugin_environment
from transportlab.quote import repr_without
from transportlab.redact import Redactor
from transportlab.registry import load_transport

SPAWN_BOUND = 30.0
"""Seconds after which a process that does not end is given up. Any spawn takes far less."""

Clock = Callable[[], float]


class Target(msgspec.Struct, frozen=True):
    """A build of a plugin, its transport, and what its OpenSession is given."""

    __repr__ = repr_without("secrets")

    plugin: str
    transport: str
    config: Mapping[str, str] = msgspec.field(default_factory=dict)
    secrets: Mapping[str, str] = msgspec.field(default_factory=dict)

    def handshake(self) -> float:
        """Seconds from the spawn to the answer of OpenSession.

        A library has its cold start once in a process, so each of its handshakes is timed in a host
        of its own. Raises PluginError and RpcError.
        """
        if load_transport(self.transport).traits.endpoint is EndpointKind.LIBRARY:
            return self._in_fresh_host()
        begin = time.perf_counter()
        options = HostOptions(config=self.config, secrets=self.secrets)
        session = open_backend(self.plugin, self.transport, options)
        took = time.perf_counter() - begin
        session.close()
        return took

    def _in_fresh_host(self) -> float:
        # Through a pipe, as everybody on the machine can see a process's arguments.
        line = json.dumps({"config": dict(self.config), "secrets": dict(self.secrets)}) + "\n"
        command = [sys.executable, "-m", "transportlab.evidence.gate.opener"]
        begin = time.perf_counter()
        with subprocess.Popen(
            [*command, self.plugin, self.transport],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as host:
            with contextlib.suppress(BrokenPipeError):  # its stderr says why
                os.write(host.stdin.fileno() if host.stdin else -1, line.encode())
            opened = host.stdout.read(1) if host.stdout else b""
            took = time.perf_counter() - begin
            _, said = host.communicate(timeout=SPAWN_BOUND)
        if not opened:
            reason = Redactor(self.secrets).text(said.decode(errors="backslashreplace"))
            problem = f"could not be opened: {reason.strip()}"
            raise PluginError("E-START", problem, name=self.plugin, path=self.plugin)
        return took


def interpreter(plugin: str) -> str:
    """The Python that a plugin's first line names; this process's own if it names none."""
    with Path(plugin).open("rb") as file:
        first = file.readline(4096)
    words = os.fsdecode(first[2:]).split() if first.startswith(b"#!") else []
    for word in words:
        if Path(word).name.startswith("python"):
            return shutil.which(word) or sys.executable
    return sys.executable


def bare_spawn(python: str) -> float:
    """Seconds from the spawn of an interpreter that does nothing to its exit."""
    begin = time.perf_counter()
    subprocess.run(
        [python, "-c", "pass"],
        check=True,
        env=plugin_environment(os.environ),
        stdin=subprocess.DEVNULL,
        timeout=SPAWN_BOUND,
    )
    return time.perf_counter() - begin


def batch(clocks: Mapping[str, Clock], pairs: int, seconds: float, chance: random.Random) -> Batch:
    """That many pairs, each in random order, or as many as begin before the seconds are over.

    clocks: "head", "control" and perhaps "base". The control is run twice for each pair. Without a
    base the geometric mean of the two is the head's reference.
    """
    end = time.monotonic() + seconds
    logs: list[float] = []
    controls: list[float] = []
    turns = {**clocks, "again": clocks["control"]}
    while len(logs) < pairs and time.monotonic() < end:
        took = {name: math.log(turns[name]()) for name in chance.sample(sorted(turns), len(turns))}
        bare = (took["control"] + took["again"]) / 2
        logs.append(took["head"] - took.get("base", bare))
        controls.append(took["control"] - took["again"])
    return Batch(tuple(logs), tuple(controls))
