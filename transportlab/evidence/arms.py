"""The arms as data: which hosts, plugins and peers there are, and which of them run here.

spec/arms.json has them, and spec/arms.schema.json its format. An arm is a host with a plugin over a
transport with a codec. Its id is `<host>/<plugin>/<transport>-<codec>`, and `<transport>-<codec>`
alone where both are the lab's own, which stand first in the file.

Whoever reads the file names no program. A program whose toolchain is missing, or that is not built,
gives no arm but a reason.
"""

import os
import re
import shlex
import shutil
import sysconfig
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal, TypeVar

import msgspec

from transportlab.channel import EndpointKind
from transportlab.data import ROOT, SPEC
from transportlab.errors import PluginError, UsageError
from transportlab.evidence.record import Arm
from transportlab.host.discovery import check_runnable, find
from transportlab.quote import quote
from transportlab.registry import load_transport, not_built, not_installed, transport_names

ARMS = SPEC / "arms.json"

STORE, FAULTS = "store", "faults"
"""What a plugin may offer: Plan and Apply on entries that it starts without; the echo's faults."""


_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
"""What a definition may be named; an arm's id has it between slashes."""

P = TypeVar("P", bound="Program")


class Program(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A program that is measured.

    program: its path below the checkout, or the name by which it is installed. build: the command
    that builds it, from there; empty if nothing has to be built. needs: programs that the build and
    the run find on PATH.
    """

    id: str
    title: str
    role: Literal["candidate", "peer", "control"]
    program: str
    build: str = ""
    needs: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        """Where it is; a bare name stays one."""
        return os.path.join(ROOT, self.program) if os.sep in self.program else self.program

    def missing(self) -> str:
        """Why it does not run here; empty if it does."""
        lacking = [name for name in self.needs if shutil.which(name) is None]
        if lacking:
            return f"no {' and '.join(lacking)}"
        if os.sep in self.program and not os.path.exists(self.path):
            return f"not built; `{self.build}` builds it" if self.build else "no such file"
        return ""


class Host(Program, frozen=True):
    """A host.

    inside: it is this package, and runs in the measuring process. Any other tells its phases by its
    command `bench`, as spec/bench.schema.json says. another: the id of the host that it is another
    build of. transports: codecs by the transports that it has, the usual one first; None for all
    that there are.
    """

    inside: bool = False
    another: str = ""
    transports: Mapping[str, tuple[str, ...]] | None = None

    @property
    def name(self) -> str:
        """The id that arms have: two builds are one host."""
        return self.another or self.id

    @property
    def command(self) -> str:
        """Its command line: a path."""
        own = Path(sysconfig.get_path("scripts"), self.program)
        return self.path if os.sep in self.program else str(own)


class Plugin(Program, frozen=True):
    """A plugin.

    transports: as a Host's. offers: what it can beside Read, of STORE and FAULTS. config: what
    OpenSession gets. quiet: what keeps it from logging each call. crontab: the plugin of the same
    make that writes a crontab, given its `path`. parts: files by what they are for, which
    bench.languages counts the lines of.
    """

    transports: Mapping[str, tuple[str, ...]] | None = None
    offers: tuple[str, ...] = ()
    config: Mapping[str, str] = {}
    quiet: Mapping[str, str] = {}
    crontab: str = ""
    parts: "Parts | None" = None

    @property
    def backends(self) -> tuple[str, ...]:
        """The backends that it consists of, as a host's user names them."""
        return (self.path, self.crontab) if self.crontab else (self.path,)

    def of(self, host: Host, transport: str) -> "Plugin":
        """The same for a host: one that is not this package does not look where this one is."""
        if host.inside:
            return self
        library = load_transport(transport).traits.endpoint is EndpointKind.LIBRARY
        program, crontab = (n and _found(n, library=library) for n in (self.path, self.crontab))
        return msgspec.structs.replace(self, program=program, crontab=crontab)


class Parts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Patterns of files below the checkout. `#name` after one is a section of a file, headed so."""

    transport: Mapping[str, tuple[str, ...]]
    protocol: tuple[str, ...]
    store: tuple[str, ...]


class Catalogue(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """spec/arms.json. pairs: programs that are host and plugin in one. quick: see arms_of()."""

    hosts: tuple[Host, ...]
    plugins: tuple[Plugin, ...]
    pairs: tuple[Program, ...]
    quick: tuple[str, ...]

    def host(self, name: str, transport: str) -> Host:
        """The host of that id; of its builds the one that has the transport. Raises UsageError."""
        first = _named(self.hosts, "host", name)
        builds = [one for one in self.hosts if one.name == first.name]
        return next((one for one in builds if transport in (one.transports or {})), first)

    def host_of(self, arm: Arm) -> Host:
        """The host of an arm."""
        return self.host(arm.host, arm.transport)

    def plugin(self, name: str) -> Plugin:
        """The plugin of that id. Raises UsageError."""
        return _named(self.plugins, "plugin", name)

    def pair(self, name: str) -> Program:
        """The pair of that id. Raises UsageError."""
        return _named(self.pairs, "pair", name)

    def with_plugin(self, plugin: Plugin) -> "Catalogue":
        """This, with one plugin more. Raises UsageError if there is one of that name."""
        if plugin.id in {one.id for one in self.plugins}:
            raise UsageError(f"--arm: there is a plugin {plugin.id} already; choose another name")
        return msgspec.structs.replace(self, plugins=(*self.plugins, plugin))

    def arms(self) -> Iterator[Arm]:
        """Every arm, whether it runs here or not."""
        for host in self.hosts:
            for plugin in self.plugins:
                for transport, codecs in _carried(host, plugin).items():
                    for codec in codecs:
                        yield self.arm(host, plugin, transport, codec)

    def arm(self, host: Host, plugin: Plugin, transport: str, codec: str) -> Arm:
        """The arm of these."""
        own = (host, plugin) == (self.hosts[0], self.plugins[0])
        name = f"{transport}-{codec}"
        return Arm(
            id=name if own else f"{host.name}/{plugin.id}/{name}",
            transport=transport,
            codec=codec,
            role="arm" if plugin.role == host.role == "candidate" else "peer",
            host=host.name,
            plugin=plugin.id,
        )

    def missing(self, arm: Arm) -> str:
        """Why the arm cannot be measured here; empty if it can."""
        host, plugin = self.host_of(arm), self.plugin(arm.plugin)
        return host.missing() or plugin.missing() or _unreachable(host, plugin, arm)


def load_arms(path: Path = ARMS) -> Catalogue:
    """The file. Raises UsageError if it is not one, or names what is not in it."""
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Catalogue)
    except (OSError, msgspec.DecodeError) as error:
        raise UsageError(f"{path}: {error}") from error
    unknown = sorted(set(found.quick) - {arm.id for arm in found.arms()})
    if unknown:
        raise UsageError(f"{path}: quick: there is no arm {unknown[0]}")
    return found


def own_arms(catalogue: Catalogue) -> list[Arm]:
    """The arms of the lab's own host and plugin, whether they run here or not."""
    host, plugin = catalogue.hosts[0].id, catalogue.plugins[0].id
    return [arm for arm in catalogue.arms() if (arm.host, arm.plugin) == (host, plugin)]


def defined(text: str, catalogue: Catalogue) -> tuple[Plugin, Arm]:
    """The plugin and the arm of a definition: `name=mine,plugin=PATH,transport=grpc`.

    May have besides: codec, the transport's usual one by default; host, an id of the file; offers,
    of STORE and FAULTS with `+` between, STORE by default; config.NAME. Raises UsageError.
    """
    words = _words(text, catalogue)
    config = {
        name.removeprefix("config."): words.pop(name)
        for name in list(words)
        if name.startswith("config.")
    }
    missing = [name for name in ("name", "plugin", "transport") if not words.get(name)]
    unknown = sorted(set(words) - {"name", "plugin", "transport", "codec", "host", "offers"})
    if missing or unknown:
        problem = f"no {missing[0]}" if missing else f"unknown {unknown[0]}"
        raise UsageError(
            f"--arm {text}: {problem}; a definition is name=NAME,plugin=PATH,transport=NAME"
            "[,codec=NAME][,host=NAME][,offers=store+faults][,config.NAME=VALUE]"
        )
    if not _NAME.fullmatch(words["name"]):
        name = quote(words["name"])
        raise UsageError(f"--arm {text}: name: expected letters, digits, -, _ and ., got {name}")
    transport = load_transport(words["transport"])
    codec = words.get("codec", transport.traits.codecs[0])
    if codec not in transport.traits.codecs:
        raise UsageError(f'--arm {text}: {transport.name} has no codec "{codec}"')
    offers = tuple(words.get("offers", STORE).split("+"))
    if not set(offers) <= {STORE, FAULTS}:
        raise UsageError(f"--arm {text}: offers are {STORE} and {FAULTS}")
    place = words["plugin"]
    plugin = Plugin(
        id=words["name"],
        title=words["name"],
        role="candidate",
        program=os.path.abspath(place) if os.sep in place else place,
        transports={transport.name: (codec,)},
        offers=offers,
        config=config,
    )
    host = catalogue.host(words.get("host", catalogue.hosts[0].id), transport.name)
    if codec not in _carried(host, plugin).get(transport.name, ()):
        raise UsageError(f"--arm {text}: the host {host.id} has no {transport.name} with {codec}")
    return plugin, catalogue.arm(host, plugin, transport.name, codec)


def _found(backend: str, *, library: bool) -> str:
    """The path of a backend's program or library."""
    return backend if os.sep in backend else str(find(backend, library=library).path)


def _words(text: str, catalogue: Catalogue) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in text.split(","):
        name, equals, value = part.partition("=")
        if not equals:
            known = "".join(f"\n  {arm.id}" for arm in catalogue.arms())
            problem = f"{shlex.quote(part)} is neither an arm nor NAME=VALUE; there are{known}"
            raise UsageError(f"--arm {text}: {problem}")
        if name in found:
            raise UsageError(f"--arm {text}: {name} is there twice")
        found[name] = value
    return found


def _named(programs: Sequence[P], what: str, name: str) -> P:
    for program in programs:
        if program.id == name:
            return program
    raise UsageError(f'unknown {what} "{name}"; there are {", ".join(p.id for p in programs)}')


def _carried(host: Host, plugin: Plugin) -> dict[str, tuple[str, ...]]:
    """The codecs that both have, by transport, in the plugin's order."""
    every = {name: load_transport(name).traits.codecs for name in transport_names()}
    able = every if host.transports is None else host.transports
    found = {}
    for transport, codecs in (every if plugin.transports is None else plugin.transports).items():
        both = tuple(codec for codec in codecs if codec in able.get(transport, ()))
        if both:
            found[transport] = both
    return found


def _unreachable(host: Host, plugin: Plugin, arm: Arm) -> str:
    """What the arm lacks beside the programs: a library, or the plugin where a host looks."""
    transport = load_transport(arm.transport)
    if host.inside and (lacking := not_installed(transport, arm.codec)):
        return lacking
    endpoint = transport.traits.endpoint
    if endpoint is EndpointKind.OBJECT:
        return ""
    library = endpoint is EndpointKind.LIBRARY
    try:
        for backend in plugin.backends:
            if os.sep in backend:
                check_runnable(Path(backend), library=library)
            else:
                find(backend, library=library)
    except PluginError as error:
        unbuilt = library and error.code == "E-NOT-FOUND"
        if unbuilt:
            return not_built(transport)
        # The problem of these two names a place, and this goes into files of evidence.
        places = error.code in ("E-NOT-FOUND", "E-DIRECTORY")
        return error.code if places else f"{error.code}: {error.problem}"
    return ""
