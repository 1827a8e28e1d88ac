"""The seven operations over a store of entries.

reconcile.py and ownership.py make the decisions, apply.py carries out plans; this module calls
them with what the store shows and gives the store what they decide. Operations that write look at
the store inside the transaction in which they write, so nothing changes in between.
"""

from collections.abc import Iterator

from transportlab import model
from transportlab.context import Context
from transportlab.model import Entry
from transportlab.store import ownership, reconcile
from transportlab.store.apply import ApplyRun
from transportlab.store.base import Store, by_job


class StoreOperations:
    """The Operations of a backend that keeps its entries in a store.

    Each method raises RpcError, as the protocol's clauses for it say and as the store does.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def read(self, request: model.ReadRequest, context: Context) -> model.ReadReply:
        """See Operations.read. All malformed markers are reported: their app is not known."""
        snapshot = self._store.snapshot()
        entries = snapshot.owned
        if request.app is not None:
            entries = tuple(entry for entry in entries if entry.app == request.app)
        return model.ReadReply(entries, snapshot.malformed)

    def plan(self, request: model.PlanRequest, context: Context) -> model.PlanReply:
        """See Operations.plan."""
        return reconcile.plan(request, self._store.snapshot(), self._store.express)

    def apply(self, request: model.ApplyRequest, context: Context) -> Iterator[model.ApplyEvent]:
        """See Operations.apply."""
        return ApplyRun(self._store, request.plan, context).events()

    def drift(self, request: model.DriftRequest, context: Context) -> model.DriftReply:
        """See Operations.drift."""
        return reconcile.drift(request, self._store.snapshot(), self._store.express)

    def prune(self, request: model.PruneRequest, context: Context) -> model.PruneReply:
        """See Operations.prune. All entries are removed in one change, or none."""
        if request.dry_run:
            return model.PruneReply(reconcile.select_prune(request, self._store.snapshot()))
        with self._store.transaction(context) as transaction:
            removed = reconcile.select_prune(request, transaction.snapshot())
            if removed:
                transaction.replace(removed, (), None)
        return model.PruneReply(removed)

    def adopt(self, request: model.AdoptRequest, context: Context) -> model.AdoptReply:
        """See Operations.adopt."""
        if request.dry_run:
            found = ownership.adopt(request, self._store.snapshot(), self._store.express)
            return _adopted(found, tuple(entry for _, entry in found.marks))
        with self._store.transaction(context) as transaction:
            found = ownership.adopt(request, transaction.snapshot(), self._store.express)
            if found.marks:
                transaction.mark(found.marks)
            entries = transaction.snapshot().owned if found.marks else ()
        job = request.job.job.name
        return _adopted(found, by_job(entries, request.app).get(job, ()))

    def verify_ownership(
        self,
        request: model.VerifyOwnershipRequest,
        context: Context,
    ) -> model.VerifyOwnershipReply:
        """See Operations.verify_ownership."""
        return ownership.verify(request, self._store.snapshot(), self._store.express)


def _adopted(found: ownership.Adoption, entries: tuple[Entry, ...]) -> model.AdoptReply:
    return model.AdoptReply(found.outcome, found.differences, found.owned or entries)
