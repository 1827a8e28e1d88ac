"""What follows from desired jobs and the entries that are there: pure functions for every backend.

A backend shows what is there as a Snapshot and gives `express`, which writes a desired job in the
scheduler's own terms. Both sides are then entries, and entries are compared by all they hold but
their location: hash, schedule and command, index by index.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from transportlab import model
from transportlab.errors import RpcError, invalid_argument
from transportlab.model import Entry, Op, OpKind

MAX_SCHEDULES = 64
"""Schedules of one job, as in the manifest; so 63 is the highest index of an entry."""

MAX_NAME = 63
MAX_HASH = 64

_NAME_CHARS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")
_HEX = frozenset("0123456789abcdef")

Express = Callable[[str, model.DesiredJob, str], tuple[Entry, ...]]
"""From app, desired job and its path in the request to entries, one per schedule.

Raises INVALID_ARGUMENT with <path>/job/schedules/<i> for what the scheduler cannot express.
"""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is there, in the scheduler's own terms.

    owned: marked entries by app, job and index, copies of one in the order in which they stand.
    candidates: unmarked entries that run exactly cronix's command, with an empty hash.
    dead: those of owned that never run, because somebody commented them out or broke them.
    """

    owned: tuple[Entry, ...] = ()
    malformed: tuple[model.MalformedMarker, ...] = ()
    candidates: tuple[Entry, ...] = ()
    dead: frozenset[Entry] = frozenset()


def is_name(text: str) -> bool:
    """Whether the text is a name as apps and jobs have it: [a-z][a-z0-9-]{0,62}."""
    return 0 < len(text) <= MAX_NAME and "a" <= text[0] <= "z" and _NAME_CHARS.issuperset(text)


def is_hash(text: str) -> bool:
    """Whether the text is 1 to 64 lower-case hex digits."""
    return 0 < len(text) <= MAX_HASH and _HEX.issuperset(text)


def order(entry: Entry) -> tuple[str, str, int]:
    """The key by which entries are sorted."""
    return entry.app, entry.job, entry.index


def content(entry: Entry) -> tuple[str, str, int, str, str, str]:
    """What an entry is, without where it stands."""
    return entry.app, entry.job, entry.index, entry.hash, entry.schedule, entry.command


def same(left: Iterable[Entry], right: Iterable[Entry]) -> bool:
    """Whether both hold entries of equal content in the same order."""
    return list(map(content, left)) == list(map(content, right))


def by_job(entries: Iterable[Entry], app: str) -> dict[str, tuple[Entry, ...]]:
    """The entries of one app by job, in the order given."""
    jobs: dict[str, list[Entry]] = {}
    for entry in entries:
        if entry.app == app:
            jobs.setdefault(entry.job, []).append(entry)
    return {job: tuple(found) for job, found in jobs.items()}


def state_digest(entries: Iterable[Entry], app: str) -> str:
    """SHA-256, in hex, over content and order of the app's entries (P-PLAN)."""
    from hashlib import sha256  # loads OpenSSL, which only Plan and Apply need

    state = sha256()
    for entry in entries:
        if entry.app == app:
            for part in content(entry):
                data = str(part).encode()
                state.update(b"%d:%b" % (len(data), data))
    return state.hexdigest()


def check_app(app: str, path: str = "app") -> None:
    """Raise INVALID_ARGUMENT unless app is a name."""
    if not is_name(app):
        raise _not_a_name(path, app)


def checked_express(
    express: Express, app: str, desired: model.DesiredJob, path: str
) -> tuple[Entry, ...]:
    """The desired job's entries; INVALID_ARGUMENT for one that does not keep to the contract."""
    schedules, hashes = desired.job.schedules, desired.hashes
    if not is_name(desired.job.name):
        raise _not_a_name(f"{path}/job/name", desired.job.name)
    if not 0 < len(schedules) <= MAX_SCHEDULES:
        raise invalid_argument(
            f"{path}/job/schedules",
            f"{len(schedules)} schedules; a job has 1 to {MAX_SCHEDULES}",
            reason="SCHEDULE_COUNT",
            expected=f"1 to {MAX_SCHEDULES}",
            got=str(len(schedules)),
        )
    _check_hashes(hashes, len(schedules), f"{path}/hashes")
    return express(app, desired, path)


def _check_hashes(hashes: Sequence[str], schedules: int, path: str) -> None:
    if len(hashes) != schedules:
        raise invalid_argument(
            path,
            f"{len(hashes)} hashes for {schedules} schedules",
            reason="HASH_COUNT",
            expected=str(schedules),
            got=str(len(hashes)),
        )
    for index, digest in enumerate(hashes):
        if not is_hash(digest):
            raise invalid_argument(
                f"{path}/{index}",
                f'"{digest}" is not a hash',
                reason="INVALID_HASH",
                expected="1 to 64 lower-case hex digits",
                got=digest,
            )


