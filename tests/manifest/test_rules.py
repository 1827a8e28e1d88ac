"""The rules of a manifest one by one, and every problem at once, in document order."""

import copy
import json
from typing import Any

import pytest

from transportlab.errors import ManifestError
from transportlab.manifest.document import parse_manifest
from transportlab.model import Job

MINIMAL: dict[str, Any] = {
    "version": 1,
    "app": "shop",
    "jobs": [{"name": "a", "schedule": "@daily", "request": {"url": "https://shop.internal/a"}}],
}
PIN = "0123456789abcdef" * 4


def jobs_of(document: object) -> tuple[Job, ...]:
    return parse_manifest(json.dumps(document).encode(), "m.json").jobs


def problems(document: object) -> list[str]:
    with pytest.raises(ManifestError) as caught:
        jobs_of(document)
    return [str(problem) for problem in caught.value.problems]


def changed(path: str, value: object) -> dict[str, Any]:
    """The minimal manifest with one member set, objects on the way made as needed."""
    document = copy.deepcopy(MINIMAL)
    *steps, last = path.split("/")
    place: Any = document
    for step in steps:
        place = place[int(step)] if isinstance(place, list) else place.setdefault(step, {})
    place[last] = value
    return document


NAME = 'expected a name of 1 to 63 characters a-z, 0-9 and "-" that begins with a letter, got '
TOO_LONG = 2**53 + 1


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("version", 2, "expected 1, got 2"),
        ("version", True, "expected 1, got true"),
        ("version", 1.0, "expected 1, got 1.0"),
        ("version", "1", 'expected 1, got "1"'),
        ("app", "Shop", f'{NAME}"Shop"'),
        ("app", None, "expected a string, got null"),
        ("jobs", {}, "expected an array of 1 to 256 items, got an object"),
        ("jobs", [], "expected an array of 1 to 256 items, got 0"),
        ("jobs/0/name", "a\n", f'{NAME}"a\\n"'),
        ("jobs/0/name", 5, "expected a string, got 5"),
        ("jobs/0/schedule", "61 * * * *", "minute: 61 is outside 0-59"),
        ("jobs/0/schedule", ["@daily"], "expected a string, got an array"),
        ("jobs/0/timezone", "Mars", 'expected the name of an IANA time zone, got "Mars"'),
        ("jobs/0/request", [], "expected an object, got an array"),
        ("jobs/0/request/method", "get", "expected one of GET, POST, PUT, PATCH, DELETE, got "),
        ("jobs/0/request/method", ["GET"], "expected one of GET, POST, PUT, PATCH, DELETE, got an"),
        ("jobs/0/request/url", "ftp://h", "expected an http or https URL with a host, got "),
        ("jobs/0/request/headers", [], "expected an object, got an array"),
        ("jobs/0/request/headers/X-A", 1, "expected a string, got 1"),
        ("jobs/0/request/headers/X-A", "a\r\nb", "expected a header value without control char"),
        ("jobs/0/request/body", {}, "expected a string, got an object"),
        ("jobs/0/policy", None, "expected an object, got null"),
        ("jobs/0/policy/concurrency", "allow", "expected one of Allow, Forbid, Replace, got "),
        ("jobs/0/policy/concurrency_scope", "Host", 'expected one of host, global, got "Host"'),
        ("jobs/0/policy/timeout_seconds", 0, "expected an integer from 1 to 600, got 0"),
        ("jobs/0/policy/timeout_seconds", 601, "expected an integer from 1 to 600, got 601"),
        ("jobs/0/policy/timeout_seconds", 60.0, "expected an integer from 1 to 600, got 60.0"),
        ("jobs/0/policy/timeout_seconds", False, "expected an integer from 1 to 600, got false"),
        ("jobs/0/policy/retries/max_attempts", 0, "expected an integer from 1 to 10, got 0"),
        ("jobs/0/policy/retries/max_attempts", 11, "expected an integer from 1 to 10, got 11"),
        ("jobs/0/policy/retries/min_seconds", -1, "expected an integer from 0 to 2147483647"),
        ("jobs/0/policy/retries/max_seconds", 0, "expected an integer from 1 to 2147483647"),
        ("jobs/0/policy/retries/max_seconds", TOO_LONG, "expected an integer from 1 to 2147483647"),
        ("jobs/0/policy/retries/max_seconds", 10**99, f"expected an integer from 1 to {2**31 - 1}"),
        ("jobs/0/auth/secret_refs", [], "expected an array of 1 to 8 items, got 0"),
        ("jobs/0/auth/secret_refs", ["A"] * 9, "expected an array of 1 to 8 items, got 9"),
        ("plugins", [], "expected an object, got an array"),
        ("plugins/Cron", {"sha256": PIN}, f'{NAME}"Cron"'),
        ("plugins/cron", PIN, "expected an object, got "),
        ("plugins/cron/sha256", PIN.upper(), "expected 64 lower-case hex digits, got "),
        ("plugins/cron/sha256", 7, "expected a string, got 7"),
        ("plugins/cron/sha256", [], "expected an array of 1 to 64 items, got 0"),
    ],
)
def test_a_value_outside_its_rule_is_named(path: str, value: object, message: str) -> None:
    (problem,) = problems(changed(path, value))
    assert problem.startswith(f"{path}: {message}")


def test_each_of_several_sums_is_checked() -> None:
    (problem,) = problems(changed("plugins/cron/sha256", [PIN, PIN[1:]]))
    assert problem.startswith("plugins/cron/sha256/1: expected 64 lower-case hex digits, got ")


