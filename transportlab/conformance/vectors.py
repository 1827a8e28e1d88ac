"""The language of vectors as types; load.py reads spec/conformance/*.json by them.

spec/conformance.schema.json is derived from these types. A member that is not here is an error, so
that a misspelt expectation cannot pass for one that holds.
"""

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from transportlab.backend import CAPABILITIES
from transportlab.channel import Traits
from transportlab.data import SPEC
from transportlab.errors import UsageError

GROUPS = (
    "session and config",
    "read",
    "plan",
    "apply",
    "drift",
    "prune",
    "adopt",
    "verify-ownership",
    "errors",
    "deadlines and cancellation",
    "wire and process",
    "concurrency",
    "data fidelity",
)

LEVELS = ("opens a session", "reads", "writes", "is strict", "bears faults")
"""The ladder's rungs, from 0: what a plugin does whose vectors up to that level pass."""

FEATURES = ("crontab-file", "faults")
"""What only some plugins offer: a crontab in cronix's lines at {file}; the echo plugin's faults."""

Id = Annotated[str, Meta(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=72)]
Clause = Annotated[str, Meta(pattern=r"^P-[A-Z]+-\d+$")]
Sentence = Annotated[str, Meta(min_length=1, max_length=240)]
Seconds = Annotated[float, Meta(ge=0, le=60)]
Count = Annotated[int, Meta(ge=0, le=1000)]


class Expect(Struct, frozen=True, forbid_unknown_fields=True):
    """What a call must end with. Without any member, it must only end well.

    reply and events (the list of all) are patterns. error is a pattern of an object with code,
    message and the members of the details; events beside it are those before. lost: the connection
    fails.
    """

    reply: Any = UNSET
    events: Any = UNSET
    error: dict[str, Any] | UnsetType = UNSET
    lost: bool = False

    def __post_init__(self) -> None:
        """One ending, not several."""
        if (self.reply is not UNSET) + (self.error is not UNSET) + self.lost > 1:
            raise ValueError("only one of reply, error, lost")


class Call(Struct, frozen=True, forbid_unknown_fields=True, tag="call", tag_field="do"):
    """One call. request is a message in JSON; raw sends it as it stands, though it be none.

    timeout is the deadline in seconds. cancel_after cancels so many seconds after the start,
    cancel_at_event once so many events have come; abandon_at_event stops reading then. secret: the
    call comes from a stranger, on a connection of its own, with that text for the launch's secret.
    eventually: again until it ends as expected, for as long as the vector may take. compare false:
    how it ends may rightly differ from run to run, so the oracle leaves it out.
    """

    method: str
    request: Any = {}
    raw: bool = False
    secret: str | None = None
    save: str = ""
    timeout: float | None = None
    cancel_after: Seconds | None = None
    cancel_at_event: Count | None = None
    abandon_at_event: Annotated[int, Meta(ge=1)] | None = None
    eventually: bool = False
    compare: bool = True
    expect: Expect = Expect()


class Have(Struct, frozen=True, forbid_unknown_fields=True, tag="have", tag_field="do"):
    """Plan and Apply, so that the app has these jobs; both must end well.

    eventually: again until they do, as a host plans again where another call may still write.
    """

    app: str
    jobs: Any
    eventually: bool = False


class Edit(Struct, frozen=True, forbid_unknown_fields=True, tag="edit", tag_field="do"):
    """Change the file as an operator would: the text old, which must be there once, becomes new."""

    old: Any
    new: Any


class File(Struct, frozen=True, forbid_unknown_fields=True, tag="file", tag_field="do"):
    """Look at the file: its whole text, lines that it has or lacks, or that it is as `same` was.

    save keeps its bytes under that name; "start" is the file before the first step.
    """

    text: Any = UNSET
    has: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    same: str = ""
    save: str = ""


class Alternative(Struct, frozen=True, forbid_unknown_fields=True):
    """One way in which calls that run together may end, and how many at least must."""

    expect: Expect
    at_least: Count = 0


class Together(Struct, frozen=True, forbid_unknown_fields=True, tag="together", tag_field="do"):
    """Steps at once, each `times` times. With outcomes, each call must end as one of them says."""

    steps: tuple["Call | Have | Stop", ...]
    times: Annotated[int, Meta(ge=1, le=200)] = 1
    outcomes: tuple[Alternative, ...] = ()


class Start(Struct, frozen=True, forbid_unknown_fields=True, tag="start", tag_field="do"):
    """Start the plugin's program once more, by hand, and end its stdin after its line.

    without names environment variables that it does not get. secret false: its stdin ends at once,
    without the secret. expect is a pattern of an object: problem (empty if the line came and is
    one), endpoint, words, exit, stderr (lines).
    """

    without: tuple[str, ...] = ()
    secret: bool = True
    expect: Any = UNSET


class Stop(Struct, frozen=True, forbid_unknown_fields=True, tag="stop", tag_field="do"):
    """End the plugin's stdin, without CloseSession; exit is a pattern of how it then ended."""

    exit: Any = "exit status 0"


