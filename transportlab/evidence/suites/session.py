"""A whole apply of a real manifest, by the host's command: what an operator waits for.

It lasts from the start of the host's process to its end, its interpreter, imports and command line
included. `dozen` writes a crontab that has foreign lines, if there is such a plugin of that make;
`dozen-in-memory` leaves the entries with the plugin.
"""

import resource
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from transportlab.data import SPEC
from transportlab.evidence.arms import STORE
from transportlab.evidence.record import Sample
from transportlab.evidence.run.bench import TIMEOUT, operands
from transportlab.evidence.run.task import Task

QUESTION = "How long does an operator wait for a whole apply?"
UNIT = "s"

NEEDS = (STORE,)

CASE, IN_MEMORY = "dozen", "dozen-in-memory"
MANIFEST = SPEC / "manifests" / "dozen.json"
JOBS = 12

FOREIGN = b"""\
# m h dom mon dow command
MAILTO=ops@example.net
17 * * * * cd / && run-parts --report /etc/cron.hourly
25 6 * * * test -x /usr/sbin/anacron || run-parts /etc/cron.daily

*/5 * * * *\t/usr/local/bin/collect --all
@reboot /opt/app/start >/dev/null 2>&1
30 2 * * * /usr/bin/pg_dump -Fc app | gzip > /backup/app-$(date +\\%F).gz
"""


def measure(task: Task) -> list[Sample]:
    """One apply of each case: its seconds, and the CPU seconds of host and plugin together."""
    found = []
    if task.plugin.crontab:
        with tempfile.TemporaryDirectory(prefix="tl-") as folder:
            file = Path(folder, "crontab")
            file.write_bytes(FOREIGN)
            writer = replace(task.plugin, program=task.plugin.crontab)
            made = replace(task, plugin=writer)
            found += _apply(made, CASE, {"path": str(file)})
            check(file.read_bytes().startswith(FOREIGN), "a foreign line is gone")
    return found + _apply(task, IN_MEMORY, {})


measure_host = measure


def _apply(task: Task, case: str, config: dict[str, str]) -> list[Sample]:
    command = [task.host.command, "apply", *operands(task, MANIFEST, config), "--json"]
    used, begin = _children_cpu(), time.monotonic()
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMEOUT, check=False
    )
    seconds = time.monotonic() - begin
    said = done.stderr.decode("utf-8", "replace").strip()[-300:]
    check(done.returncode == 0, f"exit status {done.returncode}: {said}")
    counts: Any = msgspec.json.decode(done.stdout)["counts"]
    check(counts["created"] == JOBS == sum(counts.values()), f"it says {counts}")
    arm = task.arm
    return [arm.one(case, "total", seconds), arm.one(case, "cpu", _children_cpu() - used)]


def check(done: bool, problem: str) -> None:
    """Raise RuntimeError with the problem unless it was done."""
    if not done:
        raise RuntimeError(f"the apply did not do its work: {problem}")


def _children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
