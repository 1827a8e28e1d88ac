"""The echo backend: entries in memory or in a JSON file, and one log line per RPC if wanted.

It runs nothing: a job's command is `echo <app>.<job>`, and its schedules stay as they are. An entry
with an empty hash counts as unmarked, so Adopt can take it over; only a state file brings such.

Tests and benchmarks use it. faults.py makes it fail as a test asks; state.py keeps the JSON file.
"""

import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

from transportlab import __version__, model
from transportlab.backends.echo.faults import SESSION_METHOD, Faults, Faulty, strike
from transportlab.sdk import ConfigKey, Context, Operations, Plugin, RpcError, invalid_argument, run
from transportlab.store import DesiredJob, Entry, Snapshot, StoreOperations, order

Entries = tuple[Entry, ...]

MAX_LOGGED = 256
"""Most characters of an app's name in a log line; tests send names of megabytes."""


class LockedState(Protocol):
    """Sole access to the state, for one writer. entries is what is there."""

    entries: Entries

    def save(self, entries: Entries) -> None:
        """Replace all entries: durable on return, or unchanged if it raises RpcError."""


class State(Protocol):
    """Keeps all entries between transactions. Safe to use from several threads."""

    def load(self) -> Entries:
        """All entries, of one moment. Raises RpcError if they cannot be read."""

    def locked(self, context: Context) -> AbstractContextManager[LockedState]:
        """Keep other writers out while the block runs; waits as long as the context allows."""


class Memory:
    """State that is gone when the process ends."""

    def __init__(self) -> None:
        self.entries: Entries = ()
        self._lock = threading.Lock()

    def load(self) -> Entries:
        """See State.load."""
        return self.entries

    @contextmanager
    def locked(self, context: Context) -> Iterator["Memory"]:
        """See State.locked. Does not look at the context: nobody holds the lock for long."""
        with self._lock:
            yield self

    def save(self, entries: Entries) -> None:
        """See LockedState.save."""
        self.entries = entries


class EchoStore:
    """A Store of entries as they are."""

    def __init__(self, state: State) -> None:
        self._state = state

    def express(self, app: str, desired: DesiredJob, path: str) -> Entries:
        """See Store.express. Every schedule is taken as it is."""
        job = desired.job.name
        pairs = zip(desired.job.schedules, desired.hashes, strict=True)
        return tuple(
            Entry(app, job, index, digest, schedule, _command(app, job))
            for index, (schedule, digest) in enumerate(pairs)
        )

    def snapshot(self) -> Snapshot:
        """See Store.snapshot."""
        return _snapshot(self._state.load())

    @contextmanager
    def transaction(self, context: Context) -> Iterator["EchoTransaction"]:
        """See Store.transaction."""
        with self._state.locked(context) as state:
            yield EchoTransaction(state)


class EchoTransaction:
    """A Transaction that saves all entries anew at each change."""

    def __init__(self, state: LockedState) -> None:
        self._state = state

    def snapshot(self) -> Snapshot:
        """See Transaction.snapshot."""
        return _snapshot(self._state.entries)

    def owned(self, app: str, job: str) -> Entries:
        """See Transaction.owned."""
        found = (e for e in self._state.entries if e.hash and e.job == job and e.app == app)
        return tuple(sorted(found, key=order))

    def replace(self, before: Entries, after: Entries, desired: DesiredJob | None) -> None:
        """See Transaction.replace."""
        # By identity: a state file may hold two equal entries.
        gone = {id(entry) for entry in before}
        kept = (entry for entry in self._state.entries if id(entry) not in gone)
        self._state.save((*kept, *after))

    def mark(self, marks: tuple[tuple[Entry, Entry], ...]) -> None:
        """See Transaction.mark."""
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
    """Operations with one log line per RPC: its app, how many items came back, how it ended."""

    def __init__(self, inner: Operations) -> None:
        self._inner = inner

    def read(self, request: model.ReadRequest, context: Context) -> model.ReadReply:
        """See Operations.read."""
        with _logged("Read", request.app, context) as line:
            reply = self._inner.read(request, context)
            line["count"] = len(reply.entries)
        return reply

    def plan(self, request: model.PlanRequest, context: Context) -> model.PlanReply:
        """See Operations.plan."""
        with _logged("Plan", request.app, context) as line:
            reply = self._inner.plan(request, context)
            line["count"] = len(reply.ops)
        return reply

    def apply(self, request: model.ApplyRequest, context: Context) -> Iterator[model.ApplyEvent]:
        """See Operations.apply. The line is written when the stream has ended."""
        with _logged("Apply", request.plan.app, context) as line:
            for event in self._inner.apply(request, context):
                line["count"] += 1
                yield event

    def drift(self, request: model.DriftRequest, context: Context) -> model.DriftReply:
        """See Operations.drift."""
        with _logged("Drift", request.app, context) as line:
            reply = self._inner.drift(request, context)
            line["count"] = len(reply.items)
        return reply

    def prune(self, request: model.PruneRequest, context: Context) -> model.PruneReply:
        """See Operations.prune."""
        with _logged("Prune", request.app, context) as line:
            reply = self._inner.prune(request, context)
            line["count"] = len(reply.removed)
        return reply

    def adopt(self, request: model.AdoptRequest, context: Context) -> model.AdoptReply:
        """See Operations.adopt."""
        with _logged("Adopt", request.app, context) as line:
            reply = self._inner.adopt(request, context)
            line["count"] = len(reply.entries)
        return reply

    def verify_ownership(
        self, request: model.VerifyOwnershipRequest, context: Context
    ) -> model.VerifyOwnershipReply:
        """See Operations.verify_ownership."""
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
        # GeneratorExit ends a stream that its caller gave up; any other exception is a bug.
        name = "ABANDONED" if isinstance(error, GeneratorExit) else "PANIC"
        line["outcome"] = error.code.name if isinstance(error, RpcError) else name
        raise
    finally:
        context.log("info", rpc, **line)


def create(config: Mapping[str, str]) -> Operations:
    """The operations for a checked config.

    Raises INVALID_ARGUMENT for unknown faults and an unknown value of log, what a fault of
    OpenSession says, and what StateFile.load raises for a state file that cannot be read.
    """
    log = config.get("log", "calls")
    if log not in ("calls", "none"):
        problem = f'"{log[:MAX_LOGGED]}" is neither calls nor none'
        raise invalid_argument("config/log", problem, expected="calls or none", got=log)
    faults = Faults(config.get("faults", ""), config.get("token", ""))
    for fault in faults.of(SESSION_METHOD, None):
        strike(fault, Context())
    state: State = Memory()
    if "state" in config:
        # Imports a JSON library, for which a plugin without a state file need not wait.
        from transportlab.backends.echo.state import StateFile

        state = StateFile(config["state"])
    state.load()
    operations: Operations = StoreOperations(EchoStore(state))
    if "faults" in config:
        operations = Faulty(operations, faults)
    return operations if log == "none" else Logged(operations)


PLUGIN = Plugin(
    name="echo",
    version=__version__,
    create=create,
    config=(
        ConfigKey("state", "JSON file to keep entries in; without it they are gone at the end"),
        ConfigKey("log", "what is logged: calls (one line for each, as usual) or none"),
        ConfigKey("faults", "faults to show, such as Read=error:NOT_FOUND; for tests"),
        ConfigKey("token", "a credential, which faults can give away; for tests", secret=True),
    ),
)


def main() -> None:
    """Be a plugin's program: a host starts it and says over which transport."""
    run(PLUGIN)
