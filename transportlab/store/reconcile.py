"""The decisions of Plan, Drift and Prune: pure functions of what is desired and what is there.

They read nothing and write nothing; operations.py calls them and apply.py carries plans out.

Theory of operation. Users want jobs, schedulers hold entries, and the two cannot be compared: a job
with three schedules is three entries, and `@hourly` is `0 * * * *` in a crontab. So the store first
expresses each desired job as the entries that it would write (Store.express). From then on both
sides are entries of the same scheduler.

Entries are compared by their content: app, job, index, hash, schedule and command. The hash alone
would not do, because it only says what an entry was made from: whoever edits or comments out the
line above an intact mark leaves the hash as it was. The location is not part of the content: it
changes when a line is added above, which is nobody's change to the entry.

A job is the unit of a plan. Its entries are compared as a whole, in the order of their indexes, and
an op replaces all of them. Drift and VerifyOwnership report single entries instead. There each
index has one entry that counts; the other entries of that index are copies (see primaries).

Every list has one order, so that equal states give equal replies: entries by app, job and index,
the copies of one index in the order in which they stand; ops by kind (deletes, updates, creates,
skips), then by job (P-PLAN-3).

A plan carries a digest of the state that it was made from: the content of all owned entries of the
app, in their order. Apply compares it with the digest of the state that it finds. Entries of other
apps, entries without a mark and locations are left out, so their changes do not outdate a plan.
"""

from collections.abc import Iterable, Iterator, Sequence

from transportlab import model
from transportlab.errors import RpcError, invalid_argument
from transportlab.model import MAX_SCHEDULES, Entry, Op, OpKind, StoreWarning
from transportlab.store.base import Express, Meaning, Snapshot, by_job, is_hash, is_name

_OP_ORDER = {kind: position for position, kind in enumerate(OpKind)}
"""OpKind declares its members in the order of P-PLAN-3."""


def content(entry: Entry, meaning: Meaning) -> tuple[str, str, int, str, str, str]:
    """What entries are compared by: all members but the location; `str` compares to the letter."""
    schedule = meaning(entry.schedule)
    return entry.app, entry.job, entry.index, entry.hash, schedule, entry.command


def same(left: Sequence[Entry], right: Sequence[Entry], meaning: Meaning) -> bool:
    """Whether both hold entries of equal content, in the same order."""
    return len(left) == len(right) and all(
        content(one, str) == content(other, str) or content(one, meaning) == content(other, meaning)
        for one, other in zip(left, right, strict=True)
    )


def state_digest(entries: Iterable[Entry], app: str, meaning: Meaning) -> str:
    """SHA-256 in hex of the content of the app's entries, in the order given (P-PLAN-5)."""
    from hashlib import sha256  # loads OpenSSL, which only Plan and Apply need

    state = sha256()
    for entry in entries:
        if entry.app == app:
            for part in content(entry, meaning):
                # With its length before it, no part can be taken for the end of another.
                data = str(part).encode()
                state.update(b"%d:%b" % (len(data), data))
    return state.hexdigest()


def check_app(app: str, path: str = "app") -> None:
    """Raise INVALID_ARGUMENT, with this path, unless app is a name."""
    if not is_name(app):
        raise _not_a_name(path, app)


def checked_express(
    express: Express, app: str, desired: model.DesiredJob, path: str
) -> tuple[Entry, ...]:
    """The entries of one desired job, checked (P-PLAN-2). path is the job's place in the request.

    Raises INVALID_ARGUMENT with the path of the member that is wrong.
    """
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
    """The entries of all desired jobs, by job's name, checked (P-PLAN-2).

    Raises INVALID_ARGUMENT with the path of the member that is wrong, also for a job given twice.
    """
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
    """The ops that turn the app's entries into those of the desired jobs (P-PLAN).

    Raises INVALID_ARGUMENT for a job as desired_entries does, and for no job (P-PLAN-6).
    """
    if not request.jobs and not request.allow_empty:
        raise _empty("jobs", "EMPTY_DESIRED", "no job is desired")
    wanted = desired_entries(request.app, request.jobs, express)
    present = by_job(snapshot.owned, request.app)
    ops = [Op(OpKind.DELETE, job, present[job]) for job in present if job not in wanted]
    for desired in request.jobs:
        job = desired.job.name
        ops.append(_op(desired, present.get(job, ()), wanted[job], snapshot.meaning))
    ops.sort(key=lambda op: (_OP_ORDER[op.kind], op.job))
    digest = state_digest(snapshot.owned, request.app, snapshot.meaning)
    warnings = (
        *_unmanaged(request.app, wanted, snapshot),
        *_refused(ops, snapshot),
        *concerns(request.app, request.jobs, snapshot),
    )
    return model.PlanReply(request.app, tuple(ops), digest, warnings)


def concerns(
    app: str, jobs: Sequence[model.DesiredJob], snapshot: Snapshot
) -> tuple[StoreWarning, ...]:
    """What keeps the store and these jobs from running as desired, each once (P-PLAN-7)."""
    judged = (warning for desired in jobs for warning in snapshot.judge(app, desired))
    return tuple(dict.fromkeys((*snapshot.warnings, *judged)))


