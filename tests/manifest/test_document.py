"""What a valid manifest becomes: normalised jobs and canonical bytes; and how it is loaded."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from transportlab.errors import ManifestError
from transportlab.manifest.document import (
    Manifest,
    canonical_bytes,
    load_manifest,
    parse_manifest,
)
from transportlab.manifest.pin import PluginPin
from transportlab.model import (
    Auth,
    Concurrency,
    ConcurrencyScope,
    HttpRequest,
    Job,
    Policy,
    Retries,
)

PIN = "0123456789abcdef" * 4
URL = "https://shop.internal/a"


def document(*jobs: dict[str, Any], **members: Any) -> dict[str, Any]:
    """A manifest of the jobs; each is the minimal one with these members."""
    minimal = {"name": "a", "schedule": "@daily", "request": {"url": URL}}
    return {"version": 1, "app": "shop", "jobs": [minimal | job for job in jobs]} | members


def parse(value: object) -> Manifest:
    return parse_manifest(json.dumps(value).encode(), "m.json")


def job(**members: Any) -> Job:
    (only,) = parse(document(members)).jobs
    return only


def test_a_minimal_manifest_takes_every_default() -> None:
    request = HttpRequest("POST", URL, {}, "")
    policy = Policy(Concurrency.FORBID, ConcurrencyScope.HOST, 60, Retries(3, 1, 60))
    wanted = Job("a", ("@daily",), "UTC", request, policy, Auth(()))
    assert parse(document({})) == Manifest(1, "shop", (wanted,), {})


def test_a_full_job_is_taken_as_it_is_with_sorted_headers() -> None:
    found = job(
        schedule="0 1 * * *",
        timezone="Europe/Paris",
        request={"method": "PUT", "url": URL, "headers": {"X-B": "2", "A": "1"}, "body": "text"},
        policy={
            "concurrency": "Replace",
            "concurrency_scope": "global",
            "timeout_seconds": 600,
            "retries": {"max_attempts": 10, "min_seconds": 0, "max_seconds": 1},
        },
        auth={"secret_refs": ["B", "A"]},
    )
    request = HttpRequest("PUT", URL, {"A": "1", "X-B": "2"}, "text")
    policy = Policy(Concurrency.REPLACE, ConcurrencyScope.GLOBAL, 600, Retries(10, 0, 1))
    assert found == Job("a", ("0 1 * * *",), "Europe/Paris", request, policy, Auth(("B", "A")))
    assert list(found.request.headers) == ["A", "X-B"]
    assert type(found.policy.concurrency) is Concurrency
    assert type(found.policy.concurrency_scope) is ConcurrencyScope


@pytest.mark.parametrize(
    ("members", "read", "name"),
    [
        ({"policy": {}}, lambda job: job.policy, None),
        ({"policy": {"timeout_seconds": 5}}, lambda job: job.policy, "timeout_seconds"),
        ({"policy": {"retries": {"max_attempts": 1}}}, lambda job: job.policy, "retries"),
        (
            {"policy": {"retries": {"max_seconds": 2**31 - 1}}},
            lambda job: job.policy.retries,
            "max_seconds",
        ),
        ({"request": {"url": URL, "body": "\n\0é"}}, lambda job: job.request, "body"),
        ({"auth": {}}, lambda job: job.auth, None),
    ],
)
def test_a_part_given_in_part_keeps_the_other_defaults(
    members: dict[str, Any], read: Callable[[Job], Any], name: str | None
) -> None:
    found, default = read(job(**members)), read(job())
    same = {each for each in default.__slots__ if getattr(found, each) == getattr(default, each)}
    assert set(default.__slots__) - same == ({name} if name else set())


def test_several_schedules_are_trimmed_and_keep_their_order() -> None:
    several = document({}) | {"jobs": [{"name": "a", "request": {"url": URL}}]}
    several["jobs"][0]["schedules"] = [" 0 1 * * *\n", "@daily", "0  1 * * *"]
    assert parse(several).jobs[0].schedules == ("0 1 * * *", "@daily", "0  1 * * *")


def test_jobs_are_sorted_by_name() -> None:
    jobs = [{"name": name} for name in ("b", "a-b", "ab", "a")]
    assert [job.name for job in parse(document(*jobs)).jobs] == ["a", "a-b", "ab", "b"]


def test_plugins_are_pinned_by_name() -> None:
    assert parse(document({}, plugins={})).plugins == {}
    pinned = parse(document({}, plugins={"z": {"sha256": PIN}, "crontab": {"sha256": PIN}}))
    assert pinned.plugins == {"crontab": PluginPin((PIN,)), "z": PluginPin((PIN,))}


def test_a_plugin_may_be_pinned_to_one_of_several_sums() -> None:
    sums = [PIN, PIN[::-1]]
    pinned = parse(document({}, plugins={"crontab": {"sha256": sums}}))
    assert pinned.plugins == {"crontab": PluginPin(tuple(sums))}


def test_canonical_bytes_are_compact_and_in_the_order_of_cronix() -> None:
    assert canonical_bytes(parse(document({}))) == (
        b'{"version":1,"app":"shop","jobs":[{"name":"a","schedules":["@daily"],"timezone":"UTC",'
        b'"request":{"method":"POST","url":"https://shop.internal/a","headers":{},"body":""},'
        b'"policy":{"concurrency":"Forbid","concurrency_scope":"host","timeout_seconds":60,'
        b'"retries":{"max_attempts":3,"min_seconds":1,"max_seconds":60}},'
        b'"auth":{"secret_refs":[]}}]}'
    )


def test_canonical_bytes_escape_what_go_escapes() -> None:
    body = '<&>\u2028\u2029\b\f\n\r\t"\\\x01\x1f\x7f/é\U0001f600'
    data = canonical_bytes(parse(document({"request": {"url": URL, "body": body}})))
    escaped = r"\u003c\u0026\u003e\u2028\u2029\b\f\n\r\t\"\\\u0001\u001f" + "\x7f/é\U0001f600"
    assert f'"body":"{escaped}"'.encode() in data


def test_canonical_bytes_have_no_plugins() -> None:
    pinned = parse(document({}, plugins={"crontab": {"sha256": PIN}}))
    assert canonical_bytes(pinned) == canonical_bytes(parse(document({})))


def test_canonical_bytes_of_a_job_without_secrets_are_no_manifest_as_in_cronix() -> None:
    with pytest.raises(ManifestError, match="secret_refs: expected an array of 1 to 8 items"):
        parse_manifest(canonical_bytes(parse(document({}))), "canonical")


def test_a_manifest_is_loaded_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "m.json"
    path.write_text(json.dumps(document({})))
    assert load_manifest(path) == parse(document({}))


def test_a_file_that_cannot_be_read_is_a_manifest_error(tmp_path: Path) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    for path, reason in (
        (tmp_path / "none.json", "No such file or directory"),
        (tmp_path, "Is a directory"),
        (loop, "Too many levels of symbolic links"),
        (tmp_path / "a\0b", "embedded null byte"),
    ):
        with pytest.raises(ManifestError) as caught:
            load_manifest(path)
        assert caught.value.source == str(path)
        assert str(caught.value.problems[0]) == f"expected a readable file, got: {reason}"


def test_an_endless_file_is_refused() -> None:
    with pytest.raises(ManifestError, match="expected at most 67108864 bytes, got more"):
        load_manifest(Path("/dev/zero"))
