r"""Parses a crontab's bytes into items, and writes the lines of an entry. No I/O.

    <five fields> <trigger binary> trigger <app>.<job>
    # cronix:owned app=<app> job=<job> hash=<hex> idx=<n>

An item is one of three: foreign bytes, which are only searched for unmarked lines that run a job;
an owned pair of a line and the marker below it; a malformed marker. Joined, all items are the file
again, byte for byte. So whatever a change does not replace stays as it is: invalid UTF-8, NULs,
line ends of any kind.

A marker owns the line directly above it if the words `trigger <app>.<job>` are in that line, even
if somebody commented it out or edited it. Otherwise the line is foreign and the marker an orphan.
An orphan is reported like a marker that cannot be read, and left alone.

Only LF ends a line, as for cron. A CR before it is part of the command that cron runs, so an owned
line with one is not as we write it. On a marker, which is a comment, it does not matter. New lines
end in LF in every file. Invalid UTF-8 is shown as \xNN in an entry's texts, which are for people.
"""

import re
from collections.abc import Iterator
from itertools import pairwise

import msgspec

from transportlab.store import MAX_SCHEDULES, Entry, is_name
from transportlab.store.cron import is_live

MARK = b"# cronix:owned"
FORM = "# cronix:owned app=<app> job=<job> hash=<hex> idx=<n>"

SHOWN = 200
"""Most characters of a malformed marker that Read shows."""

MAX_HASH = 64

_TRIGGER = re.compile(rb"trigger[ \t]+([a-z][a-z0-9-]{0,62})\.([a-z][a-z0-9-]{0,62})(?![\w.-])")
"""What runs a job, wherever it stands in a command."""

_MARKER = re.compile(
    rb"# cronix:owned app=([a-z][a-z0-9-]{0,62}) job=([a-z][a-z0-9-]{0,62})"
    rb" hash=([!-~]{1,64}) idx=(\d{1,2})\r?\n?"
)
"""A marker as it should be. Almost all are, and to look for faults takes five times as long."""


class Wording(msgspec.Struct, frozen=True):
    """How this crontab's lines run a job: `<user> <binary> trigger <app>.<job>`.

    user is empty in a crontab without a column for it.
    """

    binary: str
    user: str = ""

    def command(self, app: str, job: str) -> str:
        """What stands behind the five fields."""
        words = (self.user, self.binary, "trigger", f"{app}.{job}")
        return " ".join(filter(None, words))

    def runs(self, command: bytes) -> bool:
        """Whether some program before `trigger` is cronix's, at whatever path."""
        names = {b"cronix", self.binary.rpartition("/")[2].encode()}
        words = re.split(rb"[\s;&|()'\"`]+", command)
        return any(word.rpartition(b"/")[2] in names for word in words)


class Item:
    """Some whole lines of the file; foreign, unless of a subclass."""

    __slots__ = ("raw",)

    def __init__(self, raw: bytes) -> None:
        self.raw = raw


class Owned(Item):
    """A marker and the line above it, which it owns."""

    __slots__ = ("app", "command", "digest", "index", "job", "schedule")

    def __init__(self, raw: bytes, entry: Entry) -> None:
        super().__init__(raw)
        self.app, self.job, self.index, self.digest = entry.app, entry.job, entry.index, entry.hash
        self.schedule, self.command = entry.schedule, entry.command

    def entry(self, line: int = 0) -> Entry:
        """The entry, located at the line of that number (0: no location)."""
        return Entry(
            self.app,
            self.job,
            self.index,
            self.digest,
            self.schedule,
            self.command,
            place(line) if line else "",
        )


class Malformed(Item):
    """A marker that cannot be read, or that owns no line."""

    __slots__ = ("reason",)

    def __init__(self, raw: bytes, reason: str) -> None:
        super().__init__(raw)
        self.reason = reason


def place(line: int) -> str:
    """The location of an entry: the number of its line, counted from 1."""
    return f"line {line}"


def line_of(location: str) -> int:
    """The number of the line in a location that place() made."""
    return int(location.removeprefix("line "))


def text(raw: bytes) -> str:
    """Bytes as text for people; invalid UTF-8 shows as escapes."""
    return raw.decode("utf-8", "backslashreplace")


def bare(line: bytes) -> bytes:
    """The line without its line end."""
    return line.removesuffix(b"\n").removesuffix(b"\r")


def parse(data: bytes) -> list[Item]:
    """The file's items, in order; joined they are data again."""
    items: list[Item] = []
    done = 0
    for at in _marks(data):
        end = data.find(b"\n", at) + 1 or len(data)
        above = done
        if at > done:
            above = max(done, data.rfind(b"\n", done, at - 1) + 1)
        item = _marked(data[above:at], data[at:end])
        start = above if isinstance(item, Owned) else at
        if start > done:
            items.append(Item(data[done:start]))
        items.append(item)
        done = end
    if done < len(data):
        items.append(Item(data[done:]))
    return items


