"""cronix's hash: its check value, and a slow second way to every hash."""

from pathlib import Path

import pytest

from transportlab.manifest.document import Manifest, canonical_bytes, load_manifest, parse_manifest
from transportlab.manifest.hashing import HASH_APP, desired_jobs, job_hashes
from transportlab.model import HttpRequest, Job

SAMPLES = Path(__file__).parents[2] / "spec" / "manifests"
CHECK = b"""{"version": 1, "app": "billing-service", "jobs": [{
    "name": "reconcile-payments", "schedule": "*/15 * * * *",
    "request": {"url": "https://billing.internal/api/v1/scheduled/reconcile-payments"}}]}"""


def slow_hash(job: Job, index: int) -> str:
    """The hash of one schedule, from the first byte to the index in one go."""
    state = 1469598103934665603
    for step in (*canonical_bytes(Manifest(1, HASH_APP, (job,))), index):
        state ^= step
        state = state * 1099511628211 % 2**64
    return format(state, "016x")


def test_cronix_check_value() -> None:
    (job,) = desired_jobs(parse_manifest(CHECK, "check"))
    assert job.hashes == ("21c1b02a51242d12",)


def test_the_sample_of_one_job_is_the_check_value() -> None:
    (job,) = desired_jobs(load_manifest(SAMPLES / "one-job.json"))
    assert job.hashes == ("21c1b02a51242d12",)


@pytest.mark.parametrize("name", ["several-schedules", "awkward-text"])
def test_each_schedule_has_its_own_hash_in_order(name: str) -> None:
    for wanted in desired_jobs(load_manifest(SAMPLES / f"{name}.json")):
        slow = [slow_hash(wanted.job, i) for i in range(len(wanted.job.schedules))]
        assert list(wanted.hashes) == slow
        assert len(set(slow)) == len(slow)


def test_hashes_do_not_depend_on_the_app() -> None:
    other = parse_manifest(CHECK.replace(b"billing-service", b"another"), "check")
    assert desired_jobs(other)[0].hashes == ("21c1b02a51242d12",)


def test_headers_are_hashed_in_one_order() -> None:
    def job(*headers: tuple[str, str]) -> Job:
        return Job("a", ("@daily",), request=HttpRequest("GET", "https://x", dict(headers)))

    one, two = ("A", "1"), ("B", "2")
    assert job_hashes(job(one, two)) == job_hashes(job(two, one)) != job_hashes(job(one))


def test_any_change_of_a_job_changes_all_its_hashes() -> None:
    jobs = [wanted.job for wanted in desired_jobs(load_manifest(SAMPLES / "jobs-256.json"))]
    assert len({job_hashes(job) for job in jobs}) == len(jobs)


def test_a_job_without_schedules_has_no_hashes() -> None:
    assert job_hashes(Job("a")) == ()


def test_desired_jobs_are_in_the_order_of_the_manifest_with_all_hashes() -> None:
    manifest = load_manifest(SAMPLES / "jobs-256x64.json")
    wanted = desired_jobs(manifest)
    assert [each.job for each in wanted] == list(manifest.jobs)
    assert {len(each.hashes) for each in wanted} == {64}
    hashes = {digits for each in wanted for digits in each.hashes}
    assert len(hashes) == 256 * 64
    assert {len(digits) for digits in hashes} == {16}
