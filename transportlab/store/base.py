"""What a backend's author provides: a Store, its transactions, and snapshots of what it holds.

StoreOperations (operations.py) makes the seven operations of a Store. All decisions are made there;
a store says how a job reads in its scheduler's terms, what is there, and carries out one change.
"""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import Protocol

import msgspec

from transportlab.context import Context
from transportlab.model import DesiredJob, Entry, MalformedMarker, StoreWarning

MAX_NAME = 63
MAX_HASH = 64

_NAME_CHARS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")
_HEX = frozenset("0123456789abcdef")

Express = Callable[[str, DesiredJob, str], tuple[Entry, ...]]
"""The type of Store.express."""


Judge = Callable[[str, DesiredJob], Iterable[StoreWarning]]
"""From an app and one of its desired jobs to what keeps that job from running as desired."""


def no_warnings(*_: object) -> tuple[StoreWarning, ...]:
    """The Judge of a store that runs each job as it is desired."""
    return ()


Change = tuple[tuple[Entry, ...], tuple[Entry, ...], DesiredJob | None]
"""What Transaction.replace is given: before, after and desired."""


def any_changes(_: Iterable[Change]) -> None:
    """The check_changes of a store that can replace whatever it owns."""


Meaning = Callable[[str], str]
"""The type of Snapshot.meaning."""


def same_times(schedule: str) -> str:
    """The Meaning of a store whose schedules read as in a manifest."""
    from transportlab.store.cron import schedule_meaning  # a session may never compare

    return schedule_meaning(schedule)


class Snapshot(msgspec.Struct, frozen=True):
    """What a store holds at one moment, in the scheduler's own terms.

    owned: the marked entries, sorted by `order`; copies of one in the order in which they stand.
    malformed: the marks that cannot be read or have lost their entry.
    candidates: the entries without a mark that run exactly cronix's command for their app and job,
    sorted by `order`. Their hash is empty. Adopt can mark them.
    strays: other live entries without a mark that run cronix's trigger for their app and job, with
    a redirection for instance. Their hash is empty. Nothing can mark them, but they run the job.
    dead: those of owned that can never run, because somebody commented them out or broke them.
    warnings: what keeps the store's entries from running as they stand, whatever job they are of.
    judge: gives the same for one desired job. A job in another timezone is an example.
    check_changes: raises the RpcError with which the store would refuse one of these changes, made
    in their order.
    meaning: gives one text for all spellings of one schedule, in every process. Entries whose
    schedules mean the same count as equal. Without it they are read as a manifest's schedules.
    """

    owned: tuple[Entry, ...] = ()
    malformed: tuple[MalformedMarker, ...] = ()
    candidates: tuple[Entry, ...] = ()
    strays: tuple[Entry, ...] = ()
    dead: frozenset[Entry] = frozenset()
    warnings: tuple[StoreWarning, ...] = ()
    judge: Judge = no_warnings
    check_changes: Callable[[Iterable[Change]], None] = any_changes
    meaning: Meaning = same_times

    def unmarked(self, app: str) -> tuple[Entry, ...]:
        """The entries of one app that run its jobs without a mark: candidates and strays."""
        found = (*self.candidates, *self.strays)
        return tuple(sorted((e for e in found if e.app == app), key=order))


class Transaction(Protocol):
    """Sole access to a store, for one writer.

    A change is durable when its method returns. If the method raises, nothing has changed.
    """

    def snapshot(self) -> Snapshot:
        """What is there now, with the changes of this transaction."""

    def owned(self, app: str, job: str) -> tuple[Entry, ...]:
        """The owned entries of one job, sorted by index; their location may be empty.

        Apply calls this once for each op, so it should cost less than a whole snapshot.
        """

    def replace(
        self, before: tuple[Entry, ...], after: tuple[Entry, ...], desired: DesiredJob | None
    ) -> None:
        """Put the entries of after in the place of those of before.

        desired is the job that after stands for, None where after is empty.

        before comes from this transaction's owned() or snapshot(). It holds all owned entries of
        one job, or of several jobs where after is empty. Either may be empty, not both.
        """

    def mark(self, marks: tuple[tuple[Entry, Entry], ...]) -> None:
        """Turn candidates into owned entries, each without changing what it runs.

        Each pair is a candidate of this transaction's snapshot and the owned entry that it becomes.
        """


class Store(Protocol):
    """Where a scheduler keeps its entries. Safe to use from several threads.

    Each method may raise RpcError, which reaches the host as it is.
    """

    def express(self, app: str, desired: DesiredJob, path: str) -> tuple[Entry, ...]:
        """The entries that would stand for a desired job, without reading or writing anything.

        Returns one entry for each of desired.job.schedules: its index is the schedule's position,
        its hash the one of desired.hashes there, its location empty. Equal arguments must give
        equal entries. The caller has checked names, hashes and counts (P-PLAN-2).

        Raises INVALID_ARGUMENT with the path `<path>/job/schedules/<i>` for a schedule that the
        scheduler cannot express.
        """

    def snapshot(self) -> Snapshot:
        """What is there at one moment."""

    def transaction(self, context: Context) -> AbstractContextManager[Transaction]:
        """Wait until no other writer has access, for as long as the context allows.

        Entering raises CANCELLED or DEADLINE_EXCEEDED, as Context.wait does, if the call ends
        while it waits.
        """


def is_name(text: str) -> bool:
    """Whether the text can be the name of an app or a job: [a-z][a-z0-9-]{0,62}."""
    return 0 < len(text) <= MAX_NAME and "a" <= text[0] <= "z" and _NAME_CHARS.issuperset(text)


def is_hash(text: str) -> bool:
    """Whether the text can be an entry's hash: 1 to 64 lower-case hex digits."""
    return 0 < len(text) <= MAX_HASH and _HEX.issuperset(text)


def order(entry: Entry) -> tuple[str, str, int]:
    """The sort key of entries: app, job, index."""
    return entry.app, entry.job, entry.index


def by_job(entries: Iterable[Entry], app: str) -> dict[str, tuple[Entry, ...]]:
    """The entries of one app by job, in the order given."""
    jobs: dict[str, list[Entry]] = {}
    for entry in entries:
        if entry.app == app:
            jobs.setdefault(entry.job, []).append(entry)
    return {job: tuple(found) for job, found in jobs.items()}