def _marks(data: bytes) -> Iterator[int]:
    """The offsets of the lines that begin like a marker."""
    at = data.find(MARK)
    while at >= 0:
        if at == 0 or data[at - 1 : at] == b"\n":
            yield at
        at = data.find(MARK, at + len(MARK))


def _marked(above: bytes, marker: bytes) -> Item:
    """The item that a marker makes with the line above it; above is empty if there is none."""
    try:
        found = _read_marker(marker)
    except ValueError as error:
        return Malformed(marker, str(error))
    job = f"{found.app}.{found.job}"
    line = above.removesuffix(b"\n")
    words = line.split()
    if not _runs(words, job.encode()):
        return Malformed(marker, f"the line above does not run trigger {job}")
    schedule, command = split_line(line) or _split_dead(words, job.encode())
    entry = Entry(found.app, found.job, found.index, found.hash, schedule, command)
    return Owned(above + marker, entry)


def _read_marker(marker: bytes) -> Entry:
    found = _MARKER.fullmatch(marker)
    if found is None or (index := int(found[4])) >= MAX_SCHEDULES:
        return parse_marker(bare(marker))
    return Entry(found[1].decode(), found[2].decode(), index, found[3].decode())


def parse_marker(line: bytes) -> Entry:
    """The members of a marker, as an entry without schedule and command.

    Raises ValueError with what is wrong.
    """
    words = text(line).split(" ")
    keys = ("app=", "job=", "hash=", "idx=")
    start, members = " ".join(words[:2]).encode(), words[2:]
    known = len(members) == len(keys) and all(map(str.startswith, members, keys))
    if start != MARK or not known:
        raise ValueError(f"not of the form {FORM}")
    app, job, digest, index = (m.partition("=")[2] for m in members)
    if not (is_name(app) and is_name(job)):
        raise ValueError("app or job is not a name")
    if not 0 < len(digest) <= MAX_HASH:
        raise ValueError(f"hash is not 1 to {MAX_HASH} characters")
    if not (index.isascii() and index.isdigit()):
        raise ValueError("idx is not a number")
    short = index.lstrip("0") or "0"
    # Checked as text first, because int() is slow for, or refuses, a number of many digits.
    if len(short) > len(str(MAX_SCHEDULES)) or int(short) >= MAX_SCHEDULES:
        raise ValueError(f"idx out of range: it is 0 to {MAX_SCHEDULES - 1}")
    return Entry(app, job, int(short), digest)


def _runs(words: list[bytes], job: bytes) -> bool:
    return any(pair == (b"trigger", job) for pair in pairwise(words))


def split_line(line: bytes) -> tuple[str, str] | None:
    """Schedule and command of a line that cron would read; None for any other.

    The schedule's words have single spaces between them.
    """
    start = line.lstrip(b" \t")
    if start.startswith(b"#"):
        return None
    fields = 1 if start.startswith(b"@") else 5
    words = line.split(None, fields)
    if len(words) <= fields:
        return None
    return text(b" ".join(words[:fields])), text(words[fields])


def _split_dead(words: list[bytes], job: bytes) -> tuple[str, str]:
    """Schedule and command of an edited line: the command begins one word before `trigger`."""
    at = words.index(b"trigger")
    while words[at + 1] != job:
        at = words.index(b"trigger", at + 1)
    start = max(0, at - 1)
    return text(b" ".join(words[:start])), text(b" ".join(words[start:]))


def marker(entry: Entry) -> bytes:
    """The marker line of an entry."""
    members = f"app={entry.app} job={entry.job} hash={entry.hash} idx={entry.index}"
    return b"%b %b\n" % (MARK, members.encode())


def owned(entry: Entry) -> Owned:
    """The two lines of an entry."""
    line = f"{entry.schedule} {entry.command}\n".encode()
    return Owned(line + marker(entry), entry)


def unmarked(raw: bytes, first: int, wording: Wording) -> Iterator[tuple[Entry, bool]]:
    """The lines among foreign ones that run a job, each with whether it is just as we write it.

    first is the number of the first line. A line that cron never runs is passed over: a comment,
    or one whose fields are wrong.
    """
    for found in _TRIGGER.finditer(raw):
        start = raw.rfind(b"\n", 0, found.start()) + 1
        end = raw.find(b"\n", found.end())
        parts = split_line(raw[start:] if end < 0 else raw[start:end])
        if parts is None or not is_live(parts[0]):
            continue
        app, job = found[1].decode(), found[2].decode()
        schedule, command = parts
        exact = command == wording.command(app, job)
        if exact or wording.runs(raw[start : found.start()]):
            where = place(first + raw.count(b"\n", 0, start))
            yield Entry(app, job, schedule=schedule, command=command, location=where), exact
