"""The crontab as a Store: each change holds the file's lock and replaces the file once."""

import os
import pwd
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache

import msgspec
from msgspec.structs import replace

from transportlab.backends.crontab import conditions
from transportlab.backends.crontab.conditions import Setting
from transportlab.backends.crontab.document import Document
from transportlab.backends.crontab.lines import Wording, line_of
from transportlab.sdk import Code, Context, ErrorDetails, RpcError, invalid_argument
from transportlab.store import Change, DesiredJob, Entry, Snapshot, StoreWarning
from transportlab.store.cron import EXPRESSIBLE, translate
from transportlab.store.file import LockedFile, SharedFile

Known = tuple[bytes, Document]

_PROGRAMS = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")


class Crontab(msgspec.Struct, frozen=True):
    """Which crontab it is, as the configuration says.

    zone is the IANA name of the time zone in which cron runs it. system: it has a user column.
    """

    file: SharedFile
    wording: Wording
    zone: str
    system: bool = False


class CrontabStore:
    """See Store. A missing file is an empty one; the first write makes it."""

    def __init__(self, crontab: Crontab) -> None:
        self._crontab = crontab
        # What was parsed or written last. It is used only for equal bytes, so it may be outdated
        # and any thread may replace it; an Apply of many ops is spared parsing its own work.
        self._known: Known = (b"", Document.parse(b""))

    def express(self, app: str, desired: DesiredJob, path: str) -> tuple[Entry, ...]:
        """See Store.express."""
        job = desired.job.name
        command = self._crontab.wording.command(app, job)
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
        """See Store.snapshot. Needs no lock, as the file is only ever replaced whole."""
        data, state = self._crontab.file.look()
        return _snapshot(self._crontab, self.document(data), data or b"", state)

    @contextmanager
    def transaction(self, context: Context) -> Iterator["CrontabTransaction"]:
        """See Store.transaction."""
        with self._crontab.file.locked(context) as file:
            yield CrontabTransaction(self, self._crontab, file)

    def document(self, data: bytes | None) -> Document:
        """The crontab in the file's bytes.

        Raises FAILED_PRECONDITION for one whose lines are not of the format that is configured.
        """
        data = data or b""
        known, document = self._known
        if data != known:
            document = Document.parse(data)
            _check_format(self._crontab, document)
            self._known = data, document
        return document

    def know(self, data: bytes, document: Document) -> None:
        """Remember a crontab that has been written, by its bytes."""
        self._known = data, document


class CrontabTransaction:
    """See Transaction."""

    def __init__(self, store: CrontabStore, crontab: Crontab, file: LockedFile) -> None:
        self._store = store
        self._crontab = crontab
        self._file = file
        self._document = store.document(file.read())

    def snapshot(self) -> Snapshot:
        """See Transaction.snapshot. Warnings are for who looks, not for who writes: none here."""
        return self._document.snapshot(self._crontab.wording)

    def owned(self, app: str, job: str) -> tuple[Entry, ...]:
        """See Transaction.owned."""
        return self._document.owned(app, job)

    def replace(
        self, before: tuple[Entry, ...], after: tuple[Entry, ...], desired: DesiredJob | None
    ) -> None:
        """See Transaction.replace.

        Raises FAILED_PRECONDITION where an orphan marker would come to own another line.
        """
        self._write(_replaced(self._crontab, self._document, (before, after, desired)))

    def mark(self, marks: tuple[tuple[Entry, Entry], ...]) -> None:
        """See Transaction.mark. Only marker lines are put in."""
        self._write(self._document.marked(marks))

    def _write(self, document: Document) -> None:
        data = document.render()
        self._file.write(data)
        self._store.know(data, document)
        self._document = document


def _replaced(crontab: Crontab, document: Document, change: Change) -> Document:
    """The document after one change. Raises what Transaction.replace raises."""
    before, after, desired = change
    jobs = {(entry.app, entry.job) for entry in before}
    schedules = [entry.schedule for entry in after]
    wanted = desired.job.timezone if desired else ""

    def suits(zone: str) -> bool:
        return not wanted or conditions.fires_alike(schedules, wanted, zone or crontab.zone)

    try:
        return document.replaced(jobs, after, suits)
    except ValueError as error:
        raise _orphaned(crontab.file.path, error) from None


