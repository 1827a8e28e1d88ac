"""The manifest: the jobs of an app as cronix's users write them, version 1.

A manifest is read, checked whole and normalised in one step: jobs sorted by name, one `schedule`
made `schedules`, defaults filled in. The rules are data (_MANIFEST and what it is made of).
Schedules have a module of their own, and so have the hashes.

Stricter than cronix: `null` is no value of any member, member names are matched to the letter
(Go's decoder ignores case), the time zone has to exist, headers must be such that HTTP can carry
them, seconds fit the contract's int32, and the retries' min <= max holds with the defaults too.
As in cronix, `secret_refs: []` is an error although the canonical bytes of a job without secrets
have it: those bytes are for hashing and comparing, and are not a manifest to be read again.
"""

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from operator import attrgetter
from pathlib import Path
from typing import Any

import msgspec

from transportlab.errors import MAX_MESSAGE_BYTES, ManifestError, Problem
from transportlab.manifest import cron as schedule
from transportlab.manifest import strict_json as strictjson
from transportlab.manifest import validators as fields
from transportlab.manifest.pin import PluginPin
from transportlab.manifest.reading import (
    Report,
    array,
    integer,
    mapping,
    one_or_several,
    record,
    text,
    unique,
    word,
)
from transportlab.model import (
    Auth,
    Concurrency,
    ConcurrencyScope,
    HttpRequest,
    Job,
    Policy,
    Retries,
)

VERSION = 1
MAX_JOBS = 256
MAX_SCHEDULES = 64
MAX_SECRET_REFS = 8
MAX_SUMS = 64
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
MAX_SECONDS = 2**31 - 1
"""Bound of seconds that have no other: the contract's integers are int32 (P-CODEC-2)."""

DEFAULT_RETRIES = Retries(max_attempts=3, min_seconds=1, max_seconds=60)
DEFAULT_POLICY = Policy(Concurrency.FORBID, ConcurrencyScope.HOST, 60, DEFAULT_RETRIES)
DEFAULT_REQUEST = HttpRequest(method="POST")
DEFAULT_JOB = Job(timezone="UTC", policy=DEFAULT_POLICY)


@dataclass(frozen=True, slots=True)
class Manifest:
    """A valid, normalised manifest; plugins is the lab's addition, by the plugin's name."""

    version: int
    app: str
    jobs: tuple[Job, ...]
    plugins: Mapping[str, PluginPin] = field(default_factory=dict)


def load_manifest(path: Path) -> Manifest:
    """The manifest in a file. Raises ManifestError, also when the file cannot be read."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_MESSAGE_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL
        reason = error.strerror if isinstance(error, OSError) else str(error)
        problem = Problem("", f"expected a readable file, got: {reason}")
        raise ManifestError(str(path), (problem,)) from error
    return parse_manifest(data, str(path))


def parse_manifest(data: bytes, source: str) -> Manifest:
    """The manifest in a JSON text; source is what messages call it (a file's name).

    Raises ManifestError with every problem in document order, or with the first one where the
    text is no JSON.
    """
    value = strictjson.parse(data, source)
    report = Report()
    manifest: Manifest = _MANIFEST(value, "", report)
    if report.problems:
        raise ManifestError(source, report.problems)
    return manifest


def canonical_bytes(manifest: Manifest) -> bytes:
    r"""Compact JSON of version, app and jobs, as Go's encoder writes them; plugins are no part.

    With and without a plugins block the same jobs are the same bytes, so that cronix, which does
    not know the block, computes them too. \b and \f are the short escapes of Go 1.22 and later,
    the least that cronix is built with; before, they were \u0008 and \u000c.
    """
    data = _ENCODER.encode(_Canonical(manifest.version, manifest.app, manifest.jobs))
    for character, escape in _GO_ESCAPES.items():
        data = data.replace(character, escape)
    return data


@dataclass(frozen=True, slots=True)
class _Canonical:
    version: int
    app: str
    jobs: tuple[Job, ...]


# Deterministic: mappings (headers) by key, and members of dataclasses as they are declared.
_ENCODER = msgspec.json.Encoder(order="deterministic")
# Bytes that JSON has inside strings only, so that replacing them touches nothing else.
_GO_ESCAPES = {c.encode(): f"\\u{ord(c):04x}".encode() for c in "<>&\u2028\u2029"}


def _manifest(*, jobs: tuple[Job, ...], **members: Any) -> Manifest:
    return Manifest(jobs=tuple(sorted(jobs, key=attrgetter("name"))), **members)


def _job(*, schedule: str | None = None, **members: Any) -> Job:
    if schedule is not None:
        members["schedules"] = (schedule,)
    return replace(DEFAULT_JOB, **members)


def _one_of_two(found: Mapping[str, Any]) -> str | None:
    names = [name for name in ("schedule", "schedules") if name in found]
    if len(names) == 1:
        return None
    return f'expected "schedule" or "schedules", got {"both" if names else "neither"}'


def _min_up_to_max(found: Mapping[str, Any]) -> str | None:
    low = found.get("min_seconds", DEFAULT_RETRIES.min_seconds)
    high = found.get("max_seconds", DEFAULT_RETRIES.max_seconds)
    if low is None or high is None or low <= high:  # None: reported already
        return None
    return f"expected min_seconds <= max_seconds, got {low} > {high} (defaults counted)"


_REQUEST = record(
    functools.partial(replace, DEFAULT_REQUEST),
    {
        "method": word(METHODS),
        "url": text(fields.url_problem),
        "headers": mapping(fields.header_name_problem, text(fields.header_value_problem)),
        "body": text(),
    },
    required=("url",),
)
_RETRIES = record(
    functools.partial(replace, DEFAULT_RETRIES),
    {
        "max_attempts": integer(1, 10),
        "min_seconds": integer(0, MAX_SECONDS),
        "max_seconds": integer(1, MAX_SECONDS),
    },
    check=_min_up_to_max,
)
_POLICY = record(
    functools.partial(replace, DEFAULT_POLICY),
    {
        "concurrency": word([item.value for item in Concurrency], Concurrency),
        "concurrency_scope": word([item.value for item in ConcurrencyScope], ConcurrencyScope),
        "timeout_seconds": integer(1, 600),
        "retries": _RETRIES,
    },
)
_AUTH = record(Auth, {"secret_refs": array(text(fields.secret_ref_problem), 1, MAX_SECRET_REFS)})
_SCHEDULE = text(schedule.find_problem, schedule.trim)
_JOB = record(
    _job,
    {
        "name": unique(text(fields.name_problem), "job name"),
        "schedule": _SCHEDULE,
        "schedules": array(_SCHEDULE, 1, MAX_SCHEDULES),
        "timezone": text(fields.timezone_problem),
        "request": _REQUEST,
        "policy": _POLICY,
        "auth": _AUTH,
    },
    required=("name", "request"),
    check=_one_of_two,
)
_PLUGINS = mapping(
    fields.name_problem,
    record(
        PluginPin,
        {"sha256": one_or_several(text(fields.sha256_problem), MAX_SUMS)},
        required=("sha256",),
    ),
)
_MANIFEST = record(
    _manifest,
    {
        "version": integer(VERSION, VERSION),
        "app": text(fields.name_problem),
        "jobs": array(_JOB, 1, MAX_JOBS),
        "plugins": _PLUGINS,
    },
    required=("version", "app", "jobs"),
)