@pytest.mark.parametrize("value", [None, [], "x", 1, True])
def test_a_document_that_is_no_object_is_refused(value: object) -> None:
    (problem,) = problems(value)
    assert problem.startswith("expected an object, got ")


def test_an_unknown_member_is_named_with_the_nearest() -> None:
    message = 'unknown member "schedul"; did you mean "schedule"?'
    assert problems(changed("jobs/0/schedul", "@daily")) == [f"jobs/0/schedul: {message}"]
    message = 'unknown member "x"; expected one of version, app, jobs, plugins'
    assert problems(changed("x", 1)) == [f"x: {message}"]


@pytest.mark.parametrize(
    ("path", "member"),
    [
        ("", "version"),
        ("", "app"),
        ("", "jobs"),
        ("jobs/0", "name"),
        ("jobs/0", "request"),
        ("jobs/0/request", "url"),
        ("plugins/cron", "sha256"),
    ],
)
def test_a_missing_member_is_named_at_its_place(path: str, member: str) -> None:
    document = changed("plugins/cron/sha256", PIN)
    place: Any = document
    for step in filter(None, path.split("/")):
        place = place[int(step)] if isinstance(place, list) else place[step]
    del place[member]
    where = f"{path}/{member}" if path else member
    assert problems(document) == [f'{where}: expected a member "{member}", got none']


def test_exactly_one_of_schedule_and_schedules_is_wanted() -> None:
    assert problems(changed("jobs/0/schedules", ["@daily"])) == [
        'jobs/0: expected "schedule" or "schedules", got both'
    ]
    document = copy.deepcopy(MINIMAL)
    del document["jobs"][0]["schedule"]
    assert problems(document) == ['jobs/0: expected "schedule" or "schedules", got neither']


def with_schedules(schedules: list[str]) -> dict[str, Any]:
    document = changed("jobs/0/schedules", schedules)
    del document["jobs"][0]["schedule"]
    return document


def test_a_job_has_up_to_64_schedules() -> None:
    assert len(jobs_of(with_schedules(["@daily"] * 64))[0].schedules) == 64
    many = "jobs/0/schedules: expected an array of 1 to 64 items, got 65"
    assert problems(with_schedules(["@daily"] * 65)) == [many]
    assert problems(with_schedules(["@daily", "", "x"]))[1].startswith("jobs/0/schedules/2: ")


def test_a_manifest_has_up_to_256_jobs() -> None:
    jobs = [MINIMAL["jobs"][0] | {"name": f"job-{i}"} for i in range(257)]
    assert len(jobs_of(MINIMAL | {"jobs": jobs[:256]})) == 256
    assert problems(MINIMAL | {"jobs": jobs}) == [
        "jobs: expected an array of 1 to 256 items, got 257"
    ]


def test_a_job_name_given_twice_is_named_at_both_places() -> None:
    jobs = [MINIMAL["jobs"][0] | {"name": name} for name in ("b", "a", "b", "b")]
    message = 'expected each job name once, got "b" also at jobs/0/name'
    assert problems(MINIMAL | {"jobs": jobs}) == [
        f"jobs/2/name: {message}",
        f"jobs/3/name: {message}",
    ]


@pytest.mark.parametrize(
    ("retries", "got"),
    [
        ({"min_seconds": 30, "max_seconds": 10}, "30 > 10"),
        ({"min_seconds": 61}, "61 > 60"),
    ],
)
def test_the_least_wait_may_not_be_over_the_longest(retries: dict[str, int], got: str) -> None:
    (problem,) = problems(changed("jobs/0/policy/retries", retries))
    expected = "jobs/0/policy/retries: expected min_seconds <= max_seconds"
    assert problem == f"{expected}, got {got} (defaults counted)"


def test_waits_that_are_equal_are_allowed_and_a_wrong_one_is_reported_once() -> None:
    (job,) = jobs_of(changed("jobs/0/policy/retries", {"min_seconds": 60}))
    assert job.policy.retries.min_seconds == job.policy.retries.max_seconds
    assert (
        len(problems(changed("jobs/0/policy/retries", {"min_seconds": 9, "max_seconds": 0}))) == 1
    )


def test_every_problem_is_reported_at_once_in_document_order() -> None:
    document = {
        "jobs": [
            {"schedules": ["@daily", "x"], "timezone": "Mars", "nam": "a"},
            {"request": {"body": 1, "url": ""}, "schedule": "@daily", "name": "a"},
            {"name": "a", "schedule": "", "schedules": [], "request": {}},
        ],
        "app": 5,
    }
    assert [problem.split(": ")[0] for problem in problems(document)] == [
        "version",
        "jobs/0/name",
        "jobs/0/request",
        "jobs/0/schedules/1",
        "jobs/0/timezone",
        "jobs/0/nam",
        "jobs/1/request/body",
        "jobs/1/request/url",
        "jobs/2",
        "jobs/2/name",
        "jobs/2/schedule",
        "jobs/2/schedules",
        "jobs/2/request/url",
        "app",
    ]


def test_each_line_of_the_error_names_the_source() -> None:
    with pytest.raises(ManifestError) as caught:
        parse_manifest(b'{"app": 1, "jobs": 2}', "a/b.json")
    lines = str(caught.value).splitlines()
    assert len(lines) == 3
    assert all(line.startswith("a/b.json: ") for line in lines)


def test_a_text_that_is_no_json_is_one_problem() -> None:
    with pytest.raises(ManifestError, match=r"\Am\.json: not JSON: line 1, column 2: ") as caught:
        parse_manifest(b"{version: 1}", "m.json")
    assert len(caught.value.problems) == 1
