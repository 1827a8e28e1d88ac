from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Concurrency(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CONCURRENCY_UNSPECIFIED: _ClassVar[Concurrency]
    CONCURRENCY_ALLOW: _ClassVar[Concurrency]
    CONCURRENCY_FORBID: _ClassVar[Concurrency]
    CONCURRENCY_REPLACE: _ClassVar[Concurrency]

class ConcurrencyScope(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CONCURRENCY_SCOPE_UNSPECIFIED: _ClassVar[ConcurrencyScope]
    CONCURRENCY_SCOPE_HOST: _ClassVar[ConcurrencyScope]
    CONCURRENCY_SCOPE_GLOBAL: _ClassVar[ConcurrencyScope]

class OpKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OP_KIND_UNSPECIFIED: _ClassVar[OpKind]
    OP_KIND_DELETE: _ClassVar[OpKind]
    OP_KIND_UPDATE: _ClassVar[OpKind]
    OP_KIND_CREATE: _ClassVar[OpKind]
    OP_KIND_SKIP: _ClassVar[OpKind]

class ApplyEventKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    APPLY_EVENT_KIND_UNSPECIFIED: _ClassVar[ApplyEventKind]
    APPLY_EVENT_KIND_STARTED: _ClassVar[ApplyEventKind]
    APPLY_EVENT_KIND_DONE: _ClassVar[ApplyEventKind]
    APPLY_EVENT_KIND_FINISHED: _ClassVar[ApplyEventKind]

class DriftKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DRIFT_KIND_UNSPECIFIED: _ClassVar[DriftKind]
    DRIFT_KIND_MISSING: _ClassVar[DriftKind]
    DRIFT_KIND_MODIFIED: _ClassVar[DriftKind]
    DRIFT_KIND_ORPHAN: _ClassVar[DriftKind]
    DRIFT_KIND_FOREIGN: _ClassVar[DriftKind]

class AdoptOutcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ADOPT_OUTCOME_UNSPECIFIED: _ClassVar[AdoptOutcome]
    ADOPT_OUTCOME_ADOPTED: _ClassVar[AdoptOutcome]
    ADOPT_OUTCOME_ALREADY_MANAGED: _ClassVar[AdoptOutcome]
    ADOPT_OUTCOME_DIVERGED: _ClassVar[AdoptOutcome]
    ADOPT_OUTCOME_NOT_FOUND: _ClassVar[AdoptOutcome]

class Verdict(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    VERDICT_UNSPECIFIED: _ClassVar[Verdict]
    VERDICT_OWNED: _ClassVar[Verdict]
    VERDICT_TAMPERED: _ClassVar[Verdict]
    VERDICT_ABANDONED: _ClassVar[Verdict]
    VERDICT_DUPLICATE: _ClassVar[Verdict]
    VERDICT_FOREIGN: _ClassVar[Verdict]
CONCURRENCY_UNSPECIFIED: Concurrency
CONCURRENCY_ALLOW: Concurrency
CONCURRENCY_FORBID: Concurrency
CONCURRENCY_REPLACE: Concurrency
CONCURRENCY_SCOPE_UNSPECIFIED: ConcurrencyScope
CONCURRENCY_SCOPE_HOST: ConcurrencyScope
CONCURRENCY_SCOPE_GLOBAL: ConcurrencyScope
OP_KIND_UNSPECIFIED: OpKind
OP_KIND_DELETE: OpKind
OP_KIND_UPDATE: OpKind
OP_KIND_CREATE: OpKind
OP_KIND_SKIP: OpKind
APPLY_EVENT_KIND_UNSPECIFIED: ApplyEventKind
APPLY_EVENT_KIND_STARTED: ApplyEventKind
APPLY_EVENT_KIND_DONE: ApplyEventKind
APPLY_EVENT_KIND_FINISHED: ApplyEventKind
DRIFT_KIND_UNSPECIFIED: DriftKind
DRIFT_KIND_MISSING: DriftKind
DRIFT_KIND_MODIFIED: DriftKind
DRIFT_KIND_ORPHAN: DriftKind
DRIFT_KIND_FOREIGN: DriftKind
ADOPT_OUTCOME_UNSPECIFIED: AdoptOutcome
ADOPT_OUTCOME_ADOPTED: AdoptOutcome
ADOPT_OUTCOME_ALREADY_MANAGED: AdoptOutcome
ADOPT_OUTCOME_DIVERGED: AdoptOutcome
ADOPT_OUTCOME_NOT_FOUND: AdoptOutcome
VERDICT_UNSPECIFIED: Verdict
VERDICT_OWNED: Verdict
VERDICT_TAMPERED: Verdict
VERDICT_ABANDONED: Verdict
VERDICT_DUPLICATE: Verdict
VERDICT_FOREIGN: Verdict

class HttpRequest(_message.Message):
    __slots__ = ("method", "url", "headers", "body")
    class HeadersEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    METHOD_FIELD_NUMBER: _ClassVar[int]
    URL_FIELD_NUMBER: _ClassVar[int]
    HEADERS_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    method: str
    url: str
    headers: _containers.ScalarMap[str, str]
    body: str
    def __init__(self, method: _Optional[str] = ..., url: _Optional[str] = ..., headers: _Optional[_Mapping[str, str]] = ..., body: _Optional[str] = ...) -> None: ...

class Retries(_message.Message):
    __slots__ = ("max_attempts", "min_seconds", "max_seconds")
    MAX_ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    MIN_SECONDS_FIELD_NUMBER: _ClassVar[int]
    MAX_SECONDS_FIELD_NUMBER: _ClassVar[int]
    max_attempts: int
    min_seconds: int
    max_seconds: int
    def __init__(self, max_attempts: _Optional[int] = ..., min_seconds: _Optional[int] = ..., max_seconds: _Optional[int] = ...) -> None: ...

class Policy(_message.Message):
    __slots__ = ("concurrency", "concurrency_scope", "timeout_seconds", "retries")
    CONCURRENCY_FIELD_NUMBER: _ClassVar[int]
    CONCURRENCY_SCOPE_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_SECONDS_FIELD_NUMBER: _ClassVar[int]
    RETRIES_FIELD_NUMBER: _ClassVar[int]
    concurrency: Concurrency
    concurrency_scope: ConcurrencyScope
    timeout_seconds: int
    retries: Retries
    def __init__(self, concurrency: _Optional[_Union[Concurrency, str]] = ..., concurrency_scope: _Optional[_Union[ConcurrencyScope, str]] = ..., timeout_seconds: _Optional[int] = ..., retries: _Optional[_Union[Retries, _Mapping]] = ...) -> None: ...

class Auth(_message.Message):
    __slots__ = ("secret_refs",)
    SECRET_REFS_FIELD_NUMBER: _ClassVar[int]
    secret_refs: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, secret_refs: _Optional[_Iterable[str]] = ...) -> None: ...

class Job(_message.Message):
    __slots__ = ("name", "schedules", "timezone", "request", "policy", "auth")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SCHEDULES_FIELD_NUMBER: _ClassVar[int]
    TIMEZONE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    AUTH_FIELD_NUMBER: _ClassVar[int]
    name: str
    schedules: _containers.RepeatedScalarFieldContainer[str]
    timezone: str
    request: HttpRequest
    policy: Policy
    auth: Auth
    def __init__(self, name: _Optional[str] = ..., schedules: _Optional[_Iterable[str]] = ..., timezone: _Optional[str] = ..., request: _Optional[_Union[HttpRequest, _Mapping]] = ..., policy: _Optional[_Union[Policy, _Mapping]] = ..., auth: _Optional[_Union[Auth, _Mapping]] = ...) -> None: ...

class DesiredJob(_message.Message):
    __slots__ = ("job", "hashes")
    JOB_FIELD_NUMBER: _ClassVar[int]
    HASHES_FIELD_NUMBER: _ClassVar[int]
    job: Job
    hashes: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, job: _Optional[_Union[Job, _Mapping]] = ..., hashes: _Optional[_Iterable[str]] = ...) -> None: ...

class Entry(_message.Message):
    __slots__ = ("app", "job", "index", "hash", "schedule", "command", "location")
    APP_FIELD_NUMBER: _ClassVar[int]
    JOB_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    HASH_FIELD_NUMBER: _ClassVar[int]
    SCHEDULE_FIELD_NUMBER: _ClassVar[int]
    COMMAND_FIELD_NUMBER: _ClassVar[int]
    LOCATION_FIELD_NUMBER: _ClassVar[int]
    app: str
    job: str
    index: int
    hash: str
    schedule: str
    command: str
    location: str
    def __init__(self, app: _Optional[str] = ..., job: _Optional[str] = ..., index: _Optional[int] = ..., hash: _Optional[str] = ..., schedule: _Optional[str] = ..., command: _Optional[str] = ..., location: _Optional[str] = ...) -> None: ...

class MalformedMarker(_message.Message):
    __slots__ = ("location", "text", "reason")
    LOCATION_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    location: str
    text: str
    reason: str
    def __init__(self, location: _Optional[str] = ..., text: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class StoreWarning(_message.Message):
    __slots__ = ("reason", "job", "location", "message", "action")
    REASON_FIELD_NUMBER: _ClassVar[int]
    JOB_FIELD_NUMBER: _ClassVar[int]
    LOCATION_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    reason: str
    job: str
    location: str
    message: str
    action: str
    def __init__(self, reason: _Optional[str] = ..., job: _Optional[str] = ..., location: _Optional[str] = ..., message: _Optional[str] = ..., action: _Optional[str] = ...) -> None: ...

class OpenSessionRequest(_message.Message):
    __slots__ = ("host_version", "protocol_versions", "config", "required_capabilities")
    class ConfigEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    HOST_VERSION_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_VERSIONS_FIELD_NUMBER: _ClassVar[int]
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    REQUIRED_CAPABILITIES_FIELD_NUMBER: _ClassVar[int]
    host_version: str
    protocol_versions: _containers.RepeatedScalarFieldContainer[int]
    config: _containers.ScalarMap[str, str]
    required_capabilities: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, host_version: _Optional[str] = ..., protocol_versions: _Optional[_Iterable[int]] = ..., config: _Optional[_Mapping[str, str]] = ..., required_capabilities: _Optional[_Iterable[str]] = ...) -> None: ...

class OpenSessionReply(_message.Message):
    __slots__ = ("protocol_version", "plugin_name", "plugin_version", "capabilities")
    PROTOCOL_VERSION_FIELD_NUMBER: _ClassVar[int]
    PLUGIN_NAME_FIELD_NUMBER: _ClassVar[int]
    PLUGIN_VERSION_FIELD_NUMBER: _ClassVar[int]
    CAPABILITIES_FIELD_NUMBER: _ClassVar[int]
    protocol_version: int
    plugin_name: str
    plugin_version: str
    capabilities: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, protocol_version: _Optional[int] = ..., plugin_name: _Optional[str] = ..., plugin_version: _Optional[str] = ..., capabilities: _Optional[_Iterable[str]] = ...) -> None: ...

class CloseSessionRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class CloseSessionReply(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ReadRequest(_message.Message):
    __slots__ = ("app",)
    APP_FIELD_NUMBER: _ClassVar[int]
    app: str
    def __init__(self, app: _Optional[str] = ...) -> None: ...

class ReadReply(_message.Message):
    __slots__ = ("entries", "malformed")
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    MALFORMED_FIELD_NUMBER: _ClassVar[int]
    entries: _containers.RepeatedCompositeFieldContainer[Entry]
    malformed: _containers.RepeatedCompositeFieldContainer[MalformedMarker]
    def __init__(self, entries: _Optional[_Iterable[_Union[Entry, _Mapping]]] = ..., malformed: _Optional[_Iterable[_Union[MalformedMarker, _Mapping]]] = ...) -> None: ...

class Op(_message.Message):
    __slots__ = ("kind", "job", "before", "after", "desired")
    KIND_FIELD_NUMBER: _ClassVar[int]
    JOB_FIELD_NUMBER: _ClassVar[int]
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    DESIRED_FIELD_NUMBER: _ClassVar[int]
    kind: OpKind
    job: str
    before: _containers.RepeatedCompositeFieldContainer[Entry]
    after: _containers.RepeatedCompositeFieldContainer[Entry]
    desired: DesiredJob
    def __init__(self, kind: _Optional[_Union[OpKind, str]] = ..., job: _Optional[str] = ..., before: _Optional[_Iterable[_Union[Entry, _Mapping]]] = ..., after: _Optional[_Iterable[_Union[Entry, _Mapping]]] = ..., desired: _Optional[_Union[DesiredJob, _Mapping]] = ...) -> None: ...

class PlanRequest(_message.Message):
    __slots__ = ("app", "jobs", "allow_empty")
    APP_FIELD_NUMBER: _ClassVar[int]
    JOBS_FIELD_NUMBER: _ClassVar[int]
    ALLOW_EMPTY_FIELD_NUMBER: _ClassVar[int]
    app: str
    jobs: _containers.RepeatedCompositeFieldContainer[DesiredJob]
    allow_empty: bool
    def __init__(self, app: _Optional[str] = ..., jobs: _Optional[_Iterable[_Union[DesiredJob, _Mapping]]] = ..., allow_empty: _Optional[bool] = ...) -> None: ...

class PlanReply(_message.Message):
    __slots__ = ("app", "ops", "state_digest", "warnings")
    APP_FIELD_NUMBER: _ClassVar[int]
    OPS_FIELD_NUMBER: _ClassVar[int]
    STATE_DIGEST_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    app: str
    ops: _containers.RepeatedCompositeFieldContainer[Op]
    state_digest: str
    warnings: _containers.RepeatedCompositeFieldContainer[StoreWarning]
    def __init__(self, app: _Optional[str] = ..., ops: _Optional[_Iterable[_Union[Op, _Mapping]]] = ..., state_digest: _Optional[str] = ..., warnings: _Optional[_Iterable[_Union[StoreWarning, _Mapping]]] = ...) -> None: ...

class ApplyRequest(_message.Message):
    __slots__ = ("plan",)
    PLAN_FIELD_NUMBER: _ClassVar[int]
    plan: PlanReply
    def __init__(self, plan: _Optional[_Union[PlanReply, _Mapping]] = ...) -> None: ...

class Counts(_message.Message):
    __slots__ = ("deleted", "updated", "created", "skipped")
    DELETED_FIELD_NUMBER: _ClassVar[int]
    UPDATED_FIELD_NUMBER: _ClassVar[int]
    CREATED_FIELD_NUMBER: _ClassVar[int]
    SKIPPED_FIELD_NUMBER: _ClassVar[int]
    deleted: int
    updated: int
    created: int
    skipped: int
    def __init__(self, deleted: _Optional[int] = ..., updated: _Optional[int] = ..., created: _Optional[int] = ..., skipped: _Optional[int] = ...) -> None: ...

class ApplyEvent(_message.Message):
    __slots__ = ("kind", "op_index", "op_kind", "job", "counts")
    KIND_FIELD_NUMBER: _ClassVar[int]
    OP_INDEX_FIELD_NUMBER: _ClassVar[int]
    OP_KIND_FIELD_NUMBER: _ClassVar[int]
    JOB_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    kind: ApplyEventKind
    op_index: int
    op_kind: OpKind
    job: str
    counts: Counts
    def __init__(self, kind: _Optional[_Union[ApplyEventKind, str]] = ..., op_index: _Optional[int] = ..., op_kind: _Optional[_Union[OpKind, str]] = ..., job: _Optional[str] = ..., counts: _Optional[_Union[Counts, _Mapping]] = ...) -> None: ...

class DriftRequest(_message.Message):
    __slots__ = ("app", "jobs")
    APP_FIELD_NUMBER: _ClassVar[int]
    JOBS_FIELD_NUMBER: _ClassVar[int]
    app: str
    jobs: _containers.RepeatedCompositeFieldContainer[DesiredJob]
    def __init__(self, app: _Optional[str] = ..., jobs: _Optional[_Iterable[_Union[DesiredJob, _Mapping]]] = ...) -> None: ...

class DriftItem(_message.Message):
    __slots__ = ("kind", "app", "job", "index", "expected", "actual")
    KIND_FIELD_NUMBER: _ClassVar[int]
    APP_FIELD_NUMBER: _ClassVar[int]
    JOB_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_FIELD_NUMBER: _ClassVar[int]
    ACTUAL_FIELD_NUMBER: _ClassVar[int]
    kind: DriftKind
    app: str
    job: str
    index: int
    expected: Entry
    actual: Entry
    def __init__(self, kind: _Optional[_Union[DriftKind, str]] = ..., app: _Optional[str] = ..., job: _Optional[str] = ..., index: _Optional[int] = ..., expected: _Optional[_Union[Entry, _Mapping]] = ..., actual: _Optional[_Union[Entry, _Mapping]] = ...) -> None: ...

class DriftReply(_message.Message):
    __slots__ = ("items",)
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[DriftItem]
    def __init__(self, items: _Optional[_Iterable[_Union[DriftItem, _Mapping]]] = ...) -> None: ...

class PruneRequest(_message.Message):
    __slots__ = ("app", "keep", "dry_run", "allow_empty")
    APP_FIELD_NUMBER: _ClassVar[int]
    KEEP_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    ALLOW_EMPTY_FIELD_NUMBER: _ClassVar[int]
    app: str
    keep: _containers.RepeatedScalarFieldContainer[str]
    dry_run: bool
    allow_empty: bool
    def __init__(self, app: _Optional[str] = ..., keep: _Optional[_Iterable[str]] = ..., dry_run: _Optional[bool] = ..., allow_empty: _Optional[bool] = ...) -> None: ...

class PruneReply(_message.Message):
    __slots__ = ("removed",)
    REMOVED_FIELD_NUMBER: _ClassVar[int]
    removed: _containers.RepeatedCompositeFieldContainer[Entry]
    def __init__(self, removed: _Optional[_Iterable[_Union[Entry, _Mapping]]] = ...) -> None: ...

class AdoptRequest(_message.Message):
    __slots__ = ("app", "job", "dry_run")
    APP_FIELD_NUMBER: _ClassVar[int]
    JOB_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    app: str
    job: DesiredJob
    dry_run: bool
    def __init__(self, app: _Optional[str] = ..., job: _Optional[_Union[DesiredJob, _Mapping]] = ..., dry_run: _Optional[bool] = ...) -> None: ...

class Difference(_message.Message):
    __slots__ = ("index", "expected", "got", "location")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_FIELD_NUMBER: _ClassVar[int]
    GOT_FIELD_NUMBER: _ClassVar[int]
    LOCATION_FIELD_NUMBER: _ClassVar[int]
    index: int
    expected: str
    got: str
    location: str
    def __init__(self, index: _Optional[int] = ..., expected: _Optional[str] = ..., got: _Optional[str] = ..., location: _Optional[str] = ...) -> None: ...

class AdoptReply(_message.Message):
    __slots__ = ("outcome", "differences", "entries")
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    DIFFERENCES_FIELD_NUMBER: _ClassVar[int]
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    outcome: AdoptOutcome
    differences: _containers.RepeatedCompositeFieldContainer[Difference]
    entries: _containers.RepeatedCompositeFieldContainer[Entry]
    def __init__(self, outcome: _Optional[_Union[AdoptOutcome, str]] = ..., differences: _Optional[_Iterable[_Union[Difference, _Mapping]]] = ..., entries: _Optional[_Iterable[_Union[Entry, _Mapping]]] = ...) -> None: ...

class VerifyOwnershipRequest(_message.Message):
    __slots__ = ("app", "jobs")
    APP_FIELD_NUMBER: _ClassVar[int]
    JOBS_FIELD_NUMBER: _ClassVar[int]
    app: str
    jobs: _containers.RepeatedCompositeFieldContainer[DesiredJob]
    def __init__(self, app: _Optional[str] = ..., jobs: _Optional[_Iterable[_Union[DesiredJob, _Mapping]]] = ...) -> None: ...

class OwnershipItem(_message.Message):
    __slots__ = ("verdict", "entry", "reason")
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    ENTRY_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    verdict: Verdict
    entry: Entry
    reason: str
    def __init__(self, verdict: _Optional[_Union[Verdict, str]] = ..., entry: _Optional[_Union[Entry, _Mapping]] = ..., reason: _Optional[str] = ...) -> None: ...

class VerifyOwnershipReply(_message.Message):
    __slots__ = ("items", "warnings")
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[OwnershipItem]
    warnings: _containers.RepeatedCompositeFieldContainer[StoreWarning]
    def __init__(self, items: _Optional[_Iterable[_Union[OwnershipItem, _Mapping]]] = ..., warnings: _Optional[_Iterable[_Union[StoreWarning, _Mapping]]] = ...) -> None: ...

class ErrorDetails(_message.Message):
    __slots__ = ("reason", "path", "expected", "got", "action", "applied", "failed", "unattempted")
    REASON_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_FIELD_NUMBER: _ClassVar[int]
    GOT_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    APPLIED_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    UNATTEMPTED_FIELD_NUMBER: _ClassVar[int]
    reason: str
    path: str
    expected: str
    got: str
    action: str
    applied: _containers.RepeatedScalarFieldContainer[str]
    failed: _containers.RepeatedScalarFieldContainer[str]
    unattempted: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, reason: _Optional[str] = ..., path: _Optional[str] = ..., expected: _Optional[str] = ..., got: _Optional[str] = ..., action: _Optional[str] = ..., applied: _Optional[_Iterable[str]] = ..., failed: _Optional[_Iterable[str]] = ..., unattempted: _Optional[_Iterable[str]] = ...) -> None: ...

class Status(_message.Message):
    __slots__ = ("code", "message", "details")
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    DETAILS_FIELD_NUMBER: _ClassVar[int]
    code: int
    message: str
    details: ErrorDetails
    def __init__(self, code: _Optional[int] = ..., message: _Optional[str] = ..., details: _Optional[_Union[ErrorDetails, _Mapping]] = ...) -> None: ...
