"""Runs a Task in a measuring process of its own, run/worker.py, and returns the Result."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile

import msgspec

from transportlab.errors import LabError
from transportlab.evidence.run.machine import without_places
from transportlab.evidence.run.task import Task
from transportlab.evidence.run.worker import Result
from transportlab.evidence.suites import STEADY
from transportlab.registry import load_transport

TIMEOUT = 120.0
"""Seconds after which a measuring process is killed. A few are enough for any task."""

STOP_SECONDS = 6.0
"""Seconds that an interrupted measuring process has to stop its plugin."""


class MeasureError(LabError):
    """A measuring process failed. The message ends with its last line, without local paths."""


def run_task(task: Task, timeout: float = TIMEOUT) -> Result:
    """The result of a task; its process has ended when this returns. Raises MeasureError."""
    # The process is in a group of its own: Ctrl-C is for this one to handle. Its stderr is a file,
    # because a pipe would wake this process up and make it part of what is measured.
    with tempfile.TemporaryFile() as errors:
        command = [sys.executable, "-m", "transportlab.evidence.run.worker"]
        with subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=_environment(),
            process_group=0,
        ) as process:
            task.placement.pin_host(process.pid)
            try:
                out, _ = process.communicate(msgspec.json.encode(task), timeout)
            except subprocess.TimeoutExpired:
                process.kill()
                raise MeasureError(f"no result within {timeout:g} s") from None
            except BaseException:
                _end(process)
                raise
        if process.returncode == 0:
            return _checked(task, msgspec.json.decode(out, type=Result))
        errors.seek(0)
        lines = errors.read().decode("utf-8", "replace").strip().splitlines()
    last = without_places(lines[-1]) if lines else "nothing on stderr"
    raise MeasureError(f"exit status {process.returncode}: {last[:1000]}")


def _environment() -> dict[str, str]:
    """The environment, with the folder of this very Python first in PATH.

    Else `#!/usr/bin/env python3`, the first line of a plugin, may find a version manager's shell
    script, or a Python whose packages import something at each start, which a virtual environment
    leaves out. Both have been met, and took longer than Python's start itself.
    """
    path = os.pathsep.join([os.path.dirname(sys.executable), os.environ.get("PATH", "")])
    return {**os.environ, "PATH": path.rstrip(os.pathsep)}


def _end(process: subprocess.Popen[bytes]) -> None:
    """Interrupt the process, so that it stops its plugin; kill it if it does not end."""
    process.send_signal(signal.SIGINT)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(STOP_SECONDS)
    process.kill()


def _checked(task: Task, result: Result) -> Result:
    """The result, if the process and its plugins ran on the CPUs of the placement."""
    place, ran = task.placement, result.affinity
    if place.plugin is not None and _has_process(task) and not ran.plugin:
        raise MeasureError("nothing tells on which CPUs the plugin ran")
    for wanted, found in [(place.host, [ran.host]), (place.plugin, ran.plugin)]:
        if wanted is not None and any(cpus != wanted for cpus in found):
            raise MeasureError(f"ran on CPUs {found}, not on {list(wanted)}")
    return result


def _has_process(task: Task) -> bool:
    """Whether the plugin of a task is a process of its own, and has to be pinned."""
    if task.arm.role == "control" or not set(task.suites) <= set(STEADY):
        return False
    return load_transport(task.arm.transport).traits.isolated
