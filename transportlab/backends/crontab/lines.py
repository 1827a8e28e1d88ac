r"""Parses a crontab's bytes into items, and writes the lines of an entry. No I/O.

    <five fields> <trigger binary> trigger <app>.<job>
    # cronix:owned app=<app> job=<job> hash=<hex> idx=<n>

An item is one of three: foreign bytes, which are only searched for candidates; an owned pair of a
line and the marker below it; a malformed marker. Joined, all items are the file again, byte for
byte. So whatever a change does not replace stays as it is: invalid UTF-8, NULs, line ends of any
kind.

A marker owns the line directly above it if the words `trigger <app>.<job>` are in that line, even
if somebody commented it out or edited it. Otherwise the line is foreign and the marker an orphan.
An orphan is reported like a marker that cannot be read, and left alone.

Only LF ends a line; a CR before it belongs to the line end. New lines get the line end that most
lines of the file have. Invalid UTF-8 is shown as \xNN in an entry's texts, which are for people.
"""

from collections.abc import Iterator
from itertools import pairwise

from transportlab.store import MAX_SCHEDULES, Entry, is_hash, is_name

MARK = b"# cronix:owned"
FORM = "# cronix:owned app=<app> job=<job> hash=<hex> idx=<n>"

SHOWN = 200
"""Most characters of a malformed marker that Read shows."""


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


def line_end(data: bytes) -> bytes:
    """The line end that most lines have; LF if there is none."""
    return b"\r\n" if data.count(b"\r\n") * 2 > data.count(b"\n") else b"\n"


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
        found = parse_marker(bare(marker))
    except ValueError as error:
        return Malformed(marker, str(error))
    job = f"{found.app}.{found.job}"
    line = bare(above)
    words = line.split()
    if not _runs(words, job.encode()):
        return Malformed(marker, f"the line above does not run trigger {job}")
    schedule, command = split_line(line) or _split_dead(words, job.encode())
    entry = Entry(found.app, found.job, found.index, found.hash, schedule, command)
    return Owned(above + marker, entry)


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
    if not is_hash(digest):
        raise ValueError("hash is not 1 to 64 lower-case hex digits")
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


def marker(entry: Entry, end: bytes) -> bytes:
    """The marker line of an entry, with that line end."""
    members = f"app={entry.app} job={entry.job} hash={entry.hash} idx={entry.index}"
    return b"%b %b%b" % (MARK, members.encode(), end)


def owned(entry: Entry, end: bytes) -> Owned:
    """The two lines of an entry, each with that line end."""
    line = f"{entry.schedule} {entry.command}".encode()
    return Owned(line + end + marker(entry, end), entry)
