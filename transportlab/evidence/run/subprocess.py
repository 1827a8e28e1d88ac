"""Starts measuring processes, each for one Job, and gets their results."""

import contextlib
import subprocess
import sys
import tempfile
import time

import msgspec

from transportlab.errors import LabError
from transportlab.evidence.run.machine import without_places
from transportlab.evidence.run.worker import Job, Result

TIMEOUT = 120.0
"""Seconds after which a measuring process is ended: it needs a few."""

STOP_SECONDS = 6.0
"""How long an interrupted one may take to stop its plugin."""


class MeasureError(LabError):
    """A measuring process failed; its last words are in the message, without names of places."""


def run_job(job: Job) -> Result:
    """The result of a job, from a process of its own that is gone afterwards."""
    # In a group of its own, as an interrupt at the terminal is for this process to deal with. Its
    # stderr is a file, as a pipe would have this process wake up and take part in what is measured.
    with tempfile.TemporaryFile() as errors:
        begin = time.monotonic()
        command = [sys.executable, "-m", "transportlab.evidence.run.worker"]
        with subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            process_group=0,
        ) as process:
            job.placement.pin_host(process.pid)
            try:
                sent = msgspec.json.encode(msgspec.structs.replace(job, spawned=begin))
                out, _ = process.communicate(sent, TIMEOUT)
            except subprocess.TimeoutExpired:
                process.kill()
                raise MeasureError(f"no result within {TIMEOUT:g} s") from None
            except BaseException:
                _end(process)
                raise
        if process.returncode == 0:
            return _checked(job, msgspec.json.decode(out, type=Result))
        errors.seek(0)
        lines = errors.read().decode("utf-8", "replace").strip().splitlines()
    last = without_places(lines[-1]) if lines else "no word on stderr"
    raise MeasureError(f"exit status {process.returncode}: {last[:500]}")


def _end(process: subprocess.Popen[bytes]) -> None:
    """Have it stop its plugin; a plugin whose host is killed stops by itself."""
    process.send_signal(2)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(STOP_SECONDS)
    process.kill()


def _checked(job: Job, result: Result) -> Result:
    """The result, if host and plugins really ran where they should."""
    place = job.placement
    for wanted, found in [(place.host, [result.host]), (place.plugin, result.plugin)]:
        if wanted is not None and any(cpus != wanted for cpus in found):
            raise MeasureError(f"ran on CPUs {found}, not on {list(wanted)}")
    return result
