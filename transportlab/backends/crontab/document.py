"""A crontab as a value: what is in it, and the crontab that a change makes of it. No I/O.

Pairs of a new job are appended. Those of a changed job stand together, where the first of its old
pairs stood. But a CRON_TZ above that place changes when they run. Then they go to the last place
where the time zone is right for the job, if there is one. Foreign lines keep their bytes.

One case needs a trick: the last line lacks its line end, and something must follow it. Then the
line end is added, and below it a comment that notes this (NOTE). Once the note is the last line
again, both are taken back, and the file has its old bytes. Adding no line end after the new last
line instead would be no way out: some crons ignore such a file.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import pairwise

from transportlab.backends.crontab import conditions, lines
from transportlab.backends.crontab.lines import Item, Malformed, Owned, Wording
from transportlab.store import Entry, MalformedMarker, Snapshot, order
from transportlab.store.cron import is_live, meaning

Suits = Callable[[str], bool]
"""Whether a time zone is right for the entries that are put in; "" is the crontab's own."""

NOTE = b"# cronix:line-end (the line above had none)"


class Document:
    """A crontab. It is immutable: each change makes a new one."""

    def __init__(self, items: list[Item]) -> None:
        self._items = items

    @classmethod
    def parse(cls, data: bytes) -> "Document":
        """The crontab in these bytes."""
        return cls(lines.parse(data))

    def render(self) -> bytes:
        """Its bytes."""
        return b"".join([item.raw for item in self._items])

    def snapshot(self, wording: Wording) -> Snapshot:
        """What is there, candidates being lines of just this wording."""
        owned: list[Entry] = []
        malformed: list[MalformedMarker] = []
        candidates: list[Entry] = []
        strays: list[Entry] = []
        for line, item in self._numbered():
            if isinstance(item, Owned):
                owned.append(item.entry(line))
            elif isinstance(item, Malformed):
                shown = lines.text(lines.bare(item.raw))[: lines.SHOWN]
                malformed.append(MalformedMarker(lines.place(line), shown, item.reason))
            else:
                for entry, exact in lines.unmarked(item.raw, line, wording):
                    (candidates if exact else strays).append(entry)
        for entries in (owned, candidates, strays):
            entries.sort(key=order)
        return Snapshot(
            tuple(owned),
            tuple(malformed),
            tuple(candidates),
            tuple(strays),
            frozenset(entry for entry in owned if not is_live(entry.schedule)),
            meaning=meaning,
        )

    def settings(self) -> tuple[conditions.Setting, ...]:
        """The settings that cron would read, from top to bottom."""
        foreign = ((line, item) for line, item in self._numbered() if type(item) is Item)
        return tuple(each for line, item in foreign for each in conditions.settings(item.raw, line))

    def commands(self) -> Iterator[tuple[int, list[str]]]:
        """The number of each line that cron would run, and the words behind its fields."""
        for first, item in self._numbered():
            if isinstance(item, Owned):
                if is_live(item.schedule) and (words := item.command.split()):
                    yield first, words
                continue
            for number, line in enumerate(item.raw.split(b"\n"), first):
                found = lines.split_line(line)
                if found is not None and is_live(found[0]) and (words := found[1].split()):
                    yield number, words

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

    def replaced(
        self,
        jobs: Collection[tuple[str, str]],
        entries: Sequence[Entry],
        suits: Suits = lambda _: True,
    ) -> "Document":
        """The crontab with these entries in the place of all that the jobs, as (app, job), have.

        jobs: pairs of app and job. Raises ValueError, with the marker, if an orphan marker would
        end up below a line that it then owns.
        """
        new: list[Item] = [lines.owned(entry) for entry in entries]
        gone = [isinstance(i, Owned) and (i.app, i.job) in jobs for i in self._items]
        kept = [item for item, leaves in zip(self._items, gone, strict=True) if not leaves]
        at = gone.index(True) if True in gone else len(kept)
        if new:
            before, after = _parted(kept, at, suits)
            kept = [*(before if after else _terminated(before)), *new, *after]
        document = Document(_without_note(kept))
        document.check_orphans()
        return document

    def has_orphans(self) -> bool:
        """Whether there is a marker without a line of its own, or one that cannot be read."""
        return any(isinstance(item, Malformed) for item in self._items)

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
            file[at] += _missing_end(file[at]) + lines.marker(entry)
        return Document.parse(b"".join(file))


def _parted(items: list[Item], at: int, suits: Suits) -> tuple[list[Item], list[Item]]:
    """What stands above and below new entries: at that place if its time zone suits them.

    Else they go to the last place that has one which does: the end of the crontab, or just above
    a CRON_TZ. If no place has, they stay where they belong, and a warning has told of it.
    """
    zones: list[tuple[int, int, str]] = []  # of each CRON_TZ: its item, its offset, its zone
    for number, item in enumerate(items):
        if type(item) is Item:
            found = (each for each in conditions.settings(item.raw, 0) if each.name == "CRON_TZ")
            zones += [(number, each.line, each.value) for each in found]
    here = [zone for number, _, zone in zones if number < at]
    if suits(here[-1] if here else ""):
        return items[:at], items[at:]
    if zones and suits(zones[-1][2]):
        return items, []
    above = ["", *(zone for _, _, zone in zones)]
    for (number, line, _), zone in reversed(list(zip(zones, above, strict=False))):
        if suits(zone):
            raw = items[number].raw.split(b"\n")
            upper, lower = b"\n".join([*raw[:line], b""]), b"\n".join(raw[line:])
            before = [*items[:number], *([Item(upper)] if upper else [])]
            return before, [Item(lower), *items[number + 1 :]]
    return items[:at], items[at:]


def _terminated(items: list[Item]) -> list[Item]:
    """The items so that something can follow."""
    missing = _missing_end(items[-1].raw) if items else b""
    if not missing:
        return items
    *rest, last = items
    if isinstance(last, Owned):  # cronix's own line: nothing to take back
        return [*rest, Owned(last.raw + missing, last.entry())]
    return [*items, Item(missing + NOTE + missing)]


def _missing_end(raw: bytes) -> bytes:
    """What the last of these lines needs to end."""
    return b"" if raw.endswith(b"\n") else b"\n"


def _without_note(items: list[Item]) -> list[Item]:
    """The items without a note at their end, and without the line end that the note is about."""
    tail = b"".join(item.raw for item in items[-2:])
    for end in (b"\r\n", b"\n"):
        note = end + NOTE + end
        if tail.endswith(note):
            return [*items[:-2], *lines.parse(tail.removesuffix(note))]
    return items
