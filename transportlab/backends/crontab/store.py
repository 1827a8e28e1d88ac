"""The crontab as a Store: each change holds the file's lock and replaces the file once."""

from collections.abc import Iterator
from contextlib import contextmanager

from transportlab.backends.crontab.document import Document
from transportlab.backends.crontab.translate import EXPRESSIBLE, translate
from transportlab.sdk import Code, Context, ErrorDetails, RpcError, invalid_argument
from transportlab.store import DesiredJob, Entry, Snapshot
from transportlab.store.file import LockedFile, SharedFile

Known = tuple[bytes, Document]


class CrontabStore:
    """A Store over one file. A file that is not there counts as empty; the first write makes it."""

    def __init__(self, file: SharedFile, binary: str) -> None:
        self._file = file
        self._binary = binary
        # What was parsed or written last, so that an Apply of many ops need not parse its own work.
        # It is used for equal bytes only: it may be outdated, and any thread may replace it.
        self._known: Known = (b"", Document.parse(b""))

    def express(self, app: str, desired: DesiredJob, path: str) -> tuple[Entry, ...]:
        """See Store.express. Raises INVALID_ARGUMENT, reason SCHEDULE_NOT_EXPRESSIBLE."""
        job = desired.job.name
        command = f"{self._binary} trigger {app}.{job}"
        entries: list[Entry] = []
        for index, schedule in enumerate(desired.job.schedules):
            try:
                fields = translate(schedule)
            except ValueError as error:
                raise invalid_argument(
                    f"{path}/job/schedules/{index}",
                    f'a crontab cannot express "{schedule}": {error}; it can: {EXPRESSIBLE}',
                    reason="SCHEDULE_NOT_EXPRESSIBLE",
                    expected=EXPRESSIBLE,
                    got=schedule,
                ) from None
            entries.append(Entry(app, job, index, desired.hashes[index], fields, command))
        return tuple(entries)

    def snapshot(self) -> Snapshot:
        """See Store.snapshot. Takes no lock: the file is only ever replaced whole."""
        return self.document(self._file.read()).snapshot(self._binary)

    @contextmanager
    def transaction(self, context: Context) -> Iterator["CrontabTransaction"]:
        """See Store.transaction."""
        with self._file.locked(context) as file:
            yield CrontabTransaction(self, self._file.path, self._binary, file)

    def document(self, data: bytes | None) -> Document:
        """The crontab in the file's bytes; None is a file that is not there."""
        data = data or b""
        known, document = self._known
        if data != known:
            document = Document.parse(data)
            self._known = data, document
        return document

    def know(self, data: bytes, document: Document) -> None:
        """Remember a crontab that has been written, by its bytes."""
        self._known = data, document


class CrontabTransaction:
    """A Transaction inside the file's lock."""

    def __init__(self, store: CrontabStore, path: str, binary: str, file: LockedFile) -> None:
        self._store = store
        self._path = path
        self._binary = binary
        self._file = file
        self._document = store.document(file.read())

    def snapshot(self) -> Snapshot:
        """See Transaction.snapshot."""
        return self._document.snapshot(self._binary)

    def owned(self, app: str, job: str) -> tuple[Entry, ...]:
        """See Transaction.owned."""
        return self._document.owned(app, job)

    def replace(self, before: tuple[Entry, ...], after: tuple[Entry, ...]) -> None:
        """See Transaction.replace.

        Raises FAILED_PRECONDITION, reason ORPHAN_MARKER, if an orphan marker would end up below a
        line that it then owns.
        """
        jobs = {(entry.app, entry.job) for entry in before}
        try:
            document = self._document.replaced(jobs, after)
        except ValueError as error:
            raise RpcError(
                Code.FAILED_PRECONDITION,
                f"{self._path}: an orphan marker would come to own another line: {error}",
                ErrorDetails(
                    "ORPHAN_MARKER",
                    path=self._path,
                    got=str(error),
                    action="remove that marker from the crontab, then plan again",
                ),
            ) from None
        self._write(document)

    def mark(self, marks: tuple[tuple[Entry, Entry], ...]) -> None:
        """See Transaction.mark. Only adds marker lines."""
        self._write(self._document.marked(marks))

    def _write(self, document: Document) -> None:
        data = document.render()
        self._file.write(data)
        self._store.know(data, document)
        self._document = document
