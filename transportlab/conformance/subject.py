"""The plugin under test: which one it is, how a vector opens it, and how it is started by hand.

A Subject is the same for a whole run. For each vector the runner makes a Program of it: the plugin
on one arm, with the vector's own config.
"""

import os
import stat
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from transportlab.auth import new_secret
from transportlab.channel import Channel, Endpoint, EndpointKind, SocketEndpoint, Transport
from transportlab.conformance.attach import AttachedSession, Attachment
from transportlab.conformance.generators import ValueProblem
from transportlab.conformance.relay import Tap, TappedWire
from transportlab.conformance.transcript import Transcript
from transportlab.conformance.vectors import FEATURES, Start, Vector
from transportlab.context import Cancellation
from transportlab.errors import PluginError, UsageError
from transportlab.host import HostOptions, HostSession
from transportlab.host.channel import HostChannel
from transportlab.host.discovery import LIBRARY_SUFFIX, find
from transportlab.host.handshake import read_handshake
from transportlab.host.launch import new_socket_path, send_secret
from transportlab.host.process import PluginProcess
from transportlab.host.spawn import plugin_environment
from transportlab.quote import repr_without
from transportlab.registry import load_transport, transport_names
from transportlab.sdk.program import ENV_CODEC, ENV_SOCKET, ENV_TRANSPORT

# The protocol's own bounds, in seconds: what a plugin is tested against does not depend on what a
# host would allow it.
HANDSHAKE_SECONDS = 5.0  # P-HANDSHAKE-3
CLOSE_SECONDS = 1.0  # CloseSession, P-STOP-1
STOP_SECONDS = 4.0  # everything after it, P-STOP-1

Session = HostSession | AttachedSession
"""What a vector calls: a plugin that the suite has started, or one that its author has."""


class Subject(msgspec.Struct, frozen=True):
    """The plugin under test. Without members, it is the lab's own pair: crontab, and echo.

    plugin: its name or path.
    config: what OpenSession gets. In the values {dir} stands for a fresh directory for each vector,
        and {file} for a file in it.
    offers: which of FEATURES it supports.
    faulty: the plugin for vectors that need the feature "faults"; empty for the same plugin.
    reference: whether it is the lab's own, so that it is there in every form.
    secrets: sent like config, and shown in no result.
    attached: the process that its author has started; the suite then starts none.
    patience: seconds that each bound of the suite has at least, as for a plugin under a debugger.
    """

    __repr__ = repr_without("secrets")

    plugin: str = "crontab"
    config: Mapping[str, str] = msgspec.field(default_factory=lambda: {"path": "{file}"})
    offers: frozenset[str] = frozenset(FEATURES)
    faulty: str = "echo"
    reference: bool = True
    secrets: Mapping[str, str] = msgspec.field(default_factory=dict)
    attached: Attachment | None = None
    patience: float = 0.0

    def features(self) -> frozenset[str]:
        """What it offers, with what that includes."""
        return self.offers | ({"fresh-store"} if "crontab-file" in self.offers else set())

    def of(self, vector: Vector) -> tuple[str, Mapping[str, str]]:
        """The plugin for a vector, and its config before {dir} and {file} are replaced."""
        if "faults" in vector.needs.features and self.faulty:
            return self.faulty, dict(vector.config)
        return self.plugin, {**self.config, **vector.config}

    def unreachable(self, transport: Transport) -> str:
        """Why the transport cannot reach this kind of plugin; empty if it can."""
        if self.reference:
            return ""
        kind = transport.traits.endpoint
        is_library = self.plugin.endswith(LIBRARY_SUFFIX)
        if kind is EndpointKind.OBJECT:
            return "the plugin is a file, the transport takes objects of this process"
        if is_library != (kind is EndpointKind.LIBRARY):
            return "the plugin is a library" if is_library else "the plugin is a program"
        return ""


def subject_of(
    plugin: str,
    config: Mapping[str, str],
    secrets: Mapping[str, str],
    offers: Collection[str],
) -> Subject:
    """Anybody's plugin as a subject, by its path or name. Raises UsageError for a feature."""
    for name in offers:
        if name not in FEATURES:
            raise UsageError(f'unknown feature "{name}"; there are {", ".join(FEATURES)}')
    return Subject(plugin, config, frozenset(offers), faulty="", reference=False, secrets=secrets)


def reachable(subject: Subject) -> list[str]:
    """The transports that reach this kind of plugin."""
    return [name for name in transport_names() if not subject.unreachable(load_transport(name))]


