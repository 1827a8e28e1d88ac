"""The echo backend: a map of entries in memory, or in a JSON file, and one log line per RPC.

It runs nothing: a job's command is `echo <app>.<job>`, its schedules stay as they are. Entries with
an empty hash, which only a state file brings, count as unmarked: what Adopt can take over.
"""

import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

from transportlab import __version__, model
from transportlab.backends.echo.faults import SESSION_METHOD, Faults, Faulty, strike
from transportlab.sdk import ConfigKey, Context, Operations, Plugin, RpcError
from transportlab.store import DesiredJob, Entry, Snapshot, StoreOperations, order

Entries = tuple[Entry, ...]

MAX_LOGGED = 256
"""How many characters of an app's name a log line has; tests send megabytes as one."""


class LockedKeeper(Protocol):
    """Sole access to the entries: entries is what is there."""

    entries: Entries

    def save(self, entries: Entries) -> None:
        """Replace all entries."""


class Keeper(Protocol):
    """Keeps the entries between transactions. Safe to use from several threads."""

    def load(self) -> Entries:
        """All entries."""

    def sole(self, context: Context) -> AbstractContextManager[LockedKeeper]:
        """Wait until nobody else writes."""


class Memory:
    """Keeps entries for as long as the process lives."""

    def __init__(self) -> None:
        self.entries: Entries = ()
        self._lock = threading.Lock()

    def load(self) -> Entries:
        """As in Keeper."""
        return self.entries

    @contextmanager
    def sole(self, context: Context) -> Iterator["Memory"]:
        """As in Keeper; nobody holds it for so long that the context matters."""
        with self._lock:
            yield self

    def save(self, entries: Entries) -> None:
        """As in LockedKeeper."""
        self.entries = entries


class EchoStore:
    """A Store of plain entries."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper

    def express(self, app: str, desired: DesiredJob, path: str) -> Entries:
        """As in Store; every schedule is taken as it is."""
        job = desired.job.name
        pairs = zip(desired.job.schedules, desired.hashes, strict=True)
        return tuple(
            Entry(app, job, index, digest, schedule, _command(app, job))
            for index, (schedule, digest) in enumerate(pairs)
        )

    def snapshot(self) -> Snapshot:
        """As in Store."""
        return _snapshot(self._keeper.load())

    @contextmanager
    def transaction(self, context: Context) -> Iterator["EchoTransaction"]:
        """As in Store."""
        with self._keeper.sole(context) as state:
            yield EchoTransaction(state)


class EchoTransaction:
    """As in Transaction."""

    def __init__(self, state: LockedKeeper) -> None:
        self._state = state

    def snapshot(self) -> Snapshot:
        """As in Transaction."""
        return _snapshot(self._state.entries)

    def owned(self, app: str, job: str) -> Entries:
        """As in Transaction."""
        found = (e for e in self._state.entries if e.hash and e.job == job and e.app == app)
        return tuple(sorted(found, key=order))

    def replace(self, before: Entries, after: Entries) -> None:
        """As in Transaction."""
        gone = {id(entry) for entry in before}
        kept = (entry for entry in self._state.entries if id(entry) not in gone)
        self._state.save((*kept, *after))

    def mark(self, marks: tuple[tuple[Entry, Entry], ...]) -> None:
        """As in Transaction."""
        marked = {id(candidate): entry for candidate, entry in marks}
        self._state.save(tuple(marked.get(id(entry), entry) for entry in self._state.entries))


def _command(app: str, job: str) -> str:
    return f"echo {app}.{job}"


def _snapshot(entries: Entries) -> Snapshot:
    ordered = sorted(entries, key=order)
    return Snapshot(
        owned=tuple(entry for entry in ordered if entry.hash),
        candidates=tuple(e for e in ordered if not e.hash and e.command == _command(e.app, e.job)),
    )


class Logged:
    """Operations with one log line per RPC: what was asked, how many came back, how it ended."""

    def __init__(self, inner: Operations) -> None:
        self._inner = inner

    def read(self, request: model.ReadRequest, context: Context) -> model.ReadReply:
        """As in Operations."""
        with _logged("Read", request.app, context) as line:
            reply = self._inner.read(request, context)
            line["count"] = len(reply.entries)
        return reply

    def plan(self, request: model.PlanRequest, context: Context) -> model.PlanReply:
        """As in Operations."""
        with _logged("Plan", request.app, context) as line:
            reply = self._inner.plan(request, context)
            line["count"] = len(reply.ops)
        return reply

    def apply(self, request: model.ApplyRequest, context: Context) -> Iterator[model.ApplyEvent]:
        """As in Operations; the line comes when the stream has ended."""
        with _logged("Apply", request.plan.app, context) as line:
            for event in self._inner.apply(request, context):
                line["count"] += 1
                yield event

    def drift(self, request: model.DriftRequest, context: Context) -> model.DriftReply:
        """As in Operations."""
        with _logged("Drift", request.app, context) as line:
            reply = self._inner.drift(request, context)
            line["count"] = len(reply.items)
        return reply

    def prune(self, request: model.PruneRequest, context: Context) -> model.PruneReply:
        """As in Operations."""
        with _logged("Prune", request.app, context) as line:
            reply = self._inner.prune(request, context)
            line["count"] = len(reply.removed)
        return reply

    def adopt(self, request: model.AdoptRequest, context: Context) -> model.AdoptReply:
        """As in Operations."""
        with _logged("Adopt", request.app, context) as line:
            reply = self._inner.adopt(request, context)
            line["count"] = len(reply.entries)
        return reply

    def verify_ownership(
        self, request: model.VerifyOwnershipRequest, context: Context
    ) -> model.VerifyOwnershipReply:
        """As in Operations."""
        with _logged("VerifyOwnership", request.app, context) as line:
            reply = self._inner.verify_ownership(request, context)
            line["count"] = len(reply.items)
        return reply


@contextmanager
def _logged(rpc: str, app: str | None, context: Context) -> Iterator[dict[str, Any]]:
    shown = app if app is None else app[:MAX_LOGGED]
    line: dict[str, Any] = {"rpc": rpc, "app": shown, "count": 0, "outcome": "OK"}
    try:
        yield line
    except BaseException as error:
        # An abandoned stream ends by GeneratorExit, a bug by any Exception.
        name = "ABANDONED" if isinstance(error, GeneratorExit) else "PANIC"
        line["outcome"] = error.code.name if isinstance(error, RpcError) else name
        raise
    finally:
        context.log("info", rpc, **line)


def create(config: Mapping[str, str]) -> Operations:
    """The operations; raises RpcError for unknown faults and for a state that is unreadable."""
    faults = Faults(config.get("faults", ""), config.get("token", ""))
    for fault in faults.of(SESSION_METHOD, None):
        strike(fault, Context())
    keeper: Keeper = Memory()
    if "state" in config:
        # A JSON library must not cost those who keep nothing.
        from transportlab.backends.echo.state import StateFile

        keeper = StateFile(config["state"])
    keeper.load()
    operations: Operations = StoreOperations(EchoStore(keeper))
    if "faults" in config:
        operations = Faulty(operations, faults)
    return Logged(operations)


PLUGIN = Plugin(
    name="echo",
    version=__version__,
    create=create,
    config=(
        ConfigKey("state", "JSON file to keep entries in; without it they are gone at the end"),
        ConfigKey("faults", "faults to show, such as Read=error:NOT_FOUND; for tests"),
        ConfigKey("token", "a credential, which faults can give away; for tests", secret=True),
    ),
)
