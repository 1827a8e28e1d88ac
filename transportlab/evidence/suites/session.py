"""A whole apply of a real manifest to a crontab with foreign lines: what an operator waits for.

`total` lasts from the start of the host's process to the end of the plugin. `start` is the part of
it that the host's interpreter and imports take.
"""

import resource
import tempfile
import time
from pathlib import Path

from transportlab import model
from transportlab.context import Context
from transportlab.data import SPEC
from transportlab.evidence.record import Sample
from transportlab.evidence.run.task import Task
from transportlab.manifest.document import load_manifest
from transportlab.manifest.hashing import desired_jobs

QUESTION = "How long does an operator wait for a whole apply?"
UNIT = "s"

CASE = "dozen"
MANIFEST = SPEC / "manifests" / "dozen.json"

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
    """One apply: the seconds of each phase and of all, and the CPU seconds of both ends."""
    marks = {"spawned": task.spawned, "started": time.monotonic()}
    with tempfile.TemporaryDirectory(prefix="tl-") as folder:
        file = Path(folder, "crontab")
        file.write_bytes(FOREIGN)
        manifest = load_manifest(MANIFEST)
        jobs = desired_jobs(manifest)
        marks["manifest"] = time.monotonic()
        with task.open("crontab", {"path": str(file)}) as opened:
            backend = opened.session.backend
            marks["opened"] = time.monotonic()
            plan = backend.plan(model.PlanRequest(manifest.app, jobs), Context())
            marks["plan"] = time.monotonic()
            last = list(backend.apply(model.ApplyRequest(plan), Context()))[-1]
            marks["apply"] = time.monotonic()
        marks["exit"] = time.monotonic()
        check(file.read_bytes(), last.counts, len(jobs))
    steps = list(marks.items())
    names = ("start", *list(marks)[2:])
    found = [
        task.arm.one(CASE, name, after - before)
        for name, (_, before), (_, after) in zip(names, steps, steps[1:], strict=False)
    ]
    found.append(task.arm.one(CASE, "total", marks["exit"] - marks["spawned"]))
    found.append(task.arm.one(CASE, "cpu-host", time.process_time()))
    if opened.pid is not None:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        found.append(task.arm.one(CASE, "cpu-plugin", used.ru_utime + used.ru_stime))
    return found


def check(content: bytes, counts: model.Counts | None, jobs: int) -> None:
    """Raise RuntimeError unless every job was created and every foreign line is still there.

    content: the crontab afterwards. counts: those of the last event.
    """
    if counts != model.Counts(created=jobs) or not content.startswith(FOREIGN):
        raise RuntimeError(f"the apply did not do its work: {counts}")
