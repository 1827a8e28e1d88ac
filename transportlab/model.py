"""The messages of the contract as frozen structs, without any wire library.

spec/plugin/backend.proto is the same contract in protobuf; a test compares the two field by field.
The names of an enum's members are those of the .proto without their prefix; its values are the
words of the manifest and of JSON. Integers are int32. A member that is absent on the wire has the
default given here, with every codec: protobuf's zero, and for an enum the member named here. (The
defaults of a manifest are others; manifest/document.py has them.) spec/PROTOCOL.md says what the
messages mean, and the docstrings are also the descriptions in the OpenAPI and OpenRPC documents.
"""

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from transportlab.quote import repr_without

MAX_SCHEDULES = 64
"""Most schedules of one job (P-PLAN-2); so the highest index of an entry is 63."""


INT32_MIN, INT32_MAX = -(2**31), 2**31 - 1
"""Bounds of all integers (P-CODEC-2)."""


class Word(StrEnum):
    """An enum whose members are words. Their hash is the word's: Enum's own is Python code."""

    __hash__ = str.__hash__


class Concurrency(Word):
    """What happens when a run is due while the previous one still runs."""

    ALLOW = "Allow"
    FORBID = "Forbid"
    REPLACE = "Replace"


class ConcurrencyScope(Word):
    """Whether runs exclude each other on one host or everywhere."""

    HOST = "host"
    GLOBAL = "global"


class OpKind(Word):
    """What an op of a plan does to one job's entries."""

    DELETE = "delete"
    UPDATE = "update"
    CREATE = "create"
    SKIP = "skip"


class ApplyEventKind(Word):
    """The steps of an Apply, as its stream reports them."""

    STARTED = "started"
    DONE = "done"
    FINISHED = "finished"


class DriftKind(Word):
    """How an entry differs from what is desired."""

    MISSING = "missing"
    MODIFIED = "modified"
    ORPHAN = "orphan"
    FOREIGN = "foreign"


class AdoptOutcome(Word):
    """How an Adopt ended."""

    ADOPTED = "adopted"
    ALREADY_MANAGED = "already_managed"
    DIVERGED = "diverged"
    NOT_FOUND = "not_found"


class Verdict(Word):
    """What VerifyOwnership finds of an entry."""

    OWNED = "owned"
    TAMPERED = "tampered"
    ABANDONED = "abandoned"
    DUPLICATE = "duplicate"
    FOREIGN = "foreign"


class Message(msgspec.Struct, frozen=True, gc=False):
    """The base of all messages.

    Nothing in a message refers back to it, so the garbage collector need not look at it; a reply
    may hold a million.
    """


class HttpRequest(Message, frozen=True):
    """The HTTP request that a job makes."""

    method: str = ""
    url: str = ""
    headers: Mapping[str, str] = msgspec.field(default_factory=dict)
    body: str = ""


class Retries(Message, frozen=True):
    """How often a failed run is tried again, and the bounds of the wait before that, in seconds."""

    max_attempts: int = 0
    min_seconds: int = 0
    max_seconds: int = 0


class Policy(Message, frozen=True):
    """Whether runs of a job may overlap, how long one may take, and how it is tried again."""

    concurrency: Concurrency = Concurrency.FORBID
    concurrency_scope: ConcurrencyScope = ConcurrencyScope.HOST
    timeout_seconds: int = 0
    retries: Retries = Retries()


class Auth(Message, frozen=True):
    """Names of secrets that a run needs; never their values."""

    secret_refs: tuple[str, ...] = ()


class Job(Message, frozen=True):
    """One normalised job of a manifest."""

    name: str = ""
    schedules: tuple[str, ...] = ()
    timezone: str = ""
    request: HttpRequest = HttpRequest()
    policy: Policy = Policy()
    auth: Auth = Auth()


class DesiredJob(Message, frozen=True):
    """A job and the hash of each of its schedules, in order."""

    job: Job = Job()
    hashes: tuple[str, ...] = ()


class Entry(Message, frozen=True):
    """One entry of the scheduler, in its own terms. All carry cronix's mark, but for foreign ones.

    location says where it stands, for people; it is not part of the entry's identity. index is the
    position among the job's schedules, hash the one of that schedule in DesiredJob.
    """

    app: str = ""
    job: str = ""
    index: int = 0
    hash: str = ""
    schedule: str = ""
    command: str = ""
    location: str = ""


class MalformedMarker(Message, frozen=True):
    """A mark of ownership that cannot be read or has lost its entry."""

    location: str = ""
    text: str = ""
    reason: str = ""


class StoreWarning(Message, frozen=True):
    """Something that an operator should know although the call succeeds.

    reason is a stable word for programs. job is empty for what is about the whole store. location,
    message and action are for people.
    """

    reason: str = ""
    job: str = ""
    location: str = ""
    message: str = ""
    action: str = ""


class OpenSessionRequest(Message, frozen=True):
    """The first call: the host's version, the protocol versions it speaks, the configuration."""

    __repr__ = repr_without("config")

    host_version: str = ""
    protocol_versions: tuple[int, ...] = ()
    config: Mapping[str, str] = msgspec.field(default_factory=dict)  # values may be secret
    required_capabilities: tuple[str, ...] = ()


