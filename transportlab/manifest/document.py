"""Reads manifests, version 1: the jobs of an app as cronix's users write them.

A manifest is read, checked whole and normalised in one step: jobs are sorted by name, a `schedule`
becomes `schedules`, defaults are filled in. The rules are data: _MANIFEST, at the end, and its
parts. reading.py says how such rules work, validators.py and cron.py what single strings must be.

It is stricter than cronix. No member may be `null`; names of members must have the right case (Go's
decoder ignores it); the time zone must exist; HTTP must be able to carry the headers; seconds must
fit the contract's int32; and min <= max of the retries must hold with the defaults too. As in
cronix, `secret_refs: []` is an error, although canonical_bytes writes it for a job without secrets:
those bytes are for hashing and comparing, not for reading again.
"""

import functools
from collections.abc import Mapping
from operator import attrgetter
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from transportlab.errors import MAX_MESSAGE_BYTES, ManifestError, Problem
from transportlab.manifest import cron, strict_json, validators
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
    MAX_SCHEDULES,
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
MAX_SECRET_REFS = 8
MAX_SUMS = 64
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
MAX_SECONDS = 2**31 - 1
"""Upper bound of seconds that have no other: the contract's integers are int32 (P-CODEC-2)."""

DEFAULT_RETRIES = Retries(max_attempts=3, min_seconds=1, max_seconds=60)
DEFAULT_POLICY = Policy(Concurrency.FORBID, ConcurrencyScope.HOST, 60, DEFAULT_RETRIES)
DEFAULT_REQUEST = HttpRequest(method="POST")
DEFAULT_JOB = Job(timezone="UTC", policy=DEFAULT_POLICY)


class Manifest(msgspec.Struct, frozen=True):
    """A valid, normalised manifest.

    plugins: pins by the plugin's name. cronix's own manifest does not have this block.
    """

    version: int
    app: str
    jobs: tuple[Job, ...]
    plugins: Mapping[str, PluginPin] = msgspec.field(default_factory=dict)


def load_manifest(path: Path) -> Manifest:
    """The manifest in a file. Raises ManifestError, also if the file cannot be read."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_MESSAGE_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL
        reason = error.strerror if isinstance(error, OSError) else str(error)
        problem = Problem("", f"expected a readable file, got: {reason}")
        raise ManifestError(str(path), (problem,)) from error
    return parse_manifest(data, str(path))


def parse_manifest(data: bytes, source: str) -> Manifest:
    """The manifest in a JSON text. source is its name in messages, such as a file's path.

    Raises ManifestError with the problems in document order: the first 20, and the number of the
    rest. A text that is not JSON has one: its first.
    """
    value = strict_json.parse(data, source)
    report = Report()
    manifest: Manifest = _MANIFEST(value, "", report)
    if report.problems:
        raise ManifestError(source, report.problems, report.more)
    return manifest


def canonical_bytes(manifest: Manifest) -> bytes:
    r"""Compact JSON of version, app and jobs, byte for byte as Go's encoder writes it.

    The plugins block is left out: cronix does not know it, and must get the same bytes. \b and \f
    are the short escapes that Go writes since 1.22, the oldest version that cronix is built with.
    """
    data = _ENCODER.encode(_Canonical(manifest.version, manifest.app, manifest.jobs))
    for character, escape in _GO_ESCAPES.items():
        data = data.replace(character, escape)
    return data


class _Canonical(msgspec.Struct, frozen=True):
    version: int
    app: str
    jobs: tuple[Job, ...]


# Deterministic: headers are sorted by key, members of structs stay as they are declared.
_ENCODER = msgspec.json.Encoder(order="deterministic")
# JSON has these bytes only inside strings, so replacing them changes nothing else.
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
    if low is None or high is None or low <= high:  # None: that member is reported already
        return None
    return f"expected min_seconds <= max_seconds, got {low} > {high} (defaults counted)"


_REQUEST = record(
    functools.partial(replace, DEFAULT_REQUEST),
    {
        "method": word(METHODS),
        "url": text(validators.url_problem),
        "headers": mapping(validators.header_name_problem, text(validators.header_value_problem)),
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
_AUTH = record(
    Auth, {"secret_refs": array(text(validators.secret_ref_problem), 1, MAX_SECRET_REFS)}
)
_SCHEDULE = text(cron.schedule_problem, cron.trim)
_JOB = record(
    _job,
    {
        "name": unique(text(validators.name_problem), "job name"),
        "schedule": _SCHEDULE,
        "schedules": array(_SCHEDULE, 1, MAX_SCHEDULES),
        "timezone": text(validators.timezone_problem),
        "request": _REQUEST,
        "policy": _POLICY,
        "auth": _AUTH,
    },
    required=("name", "request"),
    check=_one_of_two,
)
_PLUGINS = mapping(
    validators.name_problem,
    record(
        PluginPin,
        {"sha256": one_or_several(text(validators.sha256_problem), MAX_SUMS)},
        required=("sha256",),
    ),
)
_MANIFEST = record(
    _manifest,
    {
        "version": integer(VERSION, VERSION),
        "app": text(validators.name_problem),
        "jobs": array(_JOB, 1, MAX_JOBS),
        "plugins": _PLUGINS,
    },
    required=("version", "app", "jobs"),
)
