"""What an author builds a backend on: a store of entries, and the seven operations over it.

An author writes a Store and its Transaction. StoreOperations(store) then reads, plans, applies,
finds drift, prunes, adopts and verifies ownership:

    from transportlab.sdk import Plugin, run
    from transportlab.store import StoreOperations

    run(Plugin("shelf", "1.0", lambda config: StoreOperations(Shelf())))

docs/writing-a-plugin.md has the whole of it. A store that is one file also finds locking and
replacing in transportlab.store.file, which is not imported here: other stores do without.
"""

from transportlab.model import (
    MAX_SCHEDULES,
    DesiredJob,
    Entry,
    MalformedMarker,
    StoreWarning,
)
from transportlab.store.base import (
    Change,
    Snapshot,
    Store,
    Transaction,
    by_job,
    is_hash,
    is_name,
    order,
)
from transportlab.store.operations import StoreOperations

__all__ = [
    "MAX_SCHEDULES",
    "Change",
    "DesiredJob",
    "Entry",
    "MalformedMarker",
    "Snapshot",
    "Store",
    "StoreOperations",
    "StoreWarning",
    "Transaction",
    "by_job",
    "is_hash",
    "is_name",
    "order",
]