class OpenSessionReply(Message, frozen=True):
    """The version that both speak, and what the plugin is called and can do."""

    protocol_version: int = 0
    plugin_name: str = ""
    plugin_version: str = ""
    capabilities: tuple[str, ...] = ()


class CloseSessionRequest(Message, frozen=True):
    """The last call of a session."""


class CloseSessionReply(Message, frozen=True):
    """The session has ended."""


class ReadRequest(Message, frozen=True):
    """Ask for owned entries: those of one app, or of all where app is None."""

    app: str | None = None


class ReadReply(Message, frozen=True):
    """Owned entries by app, job and index, and the markers that could not be read."""

    entries: tuple[Entry, ...] = ()
    malformed: tuple[MalformedMarker, ...] = ()


class Op(Message, frozen=True):
    """One step of a plan, for one job: the entries that are there and those that will be."""

    kind: OpKind = OpKind.SKIP
    job: str = ""
    before: tuple[Entry, ...] = ()
    after: tuple[Entry, ...] = ()
    desired: DesiredJob | None = None


class PlanRequest(Message, frozen=True):
    """Ask what it takes to make the app's entries those of the desired jobs."""

    app: str = ""
    jobs: tuple[DesiredJob, ...] = ()
    allow_empty: bool = False


class PlanReply(Message, frozen=True):
    """Ops in the order in which they are applied, and the digest of the state they come from."""

    app: str = ""
    ops: tuple[Op, ...] = ()
    state_digest: str = ""
    warnings: tuple[StoreWarning, ...] = ()


class ApplyRequest(Message, frozen=True):
    """Ask to carry out a plan."""

    plan: PlanReply = PlanReply()


class Counts(Message, frozen=True):
    """How many jobs an Apply deleted, updated, created and left alone."""

    deleted: int = 0
    updated: int = 0
    created: int = 0
    skipped: int = 0


class ApplyEvent(Message, frozen=True):
    """One event of an Apply: an op (by its position in the plan), or the end with its counts."""

    kind: ApplyEventKind = ApplyEventKind.STARTED
    op_index: int = 0
    op_kind: OpKind = OpKind.SKIP
    job: str = ""
    counts: Counts | None = None


class DriftRequest(Message, frozen=True):
    """Ask how the app's entries differ from the desired jobs; nothing is written."""

    app: str = ""
    jobs: tuple[DesiredJob, ...] = ()


class DriftItem(Message, frozen=True):
    """One difference: expected is None for orphan and foreign, actual is None for missing."""

    kind: DriftKind = DriftKind.MISSING
    app: str = ""
    job: str = ""
    index: int = 0
    expected: Entry | None = None
    actual: Entry | None = None


class DriftReply(Message, frozen=True):
    """Every difference, by job and index; empty means that there is none."""

    items: tuple[DriftItem, ...] = ()


class PruneRequest(Message, frozen=True):
    """Ask to remove the app's entries whose job is not in keep."""

    app: str = ""
    keep: tuple[str, ...] = ()
    dry_run: bool = False
    allow_empty: bool = False


class PruneReply(Message, frozen=True):
    """The entries that were removed, or would be on a dry run."""

    removed: tuple[Entry, ...] = ()


class AdoptRequest(Message, frozen=True):
    """Ask to mark existing, unmarked entries of one job as owned."""

    app: str = ""
    job: DesiredJob = DesiredJob()
    dry_run: bool = False


class Difference(Message, frozen=True):
    """One way in which what is there differs from what is desired.

    index is the position among the job's schedules, -1 for an entry that none of them asks for.
    """

    index: int = 0
    expected: str = ""
    got: str = ""
    location: str = ""


class AdoptReply(Message, frozen=True):
    """The outcome, what prevented it, and the entries that are now owned (or would be)."""

    outcome: AdoptOutcome = AdoptOutcome.NOT_FOUND
    differences: tuple[Difference, ...] = ()
    entries: tuple[Entry, ...] = ()


class VerifyOwnershipRequest(Message, frozen=True):
    """Ask who owns the app's entries, compared with the desired jobs."""

    app: str = ""
    jobs: tuple[DesiredJob, ...] = ()


class OwnershipItem(Message, frozen=True):
    """A verdict on one entry, and why (empty for owned)."""

    verdict: Verdict = Verdict.OWNED
    entry: Entry = Entry()
    reason: str = ""


class VerifyOwnershipReply(Message, frozen=True):
    """A verdict per entry, by job and index, and what keeps entries from running as they stand."""

    items: tuple[OwnershipItem, ...] = ()
    warnings: tuple[StoreWarning, ...] = ()


class ErrorDetails(Message, frozen=True):
    """The data of an error, equal on every transport; members that do not apply are empty.

    reason is a stable word for programs, path a member of the request or a place in the backend's
    store, action what to do. applied, failed and unattempted name the jobs of a failed Apply.
    """

    reason: str = ""
    path: str = ""
    expected: str = ""
    got: str = ""
    action: str = ""
    applied: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    unattempted: tuple[str, ...] = ()


class Status(Message, frozen=True):
    """A whole error, for transports that have no place of their own for its code and message."""

    code: int = 0
    message: str = ""
    details: ErrorDetails = ErrorDetails()
