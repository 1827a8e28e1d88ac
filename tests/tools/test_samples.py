"""The sample manifests: what their README promises."""

import re
from pathlib import Path

import pytest

from tools.generate.samples import derive
from transportlab.manifest.document import load_manifest

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "spec" / "manifests"
SAMPLES = sorted(FOLDER.glob("*.json"))
MACROS = {"@hourly", "@daily", "@midnight", "@weekly", "@monthly", "@yearly", "@annually"}
MAX_BYTES = 1_500_000


def fits_a_crontab(schedule: str) -> bool:
    """Five fields without the `?` that no crontab knows, a macro, or an interval that divides."""
    if match := re.fullmatch(r"@every (\d+)([mh])", schedule):
        number, whole = int(match[1]), {"m": 60, "h": 24}[match[2]]
        return number < whole and whole % number == 0
    return schedule in MACROS or re.fullmatch(r"[^@?\s]+( [^@?\s]+){4}", schedule) is not None


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_a_sample_is_valid_and_fits_a_crontab(path: Path) -> None:
    schedules = [text for job in load_manifest(path).jobs for text in job.schedules]
    assert [text for text in schedules if not fits_a_crontab(text)] == []


@pytest.mark.parametrize(
    ("name", "jobs", "schedules"),
    [
        ("one-job", 1, 1),
        ("dozen", 12, 12),
        ("several-schedules", 3, 12),
        ("jobs-256", 256, 256),
        ("jobs-256x64", 256, 256 * 64),
    ],
)
def test_a_sample_has_the_size_that_its_name_says(name: str, jobs: int, schedules: int) -> None:
    found = load_manifest(FOLDER / f"{name}.json").jobs
    assert (len(found), sum(len(job.schedules) for job in found)) == (jobs, schedules)


def test_no_job_of_the_largest_sample_has_a_schedule_twice() -> None:
    for job in load_manifest(FOLDER / "jobs-256x64.json").jobs:
        assert len(set(job.schedules)) == len(job.schedules)


def test_the_derived_samples_are_current_and_small_enough_to_commit() -> None:
    for path, data in derive().items():
        assert (ROOT / path).read_bytes() == data
        assert len(data) < MAX_BYTES


def test_the_awkward_sample_has_what_encoders_differ_in_but_no_nul() -> None:
    jobs = load_manifest(FOLDER / "awkward-text.json").jobs
    text = "".join(job.request.body + "".join(job.request.headers.values()) for job in jobs)
    assert set("<&>\"'\\\u2028\u2029\b\f\x1f\x7f\x85ï日") <= set(text)
    assert "\0" not in text
    assert max(len(job.request.body) for job in jobs) > 8192
    assert max(len(job.name) for job in jobs) == 63
    assert max(len(ref) for job in jobs for ref in job.auth.secret_refs) == 128


def test_the_readme_has_a_line_for_each_sample() -> None:
    listed = re.findall(r"^\| (\S+\.json) \|", (FOLDER / "README.md").read_text(), re.MULTILINE)
    assert sorted(listed) == [path.name for path in SAMPLES]
