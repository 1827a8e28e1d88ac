"""Vectors: the types of spec/conformance/*.json, and how the files are loaded and selected from.

Those of one transport's wire are in its own folder, which its module `raw` names.

spec/conformance.schema.json is derived from the types. An unknown member is an error, because a
misspelt expectation would otherwise always hold. How the values in a vector are made and compared
is in generators.py and patterns.py; how its steps are carried out, in steps.py.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, TypeVar

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType
from msgspec.structs import replace

from transportlab.backend import CAPABILITIES
from transportlab.channel import Traits
from transportlab.conformance.reading import line_of, meant, read
from transportlab.data import SPEC
from transportlab.errors import UsageError
from transportlab.quote import nearest
from transportlab.registry import load_transport, transport_module, transport_names

LIMITS = "raw limits"
"""The group of the largest messages."""

LARGE_SECONDS = 20.0

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
    "raw wire",
    LIMITS,
)

LEVELS = ("opens a session", "reads", "writes", "is strict", "bears faults")
"""What a plugin does if its vectors up to that level pass; levels count from 0."""

FEATURES = ("crontab-file", "faults", "fresh-store")
"""What a plugin may support beside the contract.

crontab-file: its entries are in a crontab at {file}, in cronix's own lines. faults: its config key
`faults` works as in the echo plugin. fresh-store: each vector finds an empty store, as config has
{dir} or {file}, or as the plugin keeps nothing; crontab-file includes it.
"""

NEEDS = {
    "trait": frozenset(Traits.__struct_fields__) - {"codecs", "requires"},
    "capability": frozenset(CAPABILITIES),
    "feature": frozenset(FEATURES),
}
"""The names that a vector's needs may have, by kind."""

Id = Annotated[str, Meta(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=72)]
Clause = Annotated[str, Meta(pattern=r"^P-[A-Z]+-\d+$")]
Sentence = Annotated[str, Meta(min_length=1, max_length=240)]
Seconds = Annotated[float, Meta(ge=0, le=60)]
Count = Annotated[int, Meta(ge=0, le=1000)]


class Expect(Struct, frozen=True, forbid_unknown_fields=True):
    """How a call must end. Without members: without an error, with any reply.

    reply: a pattern of the reply.
    events: a pattern of the list of all events; with error, of those before it.
    error: a pattern of an object with code, message and the members of the details.
    lost: the connection fails.
    """

    reply: Any = UNSET
    events: Any = UNSET
    error: dict[str, Any] | UnsetType = UNSET
    lost: bool = False

    def __post_init__(self) -> None:
        """Refuse more than one way to end."""
        if (self.reply is not UNSET) + (self.error is not UNSET) + self.lost > 1:
            raise ValueError("only one of reply, error, lost")


