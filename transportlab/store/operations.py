"""The seven operations over a store of entries: what the reference backends have in common.

A store shows a Snapshot and changes one set of entries at a time, each change whole or not at all,
inside a transaction that excludes every other writer. All decisions are reconcile.py's and
ownership.py's; this module brings them and the store together.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Protocol

from transportlab import model
from transportlab.context import Context
from transportlab.model import Entry
from transportlab.store import ownership, reconcile
from transportlab.store.apply import ApplyRun
from transportlab.store.reconcile import Snapshot


class Transaction(Protocol):
    """Sole access to a store. A change is durable when its method returns, else not made at all."""

    def snapshot(self) -> Snapshot:
        """What is there now."""

    def owned(self, app: str, job: str) -> tuple[Entry, ...]:
        """The owned entries of one job, by index; their location may be empty."""

    def replace(self, before: tuple[Entry, ...], after: tuple[Entry, ...]) -> None:
        """Put the entries of after in the place of before: all that one or more jobs have."""

    def mark(self, marks: tuple[tuple[Entry, Entry], ...]) -> None:
        """Make each candidate of the snapshot the owned entry that it is paired with."""


class Store(Protocol):
    """Where entries are kept. Safe to use from several threads."""

    def express(self, app: str, desired: model.DesiredJob, path: str) -> tuple[Entry, ...]:
        """As reconcile.Express."""

    def snapshot(self) -> Snapshot:
        """What is there at one moment."""

    def transaction(self, context: Context) -> AbstractContextManager[Transaction]:
        """Wait for sole access, for as long as the context allows."""


class StoreOperations:
    """Operations on a Store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def read(self, request: model.ReadRequest, context: Context) -> model.ReadReply:
        """As in Operations. Malformed markers are reported for any app: theirs is not known."""
        snapshot = self._store.snapshot()
        entries = snapshot.owned
        if request.app is not None:
            entries = tuple(entry for entry in entries if entry.app == request.app)
        return model.ReadReply(entries, snapshot.malformed)

    def plan(self, request: model.PlanRequest, context: Context) -> model.PlanReply:
        """As in Operations."""
        return reconcile.plan(request, self._store.snapshot(), self._store.express)

    def apply(self, request: model.ApplyRequest, context: Context) -> Iterator[model.ApplyEvent]:
        """As in Operations."""
        return ApplyRun(self._store, request.plan, context).events()

    def drift(self, request: model.DriftRequest, context: Context) -> model.DriftReply:
        """As in Operations."""
        return reconcile.drift(request, self._store.snapshot(), self._store.express)

    def prune(self, request: model.PruneRequest, context: Context) -> model.PruneReply:
        """As in Operations. All entries go at once."""
        if request.dry_run:
            return model.PruneReply(reconcile.select_prune(request, self._store.snapshot()))
        with self._store.transaction(context) as transaction:
            removed = reconcile.select_prune(request, transaction.snapshot())
            if removed:
                transaction.replace(removed, ())
        return model.PruneReply(removed)

    def adopt(self, request: model.AdoptRequest, context: Context) -> model.AdoptReply:
        """As in Operations."""
        if request.dry_run:
            found = ownership.adopt(request, self._store.snapshot(), self._store.express)
            return _adopted(found, tuple(entry for _, entry in found.marks))
        with self._store.transaction(context) as transaction:
            found = ownership.adopt(request, transaction.snapshot(), self._store.express)
            if found.marks:
                transaction.mark(found.marks)
            entries = transaction.snapshot().owned if found.marks else ()
        job = request.job.job.name
        return _adopted(found, reconcile.by_job(entries, request.app).get(job, ()))

    def verify_ownership(
        self,
        request: model.VerifyOwnershipRequest,
        context: Context,
    ) -> model.VerifyOwnershipReply:
        """As in Operations."""
        return ownership.verify(request, self._store.snapshot(), self._store.express)


def _adopted(found: ownership.Adoption, entries: tuple[Entry, ...]) -> model.AdoptReply:
    return model.AdoptReply(found.outcome, found.differences, found.owned or entries)
