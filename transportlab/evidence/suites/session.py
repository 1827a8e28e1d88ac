"""A whole apply of a real manifest on a crontab with foreign lines: what an operator waits for.

`total` runs from the start of the host's process to the end of the plugin; `start` of it is the
host's interpreter and imports.
"""

import resource
import tempfile
import time
from pathlib import Path

from transportlab import model
from transportlab.context import Context
from transportlab.data import SPEC
from transportlab.evidence.run.session import Run
from transportlab.evidence.run.timing import Sample, one
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


def measure(run: Run) -> list[Sample]:
    """One apply, phases apart."""
    marks = {"spawned": run.spawned, "started": time.monotonic()}
    with tempfile.TemporaryDirectory(prefix="tl-") as folder:
        file = Path(folder, "crontab")
        file.write_bytes(FOREIGN)
        manifest = load_manifest(MANIFEST)
        jobs = desired_jobs(manifest)
        marks["manifest"] = time.monotonic()
        with run.open("crontab", {"path": str(file)}) as opened:
            backend = opened.session.backend
            marks["opened"] = time.monotonic()
            plan = backend.plan(model.PlanRequest(manifest.app, jobs), Context())
            marks["plan"] = time.monotonic()
            last = list(backend.apply(model.ApplyRequest(plan), Context()))[-1]
            marks["apply"] = time.monotonic()
        marks["exit"] = time.monotonic()
        _check(file.read_bytes(), last.counts, len(jobs))
    steps = list(marks.items())
    names = ("start", *list(marks)[2:])
    found = [
        one(CASE, name, after - before)
        for name, (_, before), (_, after) in zip(names, steps, steps[1:], strict=False)
    ]
    found.append(one(CASE, "total", marks["exit"] - marks["spawned"]))
    found.append(one(CASE, "cpu-host", time.process_time()))
    if opened.pid is not None:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        found.append(one(CASE, "cpu-plugin", used.ru_utime + used.ru_stime))
    return found


def _check(content: bytes, counts: model.Counts | None, jobs: int) -> None:
    """What is timed has been done: every job is there, every foreign line still is."""
    if counts != model.Counts(created=jobs) or not content.startswith(FOREIGN):
        raise RuntimeError(f"the apply did not do its work: {counts}")
