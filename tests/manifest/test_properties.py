"""Manifests that nobody wrote: whatever comes, it is a manifest or a ManifestError."""

import copy
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transportlab.errors import ManifestError
from transportlab.manifest.document import (
    METHODS,
    Manifest,
    canonical_bytes,
    load_manifest,
    parse_manifest,
)

SAMPLES = sorted((Path(__file__).parents[2] / "spec" / "manifests").glob("*.json"))
FULL_JOB: dict[str, Any] = {
    "name": "a",
    "schedules": ["@daily", " 0 1 * * * "],
    "timezone": "Europe/Paris",
    "request": {
        "method": "PUT",
        "url": "https://shop.internal/a",
        "headers": {"X-B": "2", "A": "1"},
        "body": "text",
    },
    "policy": {
        "concurrency": "Replace",
        "concurrency_scope": "global",
        "timeout_seconds": 600,
        "retries": {"max_attempts": 10, "min_seconds": 0, "max_seconds": 1},
    },
    "auth": {"secret_refs": ["B", "A"]},
}
FULL: dict[str, Any] = {"version": 1, "app": "shop", "jobs": [FULL_JOB], "plugins": {}}


def parse(value: object) -> Manifest:
    return parse_manifest(json.dumps(value).encode(), "m.json")


def changed(path: str, value: object) -> dict[str, Any]:
    """The full manifest with one member set."""
    document = copy.deepcopy(FULL)
    *steps, last = path.split("/")
    place: Any = document
    for step in steps:
        place = place[int(step) if isinstance(place, list) else step]
    place[int(last) if isinstance(place, list) else last] = value
    return document


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
PATHS = ["version", "app", "jobs", "jobs/0", "plugins", "plugins/cron", "x"]
PATHS += [f"jobs/0/{name}" for name in FULL_JOB]
PATHS += [
    f"jobs/0/{part}/{name}" for part in ("request", "policy", "auth") for name in FULL_JOB[part]
]


@given(st.sampled_from(PATHS), JSON)
def test_any_value_anywhere_is_read_or_reported_with_a_path(path: str, value: object) -> None:
    document = changed(path, value)
    try:
        parse(document)
    except ManifestError as error:
        lines = [str(problem) for problem in error.problems]
    else:
        return
    assert lines
    assert all(line.isprintable() for line in lines)
    assert all(line.startswith(path.split("/", maxsplit=1)[0]) for line in lines)


@given(st.binary())
def test_arbitrary_bytes_raise_nothing_but_a_manifest_error(data: bytes) -> None:
    with pytest.raises(ManifestError):
        parse_manifest(data, "m.json")


def by_the_standard_library(manifest: Manifest) -> bytes:
    """The canonical bytes a second way."""
    value = {
        "version": 1,
        "app": manifest.app,
        "jobs": msgspec.to_builtins(manifest.jobs),
    }
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return "".join(f"\\u{ord(c):04x}" if c in "<>&\u2028\u2029" else c for c in text).encode()


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_a_second_encoder_makes_the_same_bytes_of_each_sample(path: Path) -> None:
    manifest = load_manifest(path)
    assert canonical_bytes(manifest) == by_the_standard_library(manifest)


NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,62}", fullmatch=True)
SCHEDULES = st.sampled_from(["@daily", "@every 5m", " */5 * * * * ", "0 9 1-7 jan MON"])
HEADERS = st.dictionaries(
    st.from_regex(r"[!#-'*+.^-z|~-]+", fullmatch=True).filter(str.isascii),
    st.text(st.characters(exclude_categories=["Cs", "Cc"])),
)
REQUESTS = st.fixed_dictionaries(
    {"url": st.sampled_from(["https://h", "http://h/?a=<1>&b=é"])},
    optional={"method": st.sampled_from(METHODS), "headers": HEADERS, "body": st.text()},
)
REFS = st.lists(st.from_regex(r"[a-zA-Z][a-zA-Z0-9_:./-]{0,127}", fullmatch=True), min_size=1)
JOBS = st.fixed_dictionaries(
    {
        "name": NAMES,
        "schedules": st.lists(SCHEDULES, min_size=1, max_size=4),
        "request": REQUESTS,
        "auth": st.fixed_dictionaries({"secret_refs": REFS.map(lambda refs: refs[:8])}),
    },
    optional={
        "timezone": st.sampled_from(["UTC", "Asia/Tokyo"]),
        "policy": st.fixed_dictionaries({}, optional={"timeout_seconds": st.integers(1, 600)}),
    },
)
MANIFESTS = st.fixed_dictionaries(
    {
        "version": st.just(1),
        "app": NAMES,
        "jobs": st.lists(JOBS, min_size=1, max_size=4, unique_by=lambda job: str(job["name"])),
    }
)


@given(MANIFESTS)
def test_canonical_bytes_are_stable_when_read_again(value: object) -> None:
    manifest = parse(value)
    data = canonical_bytes(manifest)
    assert data == by_the_standard_library(manifest)
    assert parse_manifest(data, "canonical") == manifest
    assert canonical_bytes(parse_manifest(data, "canonical")) == data
