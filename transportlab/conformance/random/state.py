"""What a store holds, as the model has it: lines, of which some are pairs that an entry is.

It is a crontab (P-CRONTAB-1), written anew from the clauses: the reference's own parser would make
its own mistakes twice. A store that nobody edits has the same lines, and no others than pairs.
"""

from collections.abc import Callable, Collection, Sequence
from itertools import pairwise

from msgspec import Struct
from msgspec.structs import replace

from transportlab.conformance.random.steps import MEANINGS, Edit

STRAY = " >/dev/null 2>&1"
"""Behind cronix's command: it runs the job, and is not what Adopt may mark (P-ADOPT-1)."""


class Runs(Struct, frozen=True):
    """A line that runs a job. means: when it fires. dead: somebody commented it out."""

    app: str
    job: str
    schedule: str
    command: str
    means: str
    dead: bool = False

    @property
    def text(self) -> str:
        """The line."""
        return f"{'#' * self.dead}{self.schedule} {self.command}"


class Mark(Struct, frozen=True):
    """A mark of ownership. It owns the line above it, if that runs its job."""

    app: str
    job: str
    index: int
    hash: str

    @property
    def text(self) -> str:
        """The line."""
        members = f"app={self.app} job={self.job} hash={self.hash} idx={self.index}"
        return f"# cronix:owned {members}"


class Other(Struct, frozen=True):
    """Any other line. broken: it is a mark that cannot be read."""

    text: str
    broken: bool = False


Line = Runs | Mark | Other


class Held(Struct, frozen=True):
    """An entry, there or desired. What is not known yet of a desired one is empty.

    means: when it fires. at: its line's number, -1 for one that is not there.
    """

    app: str
    job: str
    index: int
    hash: str
    schedule: str
    command: str
    means: str
    dead: bool = False
    at: int = -1

    def pattern(self) -> dict[str, object]:
        """What a reply must have for it.

        How a plugin splits a line that is commented out into schedule and command is its own
        business.
        """
        pattern: dict[str, object] = {"app": self.app, "job": self.job}
        pattern |= {"index": self.index, "hash": self.hash}
        told = {} if self.dead else {"schedule": self.schedule, "command": self.command}
        return pattern | {name: text for name, text in told.items() if text}

    def meaning(self) -> tuple[object, ...]:
        """What it is compared by, whatever words its schedule is in."""
        when = ("dead", self.schedule) if self.dead else self.means
        return self.job, self.index, self.hash, when, self.command

    def lines(self) -> list[Line]:
        """The two lines that it is."""
        runs = Runs(self.app, self.job, self.schedule, self.command, self.means)
        return [runs, Mark(self.app, self.job, self.index, self.hash)]


def alike(one: Held, other: Held) -> bool:
    """Whether both have the same content. A command that is not known yet is no difference."""
    commands = {one.command, other.command} - {""}
    return (
        (one.index, one.hash, one.means) == (other.index, other.hash, other.means)
        and not one.dead | other.dead
        and len(commands) < 2  # noqa: PLR2004  # one and the same, or none
    )


def same(left: Sequence[Held], right: Sequence[Held]) -> bool:
    """Whether both hold entries of the same content, in the same order."""
    return len(left) == len(right) and all(map(alike, left, right))


class Orphaned(Exception):
    """A change would give a mark that has lost its line another one."""


def _pairs(lines: Sequence[Line]) -> list[tuple[int, Runs, Mark]]:
    return [
        (at, line, mark)
        for at, (line, mark) in enumerate(pairwise(lines))
        if isinstance(line, Runs)
        and isinstance(mark, Mark)
        and (line.app, line.job) == (mark.app, mark.job)
    ]


def held(lines: Sequence[Line]) -> list[Held]:
    """The owned entries by app, job and index; copies of one in the order of their lines."""
    found = [
        Held(
            app=mark.app,
            job=mark.job,
            index=mark.index,
            hash=mark.hash,
            schedule=line.schedule,
            command=line.command,
            means=line.means,
            dead=line.dead,
            at=at,
        )
        for at, line, mark in _pairs(lines)
    ]
    return sorted(found, key=lambda entry: (entry.app, entry.job, entry.index))


def unmarked(lines: Sequence[Line]) -> list[tuple[int, Runs]]:
    """The live lines that run a job and carry no mark, with their numbers."""
    owned = {at for at, _, _ in _pairs(lines)}
    return [
        (at, line)
        for at, line in enumerate(lines)
        if isinstance(line, Runs) and not line.dead and at not in owned
    ]


def malformed(lines: Sequence[Line]) -> list[str]:
    """The marks that cannot be read, or have no line."""
    lost = _lost(lines)
    return [line.text for line in lines if id(line) in lost]


