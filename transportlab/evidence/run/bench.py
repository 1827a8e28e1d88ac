"""Another host as a process: its command `bench`, which spec/bench.schema.json describes."""

import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from transportlab.evidence.run.task import Task
from transportlab.evidence.run.workload import manifest

ENDS = ("plugin", "host")
UNIQUE, *_ = MEMORY = tuple(f"{kind}-{end}" for kind in ("uss", "pss", "rss") for end in ENDS)
"""Members with the unique, proportional and resident memory of both ends, and their metrics."""

TIMEOUT = 60.0
"""Seconds for a whole bench. None comes near it."""

WORDS = 300
"""How much of the last line of a failed host's stderr its error has."""


class HostFailed(RuntimeError):
    """The host failed, or printed something else. The message has the last line of its stderr."""


def bench(task: Task, *, runs: int = 1, size: int = 0, calls: int = 0) -> list[dict[str, Any]]:
    """What a fresh host process tells of so many sessions.

    size: how many jobs the app has when the later Reads are made; calls: how many of these.
    """
    with tempfile.TemporaryDirectory(prefix="tl-") as folder:
        file = Path(folder, "manifest.json")
        file.write_bytes(msgspec.json.encode(manifest(max(size, 1))))
        command = [task.host.command, "bench", *operands(task, file), "--runs", str(runs)]
        command += ["--calls", str(calls), *(["--fill"] if size else [])]
        if task.apart:
            command += ["--plugin-cpus", ",".join(map(str, task.placement.plugin or ()))]
        found = told(command, runs)
    task.plugin_cpus |= {tuple(one["plugin-cpus"]) for one in found if "plugin-cpus" in one}
    return found


def operands(task: Task, manifest: Path, config: Mapping[str, str] | None = None) -> list[str]:
    """The options by which any host's command is told what to call."""
    backend, arm = task.plugin.path, task.arm
    words = ["--manifest", str(manifest), "--backend", backend]
    words += ["--transport", arm.transport, "--codec", arm.codec]
    for name, value in {**task.plugin.config, **(config or {})}.items():
        words += ["--backend-config", f"{name}={value}"]
    return words


def told(command: list[str], runs: int) -> list[dict[str, Any]]:
    """The objects that a bench prints, one a run. Raises HostFailed."""
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMEOUT, check=False
    )
    if done.returncode:
        last = (done.stderr.decode("utf-8", "replace").strip().splitlines() or ["no reason"])[-1]
        raise HostFailed(f"exit status {done.returncode}: {last[:WORDS]}")
    try:
        found: list[dict[str, Any]] = [
            msgspec.json.decode(line) for line in done.stdout.splitlines()
        ]
    except msgspec.DecodeError as error:
        raise HostFailed(f"a line of bench is not JSON: {error}") from error
    if len(found) != runs or not all(isinstance(one, dict) and "ready" in one for one in found):
        raise HostFailed(f"bench printed {len(found)} objects, or others than it should")
    return found