Step = Call | Have | Edit | File | Together | Start | Stop


class Content(Struct, frozen=True, forbid_unknown_fields=True):
    """A file's bytes: text is UTF-8, latin1 one byte a character. absent: no file at all."""

    text: str = ""
    latin1: str = ""
    absent: bool = False

    def data(self) -> bytes | None:
        """The bytes, None for no file."""
        return None if self.absent else self.text.encode() + self.latin1.encode("latin-1")


class Needs(Struct, frozen=True, forbid_unknown_fields=True):
    """What a vector takes; where it is missing the vector is unsupported.

    capabilities come on top of those of the RPCs that are called.
    """

    traits: dict[str, bool | str] = {}
    capabilities: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    codecs: tuple[str, ...] = ()


class Vector(Struct, frozen=True, forbid_unknown_fields=True):
    """One case. why: what goes wrong without it. cause: what is likely wrong where it fails.

    opens: the runner calls OpenSession first, with the backend's config and this vector's on top.
    """

    id: Id
    clauses: Annotated[tuple[Clause, ...], Meta(min_length=1)]
    level: Annotated[int, Meta(ge=0, le=4)]
    why: Sentence
    cause: Sentence
    steps: Annotated[tuple[Step, ...], Meta(min_length=1)]
    needs: Needs = Needs()
    config: dict[str, str] = {}
    file: Content | None = None
    opens: bool = True
    group: str = ""


class VectorFile(Struct, frozen=True, forbid_unknown_fields=True):
    """A file of spec/conformance: the vectors of one group."""

    group: str
    vectors: Annotated[tuple[Vector, ...], Meta(min_length=1)]


# Reads the vectors of spec/conformance, holds them to what the types cannot say, and selects.


def load_vectors(folder: Path = SPEC / "conformance") -> tuple[Vector, ...]:
    """All vectors of a folder, by group and in the order of their file.

    Raises UsageError with the file and the place for what is no vector or is there twice.
    """
    files = [_load_file(path) for path in sorted(folder.glob("*.json"))]
    if not files:
        raise UsageError(f"{folder}: no vectors there")
    files.sort(key=lambda file: GROUPS.index(file.group))
    found: dict[str, Vector] = {}
    for file in files:
        for vector in file.vectors:
            if vector.id in found:
                raise UsageError(f'{folder}: two vectors have the id "{vector.id}"')
            _check(vector, folder)
            found[vector.id] = msgspec.structs.replace(vector, group=file.group)
    return tuple(found.values())


def _load_file(path: Path) -> VectorFile:
    try:
        file = msgspec.json.decode(path.read_bytes(), type=VectorFile)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: not vectors: {error}") from error
    if file.group not in GROUPS:
        raise UsageError(f'{path}: unknown group "{file.group}"; there are {", ".join(GROUPS)}')
    return file


@cache
def _words() -> dict[str, frozenset[str]]:
    traits = frozenset(Traits.__dataclass_fields__)
    return {
        "trait": traits - {"codecs", "requires"},
        "capability": frozenset(CAPABILITIES),
        "feature": frozenset(FEATURES),
    }


def _check(vector: Vector, folder: Path) -> None:
    """What the types cannot say: needs are of known words, saved names are there when used."""
    needs = vector.needs
    named = {"trait": needs.traits, "capability": needs.capabilities, "feature": needs.features}
    for kind, names in named.items():
        for name in names:
            if name not in _words()[kind]:
                known = ", ".join(sorted(_words()[kind]))
                raise UsageError(f"{folder}: {vector.id}: unknown {kind} {name}; there are {known}")
    if vector.group:
        raise UsageError(f"{folder}: {vector.id}: the group stands at the top of the file")
    touches = vector.file is not None or any(isinstance(s, Edit | File) for s in vector.steps)
    if touches and "crontab-file" not in needs.features:
        raise UsageError(f"{folder}: {vector.id}: a file needs the feature crontab-file")


def select(
    vectors: Sequence[Vector], groups: Sequence[str] = (), ids: Sequence[str] = ()
) -> tuple[Vector, ...]:
    """Those of the groups and of the ids; all without either. UsageError for an unknown name."""
    known = {vector.id for vector in vectors}
    for kind, wanted, there in (("group", groups, set(GROUPS)), ("vector", ids, known)):
        for name in wanted:
            if name not in there:
                raise UsageError(f'unknown {kind} "{name}"; {_near(name, there)}')
    chosen = tuple(
        v for v in vectors if (not groups or v.group in groups) and (not ids or v.id in ids)
    )
    if not chosen:
        raise UsageError("no vector is selected")
    return chosen


def _near(name: str, known: set[str]) -> str:
    word = re.split(r"[- ]", name)[0]
    near = sorted(other for other in known if other.startswith(word)) or sorted(known)
    return f"there are {', '.join(near)}"
