"""Judges a crontab after a fault: each job is to be as before or as planned, all else as before.

The file before and after a whole Apply is made once, with the backend in this process. The check
compares bytes. All that it knows of an entry is that it has two lines.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from transportlab import model
from transportlab.context import Context
from transportlab.host import HostOptions, open_backend
from transportlab.manifest.document import parse_manifest
from transportlab.manifest.hashing import desired_jobs
from transportlab.registry import load_transport, transport_names

FOREIGN = Path(__file__).resolve().parents[2] / "spec" / "crontabs" / "personal"
APP = "billing"
OLD_JOBS = {"to-delete": "1 1 * * *", "to-keep": "9 9 * * *", "to-update": "2 2 * * *"}
NEW_JOBS = {"to-create": "3 3 * * *", "to-keep": "9 9 * * *", "to-update": "4 4 * * *"}
"""Three ops lead from the old jobs to the new ones: delete, update, create, in this order."""

OPS = ("to-delete", "to-update", "to-create")
MARK = b"# cronix:owned "


def desired(jobs: Mapping[str, str]) -> tuple[model.DesiredJob, ...]:
    """Return the jobs as a host sends them."""
    document = {
        "version": 1,
        "app": APP,
        "jobs": [
            {"name": name, "schedule": schedule, "request": {"url": "https://billing.internal/"}}
            for name, schedule in jobs.items()
        ],
    }
    return desired_jobs(parse_manifest(json.dumps(document).encode(), "campaign"))


def in_process() -> str:
    """Return the name of the transport without a wire."""
    return next(n for n in transport_names() if not load_transport(n).traits.wire)


def applied(before: bytes, jobs: Mapping[str, str], folder: Path) -> bytes:
    """Return what the reference backend makes of a crontab."""
    file = folder / "made"
    file.write_bytes(before)
    options = HostOptions(config={"path": str(file)})
    with open_backend("crontab", in_process(), options) as session:
        plan = session.backend.plan(model.PlanRequest(APP, desired(jobs)), Context())
        list(session.backend.apply(model.ApplyRequest(plan), Context()))
    made = file.read_bytes()
    file.unlink()
    return made


def blocks(data: bytes) -> tuple[dict[str, bytes], bytes]:
    """Return the two lines of each job's entry, by the job's name, and the file without them."""
    lines = data.splitlines(keepends=True)
    found: dict[str, bytes] = {}
    for at, line in enumerate(lines):
        if line.startswith(MARK):
            job = next(w[4:] for w in line.decode().split() if w.startswith("job="))
            found[job] = found.get(job, b"") + lines[at - 1] + line
            lines[at - 1] = lines[at] = b""
    return found, b"".join(lines)


@dataclass(frozen=True, slots=True)
class States:
    """The crontab before the fault, and after an Apply that is not interrupted."""

    old: bytes
    new: bytes

    @classmethod
    def make(cls, folder: Path) -> "States":
        """Make both from the samples. folder: for temporary files."""
        old = applied(FOREIGN.read_bytes(), OLD_JOBS, folder)
        return cls(old, applied(old, NEW_JOBS, folder))

    def judge(self, data: bytes) -> tuple[str, tuple[str, ...]]:
        """Return the file's state in words, and the jobs whose ops have been carried out.

        The words are "old", "new", "1 of 3 ops" or "2 of 3 ops", or begin with "BROKEN".
        """
        before, foreign = blocks(self.old)
        after, _ = blocks(self.new)
        found, rest = blocks(data)
        if rest != foreign:
            return "BROKEN: lines that are not the plugin's have changed", ()
        strange = [
            job
            for job in {*before, *after, *found}
            if found.get(job) not in (before.get(job), after.get(job))
        ]
        if strange:
            return f"BROKEN: neither old nor new: {', '.join(sorted(strange))}", ()
        done = tuple(job for job in OPS if found.get(job) == after.get(job))
        words = {0: "old", len(OPS): "new"}
        return words.get(len(done), f"{len(done)} of {len(OPS)} ops"), done