def _orphaned(path: str, error: ValueError) -> RpcError:
    return RpcError(
        Code.FAILED_PRECONDITION,
        f"{path}: an orphan marker would come to own another line: {error}",
        ErrorDetails(
            "ORPHAN_MARKER",
            path=path,
            got=str(error),
            action="remove that marker from the crontab, then plan again",
        ),
    )


def _snapshot(
    crontab: Crontab, document: Document, data: bytes, state: os.stat_result | None
) -> Snapshot:
    """What is there, with what keeps it from running as it stands."""
    found = document.snapshot(crontab.wording)
    path = crontab.file.path
    warnings = tuple(conditions.file_warnings(path, data, state, system=crontab.system))
    settings = document.settings()

    def judge(app: str, desired: DesiredJob) -> Iterator[StoreWarning]:
        job = desired.job.name
        standing = [line_of(e.location) for e in found.owned if (e.app, e.job) == (app, job)]
        above = [each for each in settings if not standing or each.line < max(standing)]
        yield from conditions.setting_warnings(above, crontab.wording.binary.startswith("/"))
        yield from _zone_warning(crontab, above, desired, standing)

    def check_changes(changes: Iterable[Change]) -> None:
        changed = document
        if document.has_orphans():  # else no change can give one a line
            for change in changes:
                changed = _replaced(crontab, changed, change)

    return replace(found, warnings=warnings, judge=judge, check_changes=check_changes)


def _zone_warning(
    crontab: Crontab, settings: Sequence[Setting], desired: DesiredJob, standing: Sequence[int]
) -> Iterator[StoreWarning]:
    """A warning if the job would fire at other times than its own time zone asks for.

    standing holds the numbers of its lines. New lines go where the zone is right, if there is such
    a place.
    """
    job, wanted = desired.job.name, desired.job.timezone
    fields = [translate(schedule) for schedule in desired.job.schedules]
    places = [conditions.zone_at(line, settings, crontab.zone) for line in standing]
    if not places:
        zones = [Setting(0, "", crontab.zone), *(s for s in settings if s.name == "CRON_TZ")]
        if any(not wanted or conditions.fires_alike(fields, wanted, z.value) for z in zones):
            return
        places = zones[-1:]
    for place in places:
        if wanted and not conditions.fires_alike(fields, wanted, place.value):
            origin = f"CRON_TZ in line {place.line}" if place.line else "this crontab"
            yield StoreWarning(
                "ZONE",
                job,
                f"line {place.line}" if place.line else crontab.file.path,
                f"{job} is to run by {wanted}, but runs by {place.value}, the zone of {origin}",
                f"give the job the timezone {place.value}, or say by config timezone=NAME by which"
                " one cron runs this crontab",
            )
            return


def _check_format(crontab: Crontab, document: Document) -> None:
    """Raise FAILED_PRECONDITION for a user column too many, or none (P-CRONTAB-3)."""
    for line, words in document.commands():
        user = is_user(words[0]) and len(words) > 1
        if user and not crontab.system and not is_program(words[0]):
            problem = f'"{words[0]}" is a user: this is a system crontab'
            action = "give --backend-config format=system and user=NAME"
        elif crontab.system and not user:
            problem = f'"{words[0]}" is no user: cron ignores a system crontab with such a line'
            action = "put a user before that command, or leave out --backend-config format=system"
        else:
            continue
        path = crontab.file.path
        raise RpcError(
            Code.FAILED_PRECONDITION,
            f"{path}, line {line}: {problem}",
            ErrorDetails(
                "CRONTAB_FORMAT",
                path=f"{path}:{line}",
                expected="a user column" if crontab.system else "no user column",
                got=" ".join(words),
                action=action,
            ),
        )


@lru_cache(maxsize=256)
def is_user(name: str) -> bool:
    """Whether this machine has a user of that name."""
    try:
        pwd.getpwnam(name)
    except (KeyError, ValueError):
        return False
    return True


@lru_cache(maxsize=256)
def is_program(name: str) -> bool:
    """Whether a shell finds a program of that name: `mail` is a user and a program."""
    return any(os.access(f"{folder}/{name}", os.X_OK) for folder in _PROGRAMS)