def _not_a_name(path: str, got: str) -> RpcError:
    expected = "[a-z][a-z0-9-]{0,62}"
    problem = f'"{got}" is not a name ({expected})'
    return invalid_argument(path, problem, reason="INVALID_NAME", expected=expected, got=got)


def desired_entries(
    app: str, jobs: Sequence[model.DesiredJob], express: Express
) -> dict[str, tuple[Entry, ...]]:
    """The entries of all desired jobs, by job; INVALID_ARGUMENT also for a job given twice."""
    entries: dict[str, tuple[Entry, ...]] = {}
    if jobs:
        check_app(app)
    for position, desired in enumerate(jobs):
        name = desired.job.name
        if name in entries:
            raise invalid_argument(
                f"jobs/{position}/job/name",
                f'job "{name}" is there twice',
                reason="DUPLICATE_JOB",
                got=name,
            )
        entries[name] = checked_express(express, app, desired, f"jobs/{position}")
    return entries


def plan(request: model.PlanRequest, snapshot: Snapshot, express: Express) -> model.PlanReply:
    """The ops that make the app's entries those of the desired jobs (P-PLAN)."""
    if not request.jobs and not request.allow_empty:
        raise _empty("jobs", "EMPTY_DESIRED", "no job is desired")
    wanted = desired_entries(request.app, request.jobs, express)
    present = by_job(snapshot.owned, request.app)
    ops = [Op(OpKind.DELETE, job, present[job]) for job in present if job not in wanted]
    for desired in request.jobs:
        job = desired.job.name
        ops.append(_op(desired, present.get(job, ()), wanted[job]))
    ops.sort(key=lambda op: (_OP_ORDER[op.kind], op.job))
    return model.PlanReply(request.app, tuple(ops), state_digest(snapshot.owned, request.app))


_OP_ORDER = {kind: position for position, kind in enumerate(OpKind)}


def _op(desired: model.DesiredJob, before: tuple[Entry, ...], after: tuple[Entry, ...]) -> Op:
    if same(before, after):
        return Op(OpKind.SKIP, desired.job.name)
    kind = OpKind.UPDATE if before else OpKind.CREATE
    return Op(kind, desired.job.name, before, after, desired)


def _empty(path: str, reason: str, problem: str) -> RpcError:
    problem = (
        f"{problem}, which would remove every entry of the app; allow_empty says so on purpose"
    )
    return invalid_argument(path, problem, reason=reason, expected="at least one, or allow_empty")


def select_prune(request: model.PruneRequest, snapshot: Snapshot) -> tuple[Entry, ...]:
    """The app's entries whose job is not to be kept (P-PRUNE)."""
    if not request.keep and not request.allow_empty:
        raise _empty("keep", "EMPTY_KEEP", "no job is to be kept")
    keep = frozenset(request.keep)
    return tuple(e for e in snapshot.owned if e.app == request.app and e.job not in keep)


def primaries(wanted: Iterable[Entry], actual: Iterable[Entry]) -> dict[int, Entry]:
    """Of one job's entries the one that counts per index: the one as wanted, else the first."""
    right = {entry.index: content(entry) for entry in wanted}
    chosen: dict[int, Entry] = {}
    for entry in actual:
        first = chosen.setdefault(entry.index, entry)
        if content(first) != right.get(entry.index) == content(entry):
            chosen[entry.index] = entry
    return chosen


def drift(request: model.DriftRequest, snapshot: Snapshot, express: Express) -> model.DriftReply:
    """Every departure of the app's entries from the desired jobs, by job and index (P-DRIFT)."""
    wanted = desired_entries(request.app, request.jobs, express)
    present = by_job(snapshot.owned, request.app)
    items: list[model.DriftItem] = []
    for job in sorted(wanted.keys() | present.keys()):
        items += _job_drift(wanted.get(job, ()), present.get(job, ()))
    return model.DriftReply(tuple(items))


def _job_drift(wanted: tuple[Entry, ...], actual: tuple[Entry, ...]) -> list[model.DriftItem]:
    chosen = primaries(wanted, actual)
    items: list[model.DriftItem] = []
    for entry in wanted:
        found = chosen.get(entry.index)
        if found is None:
            items.append(_departure(model.DriftKind.MISSING, entry, entry, None))
        elif content(found) != content(entry):
            items.append(_departure(model.DriftKind.MODIFIED, entry, entry, found))
    counted = {id(chosen[entry.index]) for entry in wanted if entry.index in chosen}
    orphans = (entry for entry in actual if id(entry) not in counted)
    items += [_departure(model.DriftKind.ORPHAN, entry, None, entry) for entry in orphans]
    return sorted(items, key=lambda item: item.index)


def _departure(
    kind: model.DriftKind, entry: Entry, expected: Entry | None, actual: Entry | None
) -> model.DriftItem:
    return model.DriftItem(kind, entry.app, entry.job, entry.index, expected, actual)