def _lost(lines: Sequence[Line]) -> set[int]:
    """Which lines are such marks, by identity: two marks may be equal."""
    owning = {id(mark) for _, _, mark in _pairs(lines)}
    return {
        id(line)
        for line in lines
        if (isinstance(line, Mark) and id(line) not in owning)
        or (isinstance(line, Other) and line.broken)
    }


def replaced(
    lines: Sequence[Line], jobs: Collection[tuple[str, str]], entries: Sequence[Held] = ()
) -> list[Line]:
    """The lines with these entries in the place of all that the jobs, as (app, job), have.

    New ones stand where the first old one stood, else at the end. Raises Orphaned.
    """
    taken = {entry.at for entry in held(lines) if (entry.app, entry.job) in jobs}
    gone = taken | {at + 1 for at in taken}
    after = [line for number, line in enumerate(lines) if number not in gone]
    at = min(gone, default=len(lines))
    after[at:at] = [line for entry in entries for line in entry.lines()]
    if _lost(lines) & {id(mark) for _, _, mark in _pairs(after)}:
        raise Orphaned
    return after


def marked(lines: Sequence[Line], marks: dict[int, Mark]) -> list[Line]:
    """The lines with marks below those of these numbers."""
    after: list[Line] = []
    for number, line in enumerate(lines):
        after += [line, marks[number]] if number in marks else [line]
    return after


# ---- edits by hand


def _live(lines: Sequence[Line]) -> list[int]:
    return [n for n, line in enumerate(lines) if isinstance(line, Runs) and not line.dead]


def _dead(lines: Sequence[Line]) -> list[int]:
    return [n for n, line in enumerate(lines) if isinstance(line, Runs) and line.dead]


def _running(lines: Sequence[Line]) -> list[int]:
    return sorted(_live(lines) + _dead(lines))


def _marks(lines: Sequence[Line]) -> list[int]:
    return [n for n, line in enumerate(lines) if isinstance(line, Mark)]


def _owned(lines: Sequence[Line]) -> list[int]:
    return [at for at, _, _ in _pairs(lines)]


def _any(lines: Sequence[Line]) -> list[int]:
    return list(range(len(lines) + 1))


def _set(**members: object) -> Callable[[list[Line], int], None]:
    def change(lines: list[Line], at: int) -> None:
        lines[at] = replace(lines[at], **members)

    return change


def _remove(count: int) -> Callable[[list[Line], int], None]:
    def change(lines: list[Line], at: int) -> None:
        del lines[at : at + count]

    return change


def _copy(lines: list[Line], at: int) -> None:
    lines += [replace(line) for line in lines[at : at + 2]]


def _break(lines: list[Line], at: int) -> None:
    lines[at] = Other(lines[at].text.partition(" hash=")[0], broken=True)


EDITS: dict[str, tuple[Callable[[Sequence[Line]], list[int]], str]] = {
    "comment-out": (_live, "the line of a job"),
    "uncomment": (_dead, "the line of a job"),
    "reschedule": (_live, "the schedule in a job's line"),
    "rehash": (_marks, "the hash in a mark"),
    "remove-line": (_running, "the line of a job, without its mark"),
    "remove-mark": (_marks, "a mark, without its line"),
    "remove-pair": (_owned, "both lines of an entry"),
    "copy-pair": (_owned, "both lines of an entry, to the end"),
    "break-mark": (_marks, "a mark, so that it cannot be read"),
    "add-line": (_any, "cronix's own line for a job, without a mark"),
    "add-stray": (_any, "a line that runs a job and more"),
    "add-mark": (_any, "a mark"),
    "add-foreign": (_any, "somebody's line"),
}
"""The kinds of edit: to which lines each can be done, and what it changes."""

FOREIGN_LINE = "5 5 * * * /usr/bin/true"


def edited(lines: Sequence[Line], step: Edit, command: str) -> list[Line]:
    """The lines after an edit. command: cronix's own for the step's app and job."""
    places = EDITS[step.kind][0](lines)
    after = list(lines)
    if not places:
        return after
    at = places[step.at % len(places)]
    means = MEANINGS[step.schedule]
    runs = Runs(step.app, step.job, step.schedule, command, means)
    new: dict[str, Line] = {
        "add-line": runs,
        "add-stray": replace(runs, command=command + STRAY),
        "add-mark": Mark(step.app, step.job, 0, step.hash),
        "add-foreign": Other(FOREIGN_LINE),
    }
    if step.kind in new:
        after.insert(at, new[step.kind])
        return after
    changes: dict[str, Callable[[list[Line], int], None]] = {
        "comment-out": _set(dead=True),
        "uncomment": _set(dead=False),
        "reschedule": _set(schedule=step.schedule, means=means),
        "rehash": _set(hash=step.hash),
        "remove-line": _remove(1),
        "remove-mark": _remove(1),
        "remove-pair": _remove(2),
        "copy-pair": _copy,
        "break-mark": _break,
    }
    changes[step.kind](after, at)
    return after
