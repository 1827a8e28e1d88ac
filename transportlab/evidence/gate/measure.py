"""The clocks of the gate: a handshake, a bare spawn, and pairs of both in random order.

A handshake lasts from the spawn to the answer of OpenSession, by the same host code that operators
use. Its control is a bare spawn, from start to exit, of the interpreter that the plugin's first
line names.
"""

import contextlib
import json
import os
import random
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from transportlab.channel import EndpointKind
from transportlab.errors import PluginError
from transportlab.evidence.gate.decide import Pairs
from transportlab.host import HostOptions, LogRecord, open_backend
from transportlab.host.discovery import LIBRARY_SUFFIX
from transportlab.host.spawn import plugin_environment
from transportlab.quote import repr_without
from transportlab.redact import Redactor
from transportlab.registry import load_transport, not_installed

SPAWN_BOUND = 30.0
"""Seconds after which a process that does not end is given up. Any spawn takes far less."""

TRACED_BOUND = 120.0
"""The same for a start under a tool that counts, which may take twenty times as long."""

Clock = Callable[[], float]


class Target(msgspec.Struct, frozen=True):
    """A build of a plugin, its transport, and what its OpenSession is given."""

    __repr__ = repr_without("secrets")

    plugin: str
    transport: str
    config: Mapping[str, str] = msgspec.field(default_factory=dict)
    secrets: Mapping[str, str] = msgspec.field(default_factory=dict)

    def cannot(self) -> str:
        """Why this machine cannot reach the file over the transport; empty if it can."""
        return unreachable(self.plugin, self.transport) or not_installed(
            load_transport(self.transport)
        )

    def seconds(self) -> float:
        """Seconds from the spawn to the answer of OpenSession.

        A library has its cold start once in a process, so each of its handshakes is timed in a host
        of its own. Raises PluginError and RpcError.
        """
        if self._library:
            took, _ = self._in_fresh_host([], {}, SPAWN_BOUND)
            return took
        begin = time.perf_counter()
        options = HostOptions(config=self.config, secrets=self.secrets)
        with open_backend(self.plugin, self.transport, options):
            return time.perf_counter() - begin

    def traced(self, tool: Sequence[str], variables: Mapping[str, str]) -> list[str]:
        """The lines on stderr of one start, made by a tool and with variables of the environment.

        tool: words that the plugin's command follows. Raises PluginError and RpcError.
        """
        if self._library:
            _, said = self._in_fresh_host(tool, variables, TRACED_BOUND)
            return said.splitlines()
        records: list[LogRecord] = []
        options = HostOptions(
            config=self.config,
            secrets=self.secrets,
            handshake=TRACED_BOUND,
            open=TRACED_BOUND,
            on_log=records.append,
        )
        exports = "".join(f"export {n}={shlex.quote(v)}\n" for n, v in variables.items())
        with (
            script(self.plugin, f"{exports}exec {shlex.join([*tool, self.plugin])}") as path,
            open_backend(path, self.transport, options),
        ):
            pass
        return [record.message for record in records]

    @property
    def _library(self) -> bool:
        return load_transport(self.transport).traits.endpoint is EndpointKind.LIBRARY

    def _in_fresh_host(
        self, tool: Sequence[str], variables: Mapping[str, str], bound: float
    ) -> tuple[float, str]:
        """The seconds that it took, and what the host wrote on stderr."""
        # Through a pipe, as everybody on the machine can see a process's arguments.
        line = json.dumps({"config": dict(self.config), "secrets": dict(self.secrets)}) + "\n"
        command = [*tool, sys.executable, "-m", "transportlab.evidence.gate.opener"]
        begin = time.perf_counter()
        with subprocess.Popen(
            [*command, self.plugin, self.transport],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **variables},
        ) as host:
            with contextlib.suppress(BrokenPipeError):  # its stderr says why
                os.write(host.stdin.fileno() if host.stdin else -1, line.encode())
            opened = host.stdout.read(1) if host.stdout else b""
            took = time.perf_counter() - begin
            _, told = host.communicate(timeout=bound)
        said = Redactor(self.secrets).text(told.decode(errors="backslashreplace"))
        if not opened:
            problem = f"could not be opened: {said.strip()}"
            raise PluginError("E-START", problem, name=self.plugin, path=self.plugin)
        return took, said


def unreachable(plugin: str, transport: str) -> str:
    """Why no host can reach this file over that transport; empty if one can."""
    endpoint = load_transport(transport).traits.endpoint
    if endpoint is EndpointKind.OBJECT:
        return "it reaches no plugin"
    library = endpoint is EndpointKind.LIBRARY
    if library != (Path(plugin).suffix == LIBRARY_SUFFIX):
        return "it needs a shared library" if library else "it needs a program"
    return ""


@contextmanager
def script(plugin: str, text: str) -> Iterator[str]:
    """The path of a shell script of the plugin's name. It is gone when the context ends."""
    with tempfile.TemporaryDirectory(prefix="tl-gate-") as folder:
        path = Path(folder, Path(plugin).name)
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o700)
        yield str(path)


def interpreter(program: str) -> str:
    """The Python that a program's first line names; this process's own if it names none."""
    with Path(program).open("rb") as file:
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


class Recorder:
    """Takes pairs, each in random order.

    clocks: "head", "control" and perhaps "base". The control is run twice for each pair.
    """

    def __init__(self, clocks: Mapping[str, Clock], chance: random.Random) -> None:
        self._turns = {**clocks, "again": clocks["control"]}
        self._chance = chance
        self._took: dict[str, list[float]] = {name: [] for name in self._turns}

    def __len__(self) -> int:
        return len(self._took["head"])

    def pair(self) -> None:
        """Take one pair. Nothing is kept of one that fails."""
        order = self._chance.sample(sorted(self._turns), len(self._turns))
        for name, seconds in [(name, self._turns[name]()) for name in order]:
            self._took[name].append(seconds)

    @property
    def pairs(self) -> Pairs:
        """All pairs so far."""
        return Pairs(**{name: tuple(took) for name, took in self._took.items()})
