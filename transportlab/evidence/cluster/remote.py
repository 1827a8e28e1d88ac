"""What runs in a Dask worker: call() starts an agent and waits for it, stop() ends it.

Dask sends these functions by their names, so a worker needs this package, and may have another
Python than the run has.
"""

import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
import threading
import time
from typing import BinaryIO, NamedTuple, cast

from transportlab.errors import LabError

AGENT = "transportlab.evidence.cluster.agent"

NANNYS = {
    *("MALLOC_TRIM_THRESHOLD_", "PYTHONHASHSEED"),
    *("MKL_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"),
}
"""Variables that Dask's nanny sets for its worker. The first two change what is measured."""

KILL_SECONDS = 10.0
"""After this long an agent that was told to end is killed. It ends itself before."""

LOOK_SECONDS = 0.05

LONGEST = 1000
"""How many characters of an agent's last line an error has."""

_lock = threading.Lock()
_stopped: set[str] = set()
_running: "list[_Agent]" = []


class _Agent(NamedTuple):
    token: str
    process: "subprocess.Popen[bytes]"
    stdin: BinaryIO


class AgentFailed(LabError):
    """An agent has ended without an answer. The message is the last line of its stderr."""


def present() -> None:
    """Do nothing: a worker that can do that has this module."""


def call(token: str, order: bytes) -> bytes:
    """An agent's answer to an order, both in JSON. token: of the run, for stop().

    Raises AgentFailed.
    """
    environment = {name: value for name, value in os.environ.items() if name not in NANNYS}
    with tempfile.TemporaryFile() as errors:
        with subprocess.Popen(
            [sys.executable, "-m", AGENT],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=environment,
            process_group=0,  # Ctrl-C in the worker's terminal is for the worker
        ) as process:
            stdin, stdout = cast("tuple[BinaryIO, BinaryIO]", (process.stdin, process.stdout))
            agent = _Agent(token, process, stdin)
            with _lock:
                _running.append(agent)
                if token in _stopped:
                    stdin.close()
                else:
                    with contextlib.suppress(BrokenPipeError):  # its stderr says why
                        stdin.write(order + b"\n")
                        stdin.flush()
            out = stdout.read()
        with _lock:
            _running.remove(agent)
        if process.returncode == 0:
            return out
        errors.seek(0)
        lines = errors.read().decode("utf-8", "replace").strip().splitlines()
    raise AgentFailed(lines[-1][:LONGEST] if lines else f"exit status {process.returncode}")


async def stop(token: str) -> None:
    """End this worker's agents of a run, those as well that are about to start."""
    with _lock:
        _stopped.add(token)
        mine = [agent for agent in _running if agent.token == token]
        for agent in mine:
            agent.stdin.close()
    end = time.monotonic() + KILL_SECONDS
    while any(agent.process.poll() is None for agent in mine):
        if time.monotonic() > end:
            for agent in mine:
                agent.process.kill()
        await asyncio.sleep(LOOK_SECONDS)
