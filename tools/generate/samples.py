"""Derives the two large sample manifests: as many jobs as allowed, with 1 and with 64 schedules.

Nothing is random: each member follows from the job's number, so the bytes never change.
"""

import json
from pathlib import Path
from typing import Any

from transportlab.manifest.document import MAX_JOBS, METHODS
from transportlab.model import MAX_SCHEDULES

OUT = Path("spec/manifests")

NOUNS = ("invoice", "cart", "ledger", "session", "report", "index", "shipment", "mailbox")
VERBS = ("sync", "expire", "export", "audit", "refresh", "archive", "notify", "reconcile")
ZONES = ("UTC", "Europe/Amsterdam", "America/New_York", "Asia/Kolkata", "Australia/Sydney")
DAYS = ("*", "1-5", "mon-fri", "0,6", "sat", "2")
MACROS = ("@hourly", "@daily", "@weekly", "@every 5m", "@every 6h", "@monthly")


def derive() -> dict[Path, bytes]:
    """What each file must hold, by its path from the project's root."""
    jobs = [_job(number) | {"schedule": _single(number)} for number in range(MAX_JOBS)]
    full = [_job(number) | {"schedules": _many(number)} for number in range(MAX_JOBS)]
    return {
        OUT / "jobs-256.json": _document("platform", jobs),
        OUT / "jobs-256x64.json": _document("platform-full", full),
    }


def _document(app: str, jobs: list[dict[str, Any]]) -> bytes:
    """One job on each line, so that a change shows as the lines that it touches."""
    lines = ",\n".join(json.dumps(job, separators=(",", ":")) for job in jobs)
    return f'{{"version":1,"app":"{app}","jobs":[\n{lines}\n]}}\n'.encode()


def _job(number: int) -> dict[str, Any]:
    noun, verb = NOUNS[number % 8], VERBS[number // 8 % 8]
    job: dict[str, Any] = {"name": f"{noun}-{verb}-{number:03d}"}
    request: dict[str, Any] = {"url": f"https://{noun}.internal/api/v1/scheduled/{verb}/{number}"}
    if number % 2:
        request["method"] = METHODS[number % len(METHODS)]
    if number % 3 == 0:
        request["headers"] = {"X-Tenant": f"tenant-{number % 7}", "Accept": "application/json"}
    if number % 4 == 0:
        request["body"] = json.dumps({"shard": number, "dry_run": False})
    job["request"] = request
    if number % 5:
        job["timezone"] = ZONES[number % 5]
    if number % 6 == 0:
        retries = {"max_attempts": 1 + number % 10, "min_seconds": number % 4}
        job["policy"] = {"timeout_seconds": 30 + number, "retries": retries}
    if number % 7 == 0:
        job["auth"] = {"secret_refs": [f"{noun.upper()}_TOKEN"]}
    return job


def _single(number: int) -> str:
    """A macro for every eighth job, five fields for the others."""
    if number % 8 == 0:
        return MACROS[number // 8 % len(MACROS)]
    return f"{number * 7 % 60} {number % 24} * * {DAYS[number % len(DAYS)]}"


def _many(number: int) -> list[str]:
    """64 different schedules: twelve months, each with up to six sets of days."""
    return [
        f"{(number + 11 * i) % 60} {(number + i) % 24} * {1 + i % 12} {DAYS[i // 12]}"
        for i in range(MAX_SCHEDULES)
    ]
