"""What a crontab holds after a fault: each job in its old form or its new one, and all else as is.

The file before and the file after a whole Apply are made once, with the backend in this process.
The check itself is of bytes: it knows of an entry that it is two lines, and nothing more.
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
"""Three ops lead from one to the other: a delete, an update and a create, in this order."""

OPS = ("to-delete", "to-update", "to-create")
MARK = b"# cronix:owned "


def desired(jobs: Mapping[str, str]) -> tuple[model.DesiredJob, ...]:
    """The jobs as a host sends them."""
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
    """The name of the transport without a wire."""
    return next(n for n in transport_names() if not load_transport(n).traits.wire)


def applied(before: bytes, jobs: Mapping[str, str], folder: Path) -> bytes:
    """What the reference backend makes of a crontab."""
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
    """The two lines of each job's entry, by its name, and what is left without them."""
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
    """The file before the fault, and after an Apply that comes to its end."""

    old: bytes
    new: bytes

    @classmethod
    def make(cls, folder: Path) -> "States":
        """From the samples; folder is for files on the way."""
        old = applied(FOREIGN.read_bytes(), OLD_JOBS, folder)
        return cls(old, applied(old, NEW_JOBS, folder))

    def judge(self, data: bytes) -> tuple[str, tuple[str, ...]]:
        """In words what the file is, and the jobs whose ops have been carried out.

        "old", "new", "1 of 3 ops" or "2 of 3 ops"; anything else begins with "BROKEN".
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