class Call(Struct, frozen=True, forbid_unknown_fields=True, tag="call", tag_field="do"):
    """One call.

    request: the message in JSON. raw: send it unchecked, even if it is not a message.
    secret: call as a stranger would: on a new connection, with this text as the launch's secret.
    save: keep the reply, or the list of events, under this name for $ref.
    timeout: the deadline, in seconds.
    cancel_after: cancel this many seconds after the start.
    cancel_at_event: cancel after this many events; 0 cancels before the call.
    abandon_at_event: stop reading after this many events.
    eventually: repeat the call until it ends as expected, within the time of the vector.
    compare: false keeps the ending from the oracle, because it may differ from run to run.
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
    """Plan and Apply, so that the app has these jobs. Neither may end with an error.

    eventually: repeat both until they succeed, as a host plans again if another call still writes.
    """

    app: str
    jobs: Any
    eventually: bool = False


class Edit(Struct, frozen=True, forbid_unknown_fields=True, tag="edit", tag_field="do"):
    """Edit the file as an operator would: replace the text old, which must occur once, by new."""

    old: Any
    new: Any


class File(Struct, frozen=True, forbid_unknown_fields=True, tag="file", tag_field="do"):
    """Look at the file.

    text: its whole text.
    has, lacks: lines that are in it, and lines that are not.
    same: it has the bytes that were saved under this name.
    save: keep its bytes under this name. "start" is the file before the first step.
    """

    text: Any = UNSET
    has: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    same: str = ""
    save: str = ""


class Alternative(Struct, frozen=True, forbid_unknown_fields=True):
    """One way in which concurrent calls may end, and how many of them at least must."""

    expect: Expect
    at_least: Count = 0


class Together(Struct, frozen=True, forbid_unknown_fields=True, tag="together", tag_field="do"):
    """Steps that run concurrently, each `times` times.

    outcomes: every call must end in one of these ways; without them, as its own expect says.
    """

    steps: tuple["Call | Have | Stop", ...]
    times: Annotated[int, Meta(ge=1, le=200)] = 1
    outcomes: tuple[Alternative, ...] = ()


class Start(Struct, frozen=True, forbid_unknown_fields=True, tag="start", tag_field="do"):
    """Start the plugin's program a second time, and close its stdin after its line.

    without: environment variables that it does not get.
    secret: false closes its stdin at once, without sending the secret.
    expect: a pattern of an object with problem (empty if a valid line came), endpoint, words, exit,
        stderr (a list of lines), mode (of the socket, in octal) and left (what is there of the
        socket and its directory after the end).
    """

    without: tuple[str, ...] = ()
    secret: bool = True
    expect: Any = UNSET


class Stop(Struct, frozen=True, forbid_unknown_fields=True, tag="stop", tag_field="do"):
    """Close the plugin's stdin without CloseSession. exit: a pattern of how the process ended."""

    exit: Any = "exit status 0"


class Send(Struct, frozen=True, forbid_unknown_fields=True, tag="send", tag_field="do"):
    """Write bytes to the plugin as they are: head, text, line and hex, in this order.

    In texts ' stands for ", and words in braces for what only the run knows: {app}, {config}, what
    the transport's module `raw` has, and what steps have saved, in JSON ({plan.result.ops}).

    head: the lines of a message's head.
    text: in UTF-8. line: the same, with LF behind it.
    hex: bytes in hex, which may have words too.
    frame: what the transport's module `raw` makes frames of, instead of bytes.
    on: the name of the connection, or stream, which its first use makes.
    times: how often all of that is sent. apart: each time on a connection of its own, on1, on2, ...
    bytewise: each byte is written by itself.
    then: "end" ends this side of the connection, "close" closes it.
    """

    head: tuple[Any, ...] = ()
    text: Any = ""
    line: Any = ""
    hex: Annotated[str, Meta(pattern=r"^([0-9a-f ]|\{[a-z0-9_.]+\})*$")] = ""
    frame: dict[str, Any] = {}
    on: str = ""
    times: Annotated[int, Meta(ge=1, le=1000)] = 1
    apart: bool = False
    bytewise: bool = False
    then: Annotated[str, Meta(pattern=r"^(|end|close)$")] = ""


class Receive(Struct, frozen=True, forbid_unknown_fields=True, tag="expect", tag_field="do"):
    """What comes from the plugin next, within five seconds; 20 in the group "raw limits".

    message: a pattern of the next message, as the transport's module `raw` makes plain values of
        it. The end of the connection is {"closed": true}.
    messages: patterns of so many next messages, which come in any order.
    silent: nothing comes for so many milliseconds.
    times: how many such messages come. apart: each on a connection of its own, on1, on2, ...
    on: the name of the connection, or stream.
    save: keep the message under this name.
    """

    message: Any = UNSET
    messages: tuple[Any, ...] = ()
    silent: Annotated[int, Meta(ge=0, le=2000)] = 0
    times: Annotated[int, Meta(ge=1, le=1000)] = 1
    apart: bool = False
    on: str = ""
    save: str = ""

    def __post_init__(self) -> None:
        """Refuse a step that expects nothing, or more than one thing."""
        if (self.message is not UNSET) + bool(self.messages) + bool(self.silent) != 1:
            raise ValueError("one of message, messages, silent")