def path_of(plugin: str) -> Path:
    """Where the plugin of that path or name is. Raises UsageError if it is not there."""
    try:
        return find(plugin, library=plugin.endswith(LIBRARY_SUFFIX)).path
    except PluginError as error:
        raise UsageError(str(error)) from error


class Program(msgspec.Struct, frozen=True):
    """A plugin on one arm, with its config for one vector.

    secrets: the members of config that no result may show. transcript: sees what passes; None for
    none. attached, patience: see Subject. stop: ends the start of a plugin.
    """

    __repr__ = repr_without("config", "secrets")

    plugin: str
    transport: Transport
    codec: str
    config: Mapping[str, str]
    secrets: Mapping[str, str] = msgspec.field(default_factory=dict)
    transcript: Transcript | None = None
    attached: Attachment | None = None
    patience: float = 0.0
    stop: Cancellation | None = None

    def within(self, seconds: float) -> float:
        """A bound of the suite, or how patient it is to be, if that is longer."""
        return max(seconds, self.patience)

    def session(self, *, opens: bool = False) -> Session:
        """Start a fresh plugin and connect to it. opens: also call OpenSession.

        A plugin that is attached has one session, whoever asks for it.
        """
        if self.attached is not None:
            return self.attached.session(
                self._reached(), self.codec, self.config, self.secrets, opens=opens
            )
        options = HostOptions(
            codec=self.codec,
            config=self.config,
            secrets=self.secrets,
            opens=opens,
            handshake=self.within(HANDSHAKE_SECONDS),
            stop=STOP_SECONDS,
            cancellation=self.stop,
            on_log=None if self.transcript is None else self.transcript.log,
        )
        if self.patience:
            options = replace(options, open=self.within(options.open))
        return HostSession(self.plugin, self._reached(), options)

    def _reached(self) -> Transport:
        """The transport, with the transcript in its way if there is one."""
        if self.transcript is None:
            return self.transport
        return Tap(self.transport, self.transcript)

    def met(self, session: Session) -> Endpoint:
        """The endpoint for a raw wire to the session's plugin."""
        endpoint = session.endpoint
        if self.transcript is None or not isinstance(session.wire, TappedWire):
            return endpoint
        if isinstance(endpoint, SocketEndpoint):
            self.transcript.hide(endpoint.secret)
        return session.wire.endpoint

    @contextmanager
    def calling(self, session: Session, secret: str | None) -> Iterator[Channel]:
        """The session's channel; or with a secret a stranger's own channel to the same socket."""
        endpoint = session.endpoint
        if secret is None:
            yield session.channel
        elif isinstance(endpoint, SocketEndpoint):
            stranger = replace(endpoint, secret=secret)
            with self._reached().connect(stranger, codec=self.codec) as channel:
                # A plugin that is wrong may tell a stranger the right secret.
                yield HostChannel(channel, session.redactor)
        else:
            raise ValueProblem("secret: there is no socket; the vector needs the trait endpoint")

    def start(self, step: Start) -> dict[str, Any]:
        """Start the program a second time, read its line, close its stdin.

        Returns the object that vectors.Start.expect is a pattern of.
        """
        with ExitStack() as undo:
            return self._start(step, new_socket_path(undo, "plugin"))

    def _start(self, step: Start, socket: str) -> dict[str, Any]:
        environment = plugin_environment(os.environ, self.secrets.values())
        environment |= {ENV_TRANSPORT: self.transport.name, ENV_CODEC: self.codec}
        if self.transport.traits.endpoint is EndpointKind.SOCKET:
            environment[ENV_SOCKET] = socket
        for name in step.without:
            environment.pop(name, None)
        path = str(find(self.plugin, library=False).path)
        process = PluginProcess("plugin", [path], environment)
        if not step.secret:
            process.stdin.close()
        elif self.transport.traits.endpoint is EndpointKind.SOCKET:
            send_secret(process, new_secret())
        said: dict[str, Any] = {"problem": "", "endpoint": "", "words": {}}
        try:
            found = read_handshake(process, self.within(HANDSHAKE_SECONDS))
            endpoint = found.endpoint.replace(os.path.dirname(socket), "{place}")
            said |= {"endpoint": endpoint, "words": dict(found.words)}
            if os.path.exists(socket):
                said["mode"] = f"{stat.S_IMODE(os.stat(socket).st_mode):o}"
        except PluginError as error:
            said["problem"] = error.problem
        finally:
            process.stop(STOP_SECONDS)
        places = {"socket": socket, "directory": os.path.dirname(socket)}
        left = [name for name, path in places.items() if os.path.exists(path)]
        return said | {"exit": process.exit, "stderr": list(process.tail), "left": left}
