"""`transportlab manifest init|check`: a first manifest, and whether one is right."""

import json
import os
from contextlib import suppress
from pathlib import Path

from transportlab.cli.errors import guarded
from transportlab.cli.options import JSON
from transportlab.cli.parser import command, option
from transportlab.errors import UsageError
from transportlab.manifest.document import VERSION, load_manifest, parse_manifest
from transportlab.manifest.hashing import desired_jobs


@command(
    option("--app", required=True, metavar="NAME", help="The app's name, such as billing-service."),
    option("--job", default="first-job", metavar="NAME", help="Its first job (%(default)s)."),
    option(
        "--schedule",
        default="*/15 * * * *",
        metavar="CRON",
        help='When the job runs: five fields, "@daily" or "@every 90s" (*/15 * * * * by default).',
    ),
    option(
        "--url",
        default="https://localhost/run",
        metavar="URL",
        help="What is requested then (%(default)s by default).",
    ),
    option("--out", type=Path, metavar="FILE", help="Write a new file, not to stdout."),
)
def init(*, app: str, job: str, schedule: str, url: str, out: Path | None) -> None:
    """Write a manifest with one job, to go on from.

    A file that is there is never replaced.
    """
    first = {"name": job, "schedule": schedule, "request": {"url": url}}
    text = json.dumps({"version": VERSION, "app": app, "jobs": [first]}, indent=2) + "\n"
    with guarded():
        parse_manifest(text.encode(), "the manifest")
        if out is None:
            print(text, end="")
            return
        _create(out, text)
    print(f"manifest: {out}")


def _create(out: Path, text: str) -> None:
    try:
        with out.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(f"{out} is there already; choose another name") from None
    except OSError as error:
        with suppress(OSError):
            os.unlink(out)  # what is there is less than was written
        raise UsageError(f"{out}: cannot be written: {error.strerror}") from None


@command(option("file", type=Path, metavar="FILE", help="The manifest."), JSON)
def check(*, file: Path, as_json: bool) -> None:
    """Check a manifest without a backend: all that is wrong with it, each with its place.

    Exits with 1 if anything is.
    """
    with guarded():
        jobs = desired_jobs(load_manifest(file))
    schedules = sum(len(wanted.job.schedules) for wanted in jobs)
    if as_json:
        print(json.dumps({"jobs": len(jobs), "schedules": schedules}))
    else:
        print(f"{file}: right, with {len(jobs)} jobs and {schedules} schedules")