Step = Call | Have | Edit | File | Together | Start | Stop | Send | Receive


class Content(Struct, frozen=True, forbid_unknown_fields=True):
    """The bytes of a file: text in UTF-8, then latin1 with one byte a character.

    absent: there is no file.
    """

    text: str = ""
    latin1: str = ""
    absent: bool = False

    def data(self) -> bytes | None:
        """The bytes; None if there is no file."""
        return None if self.absent else self.text.encode() + self.latin1.encode("latin-1")


class Needs(Struct, frozen=True, forbid_unknown_fields=True):
    """What a vector requires. An arm that does not support all of it reports "unsupported".

    traits: of the transport, with the value that each must have.
    capabilities: of the plugin, in addition to those of the RPCs that the vector calls.
    features: see FEATURES.
    codecs: any of these.
    """

    traits: dict[str, bool | str] = {}
    capabilities: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    codecs: tuple[str, ...] = ()


class Case(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What every vector has, whatever it tests.

    clauses: of PROTOCOL.md, that it tests.
    level: of LADDER, from 0.
    why: what goes wrong in practice if the subject fails it.
    cause: the likely mistake if the subject fails it.
    """

    LADDER: ClassVar[tuple[str, ...]] = LEVELS
    GROUPS: ClassVar[tuple[str, ...]] = GROUPS

    id: Id
    clauses: Annotated[tuple[Clause, ...], Meta(min_length=1)]
    level: Annotated[int, Meta(ge=0, le=4)]
    why: Sentence
    cause: Sentence
    group: str = ""


class Vector(Case, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One test case for a plugin.

    config: put over the backend's config.
    file: the file at {file} before the first step, a crontab with foreign lines unless given.
    opens: whether the runner calls OpenSession first.
    alone: a vector of a wire gets a plugin process of its own, because it leaves none that others
        could use. Without it, config and `opens` false it shares one with others.
    transport: of whose wire it is; empty for a vector of calls.
    """

    steps: Annotated[tuple[Step, ...], Meta(min_length=1)]
    needs: Needs = Needs()
    config: dict[str, str] = {}
    file: Content | None = None
    opens: bool = True
    alone: bool = False
    transport: str = ""

    @property
    def patience(self) -> float:
        """How long each of its steps may wait at least: the largest messages take their time."""
        return LARGE_SECONDS if self.group == LIMITS else 0.0

    @property
    def shares(self) -> bool:
        """Whether it may run in a process that others use too, as nothing in it says otherwise."""
        own = self.alone or not self.opens or self.config or self.file is not None
        return bool(self.transport) and not own


C = TypeVar("C", bound=Case)


class VectorFile(Struct, frozen=True, forbid_unknown_fields=True):
    """A file of spec/conformance: the vectors of one group."""

    group: str
    vectors: Annotated[tuple[Vector, ...], Meta(min_length=1)]


def load_vectors(folder: Path | None = None) -> tuple[Vector, ...]:
    """All vectors of a folder, in the order of GROUPS and of their file.

    Without a folder, the project's, and each transport's own. Raises UsageError, with the file and
    the place, for a file that does not hold vectors and for an id that occurs twice.
    """
    if folder is not None:
        return _load_folder(folder, "")
    found = list(_load_folder(SPEC / "conformance", ""))
    for name in transport_names():
        raw = transport_module(name, "raw")
        if raw is not None:
            own = _load_folder(raw.VECTORS, name)
            if twice := {vector.id for vector in found} & {vector.id for vector in own}:
                raise UsageError(f'{raw.VECTORS}: two vectors have the id "{min(twice)}"')
            found += own
    return tuple(found)


def _load_folder(folder: Path, transport: str) -> tuple[Vector, ...]:
    found = load_cases(folder, Vector, VectorFile)
    for vector in found:
        _check(vector, folder, transport)
    return tuple(_of_folder(vector, transport) for vector in found) if transport else found


def _of_folder(vector: Vector, transport: str) -> Vector:
    """The vector of a transport's wire. Bytes are in one codec: the usual one, unless it says."""
    needs = vector.needs
    if not needs.codecs:
        needs = replace(needs, codecs=load_transport(transport).traits.codecs[:1])
    return replace(vector, transport=transport, needs=needs)


def load_cases(folder: Path, kind: type[C], form: type[Any]) -> tuple[C, ...]:
    """All cases of a folder, whose files have that form; see load_vectors()."""
    files = [_load_file(path, kind, form) for path in sorted(folder.glob("*.json"))]
    if not files:
        raise UsageError(f"{folder}: no vectors there")
    files.sort(key=lambda file: kind.GROUPS.index(file.group))
    found: dict[str, C] = {}
    for file in files:
        for vector in file.vectors:
            if vector.id in found:
                raise UsageError(f'{folder}: two vectors have the id "{vector.id}"')
            if vector.group:
                problem = "the group stands at the top of the file"
                raise UsageError(f"{folder}: {vector.id}: {problem}")
            found[vector.id] = msgspec.structs.replace(vector, group=file.group)
    return tuple(found.values())


def _load_file(path: Path, kind: type[Case], form: type[Any]) -> Any:
    file = read(path, form, "vectors")
    if file.group not in kind.GROUPS:
        known = ", ".join(kind.GROUPS)
        place = f"{path}:{line_of(path, ('group',))}"
        near = meant(file.group, kind.GROUPS)
        raise UsageError(f'{place}: unknown group "{file.group}"{near}; there are {known}')
    return file


def _check(vector: Vector, folder: Path, transport: str) -> None:
    """Check what the types cannot: that needs name what exists, and bytes have a transport."""
    needs = vector.needs
    named = {"trait": needs.traits, "capability": needs.capabilities, "feature": needs.features}
    for kind, names in named.items():
        for name in names:
            if name not in NEEDS[kind]:
                there = sorted(NEEDS[kind])
                said = f"unknown {kind} {name}{meant(name, there)}; there are {', '.join(there)}"
                raise UsageError(f"{folder}: {vector.id}: {said}")
    if vector.transport:
        raise UsageError(f"{folder}: {vector.id}: the transport is that of the folder")
    if not transport and any(isinstance(step, Send | Receive) for step in vector.steps):
        raise UsageError(f"{folder}: {vector.id}: bytes need the folder of a transport")
    touches = vector.file is not None or any(isinstance(s, Edit | File) for s in vector.steps)
    if touches and "crontab-file" not in needs.features:
        raise UsageError(f"{folder}: {vector.id}: a file needs the feature crontab-file")


def slug(group: str) -> str:
    """A group's name without spaces, as it is written in a command."""
    return group.replace(" ", "-")


def select(
    vectors: Sequence[C], groups: Sequence[str] = (), ids: Sequence[str] = ()
) -> tuple[C, ...]:
    """The vectors of these groups that have one of these ids; without either, all.

    A group may have hyphens in place of spaces. Raises UsageError for an unknown name, and if
    nothing is left.
    """
    known = {vector.id for vector in vectors}
    all_groups = {slug(group) for vector in vectors for group in vector.GROUPS}
    groups = [slug(group) for group in groups]
    for kind, wanted, there in (("group", groups, all_groups), ("vector", ids, known)):
        for name in wanted:
            if name not in there:
                raise UsageError(f'unknown {kind} "{name}"; {_near(name, there)}')
    chosen = tuple(
        v for v in vectors if (not groups or slug(v.group) in groups) and (not ids or v.id in ids)
    )
    if not chosen:
        raise UsageError("no vector is selected")
    return chosen


def _near(name: str, known: set[str]) -> str:
    if best := nearest(name, sorted(known)):
        return f'is it "{best}"?'
    word = re.split(r"[- ]", name)[0]
    near = sorted(other for other in known if other.startswith(word)) or sorted(known)
    return f"there are {', '.join(near)}"
