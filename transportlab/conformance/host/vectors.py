"""Vectors for hosts: the types of spec/conformance/host/*.json.

A vector puts files where a host looks for plugins, runs the host's command, and says how the
command must end, what it must and must not say, and what the scripted plugin must have seen.
docs/conformance-of-hosts.md has the language. spec/conformance.host.schema.json is derived from
these types.
"""

from pathlib import Path
from typing import Annotated, Any, ClassVar

from msgspec import UNSET, Meta, Struct, field

from transportlab.conformance.vectors import Case, Seconds, load_cases
from transportlab.data import SPEC

GROUPS = (
    "discovery",
    "trust",
    "start",
    "secret",
    "handshake",
    "negotiation",
    "config",
    "calls",
    "streams",
    "crash",
    "deadline and cancellation",
    "stop",
    "death of the host",
    "logs",
)

LADDER = (
    "starts a plugin",
    "keeps to the start",
    "refuses what is wrong",
    "bears faults",
    "leaves nothing behind",
)

VERBS = ("read", "plan", "apply")
"""What a host's command must be able to do."""

NEEDS = ("compiler", "cores", "root", "user")
"""What a vector may need of the machine: a C compiler; that cores may be written; to run as root,
or as another user."""

FOLDER = "{folder}"
"""In texts of a vector: the vector's own folder."""

USUAL_FILE = "own/cronix-backend-scripted"
"""Where the scripted plugin stands unless a vector places files."""

APART = ("own", "home", "else")
"""The directories of a vector's folder that it places plugins in; hosts make theirs elsewhere."""

Steps = tuple[dict[str, Any], ...]


class PluginFile(Struct, frozen=True, forbid_unknown_fields=True, tag="plugin", tag_field="is"):
    """The scripted plugin.

    at: its path in the vector's folder; own/ is $CRONIX_PLUGIN_DIR, home/ is $HOME.
    who: by what name the record knows this file; empty for `at`.
    mode: in octal digits. padding: so many MiB are added, which take a while to hash.
    binary: it is an ELF program.
    """

    at: str = USUAL_FILE
    who: str = ""
    mode: str = "755"
    padding: int = 0
    binary: bool = False


class TextFile(Struct, frozen=True, forbid_unknown_fields=True, tag="text", tag_field="is"):
    """A file with a text. owner: the number of another user whose it is."""

    at: str
    text: str = ""
    mode: str = "755"


class Link(Struct, frozen=True, forbid_unknown_fields=True, tag="link", tag_field="is"):
    """A symbolic link to a path."""

    at: str
    to: str


class Directory(Struct, frozen=True, forbid_unknown_fields=True, tag="directory", tag_field="is"):
    """A directory. It gets its mode after what is in it."""

    at: str
    mode: str = "755"


class Owner(Struct, frozen=True, forbid_unknown_fields=True, tag="owner", tag_field="is"):
    """Give what is there to another user or group, by its number."""

    at: str
    user: int = -1
    group: int = -1


Placed = PluginFile | TextFile | Link | Directory | Owner


class Signal(Struct, frozen=True, forbid_unknown_fields=True, tag="signal", tag_field="do"):
    """Send the host a signal so many seconds after a line of the record matches `when`."""

    when: dict[str, Any]
    signal: str
    after: Seconds = 0.0


class Swap(Struct, frozen=True, forbid_unknown_fields=True, tag="swap", tag_field="do"):
    """As soon as somebody reads the file, put another in its place.

    by: "rename" puts the other file there; "write" writes the other's bytes into the file.
    """

    at: str
    other: str
    by: str = "rename"


Act = Signal | Swap


class Command(Struct, frozen=True, forbid_unknown_fields=True):
    """What the host's command is told.

    backend: a name, or a path in the vector's folder (with a slash).
    config: values of the configuration. secrets: those that the host must hide.
    timeout: each call's deadline in seconds; handshake: the wait for the line.
    log: show the plugin's log.
    """

    verb: str = "read"
    backend: str = "scripted"
    config: dict[str, str] = {}
    secrets: dict[str, str] = {}
    timeout: float | None = None
    handshake: float | None = None
    log: bool = False


class Expect(Struct, frozen=True, forbid_unknown_fields=True):
    """What must have come of it.

    ends: "well" (exit status 0), "badly" (another one), "killed" (by the signal that the vector
        sends it), or "any" of these.
    within: how long the command may take at most, in seconds. It is no measurement: a host that
        keeps the clause needs a fraction of it.
    says: expressions that are found in what the command prints. tells: those in its stderr.
    hides: those that are in neither.
    record: a pattern of the digest of the plugin's record.
    """

    ends: str = "well"
    within: Seconds = 30.0
    says: tuple[str, ...] = ()
    tells: tuple[str, ...] = ()
    hides: tuple[str, ...] = ()
    record: Any = UNSET


class HostVector(Case, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One test case for a host.

    transports: by name, those that it is about; without it, each.
    needs: see NEEDS.
    files: what is placed before the command runs, in this order.
    environment: of the command; null takes a variable out.
    pins: the manifest's: by the backend's name the path of the file whose sum is pinned, or a
        sum. "upper:" before the path makes the digits upper-case.
    script: what the plugin does, by moment.
    tidy: the plugin removes its socket and directory when it exits.
    runs: how many times the command runs.
    meanwhile: what happens while the command runs.
    """

    LADDER: ClassVar[tuple[str, ...]] = LADDER
    GROUPS: ClassVar[tuple[str, ...]] = GROUPS

    transports: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    files: tuple[Placed, ...] = (PluginFile(),)
    environment: dict[str, str | None] = field(default_factory=dict)
    pins: dict[str, list[str]] = field(default_factory=dict)
    command: Command = Command()
    script: dict[str, Steps] = field(default_factory=dict)
    tidy: bool = False
    runs: Annotated[int, Meta(ge=1, le=5)] = 1
    meanwhile: tuple[Act, ...] = ()
    expect: Expect = Expect()


class HostVectorFile(Struct, frozen=True, forbid_unknown_fields=True):
    """A file of spec/conformance/host: the vectors of one group."""

    group: str
    vectors: Annotated[tuple[HostVector, ...], Meta(min_length=1)]


def load_host_vectors(folder: Path = SPEC / "conformance" / "host") -> tuple[HostVector, ...]:
    """All vectors of a folder, in the order of GROUPS and of their file. Raises UsageError."""
    return load_cases(folder, HostVector, HostVectorFile)
