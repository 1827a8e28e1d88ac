"""A crontab as a value: what is in it, and the crontab that a change makes of it. No I/O.

Pairs of a new job are appended. Those of a changed job stand together, where the first of its old
pairs stood. Foreign lines keep their bytes.

One case needs a trick: the last line lacks its line end, and something must follow it. Then the
line end is added, and below it a comment that notes this (NOTE). Once the note is the last line
again, both are taken back, and the file has its old bytes. The note ends with the line end that was
added, so it also tells which one. Adding no line end after the new last line instead would be no
way out: some crons ignore such a file.
"""

from collections.abc import Collection, Iterator, Sequence
from itertools import pairwise

from transportlab.backends.crontab import lines
from transportlab.backends.crontab.lines import Item, Malformed, Owned
from transportlab.backends.crontab.translate import is_live
from transportlab.store import Entry, MalformedMarker, Snapshot, is_name, order

NOTE = b"# cronix:line-end (the line above had none)"


class Document:
    """A crontab. It is immutable: each change makes a new one."""

    def __init__(self, items: list[Item], end: bytes) -> None:
        self._items = items
        self._end = end

    @classmethod
    def parse(cls, data: bytes) -> "Document":
        """The crontab in these bytes."""
        return cls(lines.parse(data), lines.line_end(data))

    def render(self) -> bytes:
        """Its bytes."""
        return b"".join([item.raw for item in self._items])

    def snapshot(self, binary: str) -> Snapshot:
        """What is there; candidates are the unmarked lines that run this trigger binary."""
        owned: list[Entry] = []
        malformed: list[MalformedMarker] = []
        candidates: list[Entry] = []
        for line, item in self._numbered():
            if isinstance(item, Owned):
                owned.append(item.entry(line))
            elif isinstance(item, Malformed):
                shown = lines.text(lines.bare(item.raw))[: lines.SHOWN]
                malformed.append(MalformedMarker(lines.place(line), shown, item.reason))
            else:
                candidates += _candidates(item.raw, line, binary)
        owned.sort(key=order)
        candidates.sort(key=order)
        dead = frozenset(entry for entry in owned if not is_live(entry.schedule))
        return Snapshot(tuple(owned), tuple(malformed), tuple(candidates), dead)

    def _numbered(self) -> Iterator[tuple[int, Item]]:
        """Each item with the number of its first line."""
        line = 1
        for item in self._items:
            yield line, item
            line += item.raw.count(b"\n")

    def owned(self, app: str, job: str) -> tuple[Entry, ...]:
        """The entries of one job, by index, without location."""
        found = [i for i in self._items if isinstance(i, Owned) and i.job == job and i.app == app]
        return tuple(item.entry() for item in sorted(found, key=lambda item: item.index))

    def replaced(self, jobs: Collection[tuple[str, str]], entries: Sequence[Entry]) -> "Document":
        """The crontab with these entries in the place of all that the jobs own.

        jobs: pairs of app and job. Raises ValueError, with the marker, if an orphan marker would
        end up below a line that it then owns.
        """
        new: list[Item] = [lines.owned(entry, self._end) for entry in entries]
        gone = [isinstance(i, Owned) and (i.app, i.job) in jobs for i in self._items]
        kept = [item for item, leaves in zip(self._items, gone, strict=True) if not leaves]
        at = gone.index(True) if True in gone else len(kept)
        if new:
            before, after = kept[:at], kept[at:]
            kept = [*(before if after else self._terminated(before)), *new, *after]
        document = Document(_without_note(kept), self._end)
        document.check_orphans()
        return document

    def check_orphans(self) -> None:
        """Raise ValueError, with the marker, if reading these items anew gives it a line."""
        for above, item in pairwise(self._items):
            if not isinstance(item, Malformed):
                continue
            line = above.raw[above.raw.rfind(b"\n", 0, -1) + 1 :]
            if isinstance(lines.parse(line + item.raw)[-1], Owned):
                raise ValueError(lines.text(lines.bare(item.raw)))

    def marked(self, marks: Sequence[tuple[Entry, Entry]]) -> "Document":
        """The crontab with a marker below the line of each candidate; no line is changed."""
        file = self.render().split(b"\n")
        file = [line + b"\n" for line in file[:-1]] + file[-1:]
        for candidate, entry in marks:
            at = lines.line_of(candidate.location) - 1
            file[at] += self._missing_end(file[at]) + lines.marker(entry, self._end)
        return Document.parse(b"".join(file))

    def _terminated(self, items: list[Item]) -> list[Item]:
        """The items with a line end at their end, so that a line can follow."""
        missing = self._missing_end(items[-1].raw) if items else b""
        if not missing:
            return items
        *rest, last = items
        if isinstance(last, Owned):  # cronix's own line, so no byte of others has changed
            return [*rest, Owned(last.raw + missing, last.entry())]
        return [*items, Item(missing + NOTE + missing)]

    def _missing_end(self, raw: bytes) -> bytes:
        """The line end that these lines lack. After a CR it is only the LF."""
        if raw.endswith(b"\n"):
            return b""
        return b"\n" if raw.endswith(b"\r") else self._end


def _without_note(items: list[Item]) -> list[Item]:
    """The items without a note at their end, and without the line end that the note is about."""
    tail = b"".join(item.raw for item in items[-2:])
    for end in (b"\r\n", b"\n"):
        note = end + NOTE + end
        if tail.endswith(note):
            return [*items[:-2], *lines.parse(tail.removesuffix(note))]
    return items


def _candidates(raw: bytes, first: int, binary: str) -> Iterator[Entry]:
    """The unmarked lines in foreign bytes whose command is just the trigger.

    first is the number of the first line in raw.
    """
    needle = f"{binary} trigger ".encode()
    at = raw.find(needle)
    while at >= 0:
        start = raw.rfind(b"\n", 0, at) + 1
        end = raw.find(b"\n", at) + 1 or len(raw)
        found = lines.split_line(lines.bare(raw[start:end]))
        if found is not None and found[1].startswith(prefix := needle.decode()):
            app, _, job = found[1].removeprefix(prefix).partition(".")
            if is_name(app) and is_name(job):
                where = lines.place(first + raw.count(b"\n", 0, start))
                yield Entry(app, job, schedule=found[0], command=found[1], location=where)
        at = raw.find(needle, end)