def _unmanaged(
    app: str, wanted: dict[str, tuple[Entry, ...]], snapshot: Snapshot
) -> Iterator[StoreWarning]:
    """A warning for each entry that runs a job of the app without a mark (P-PLAN-7)."""
    for entry in snapshot.unmarked(app):
        line = f"{entry.schedule} {entry.command}"
        if entry.job in wanted:
            problem = f'"{line}" carries no mark and runs {app}.{entry.job} as well: it runs twice'
            action = "adopt the entry, or remove it"
        else:
            problem = f'"{line}" carries no mark and runs {app}.{entry.job}, which is not desired'
            action = "remove the entry, or put its job into the manifest"
        reason = "RUNS_TWICE" if entry.job in wanted else "NOT_MANAGED"
        yield StoreWarning(reason, entry.job, entry.location, problem, action)


def _refused(ops: Sequence[Op], snapshot: Snapshot) -> Iterator[StoreWarning]:
    """A warning if Apply would refuse one of these ops."""
    changes = [(op.before, op.after, op.desired) for op in ops if op.kind is not OpKind.SKIP]
    try:
        if changes:
            snapshot.check_changes(changes)
    except RpcError as error:
        details = error.details
        yield StoreWarning(
            details.reason, "", details.path, f"Apply will refuse: {error.message}", details.action
        )


def _op(
    desired: model.DesiredJob,
    before: tuple[Entry, ...],
    after: tuple[Entry, ...],
    meaning: Meaning,
) -> Op:
    if same(before, after, meaning):
        return Op(OpKind.SKIP, desired.job.name)
    kind = OpKind.UPDATE if before else OpKind.CREATE
    return Op(kind, desired.job.name, before, after, desired)


def _empty(path: str, reason: str, problem: str) -> RpcError:
    problem = (
        f"{problem}, which would remove every entry of the app; allow_empty says so on purpose"
    )
    return invalid_argument(path, problem, reason=reason, expected="at least one, or allow_empty")


def select_prune(request: model.PruneRequest, snapshot: Snapshot) -> tuple[Entry, ...]:
    """The app's entries whose job is not to be kept (P-PRUNE).

    Raises INVALID_ARGUMENT where nothing is to be kept and the request does not allow it, and what
    the store says of entries that it would not remove.
    """
    if not request.keep and not request.allow_empty:
        raise _empty("keep", "EMPTY_KEEP", "no job is to be kept")
    keep = frozenset(request.keep)
    gone = tuple(e for e in snapshot.owned if e.app == request.app and e.job not in keep)
    if gone:
        snapshot.check_changes([(gone, (), None)])
    return gone


def primaries(
    wanted: Iterable[Entry], actual: Iterable[Entry], meaning: Meaning
) -> dict[int, Entry]:
    """The entry of one job that counts for each index: the one as wanted, else the first.

    Several entries have one index where somebody has copied a mark. The others are orphans for
    Drift, duplicates for VerifyOwnership (P-DRIFT-2, P-VERIFY-1).
    """
    right = {entry.index: content(entry, meaning) for entry in wanted}
    chosen: dict[int, Entry] = {}
    for entry in actual:
        first = chosen.setdefault(entry.index, entry)
        if content(first, meaning) != right.get(entry.index) == content(entry, meaning):
            chosen[entry.index] = entry
    return chosen


def drift(request: model.DriftRequest, snapshot: Snapshot, express: Express) -> model.DriftReply:
    """Every difference of the app's entries from the desired jobs, by job and index (P-DRIFT).

    The entries that run a job without a mark come last among those of their job.

    Raises INVALID_ARGUMENT for a job as desired_entries does.
    """
    wanted = desired_entries(request.app, request.jobs, express)
    present = by_job(snapshot.owned, request.app)
    items: list[model.DriftItem] = []
    foreign = by_job(snapshot.unmarked(request.app), request.app)
    for job in sorted(wanted.keys() | present.keys() | foreign.keys()):
        items += _job_drift(wanted.get(job, ()), present.get(job, ()), snapshot.meaning)
        items += [
            _drifted(model.DriftKind.FOREIGN, entry, None, entry) for entry in foreign.get(job, ())
        ]
    return model.DriftReply(tuple(items))


def _job_drift(
    wanted: tuple[Entry, ...], actual: tuple[Entry, ...], meaning: Meaning
) -> list[model.DriftItem]:
    chosen = primaries(wanted, actual, meaning)
    items: list[model.DriftItem] = []
    for entry in wanted:
        found = chosen.get(entry.index)
        if found is None:
            items.append(_drifted(model.DriftKind.MISSING, entry, entry, None))
        elif content(found, meaning) != content(entry, meaning):
            items.append(_drifted(model.DriftKind.MODIFIED, entry, entry, found))
    # By identity: an orphan may be equal to the entry that counts, location included.
    counted = {id(chosen[entry.index]) for entry in wanted if entry.index in chosen}
    orphans = (entry for entry in actual if id(entry) not in counted)
    items += [_drifted(model.DriftKind.ORPHAN, entry, None, entry) for entry in orphans]
    return sorted(items, key=lambda item: item.index)


def _drifted(
    kind: model.DriftKind, entry: Entry, expected: Entry | None, actual: Entry | None
) -> model.DriftItem:
    return model.DriftItem(kind, entry.app, entry.job, entry.index, expected, actual)
