"""A backend's session as a host holds it, whatever the transport: open_backend() to close().

Which way a backend is reached is read from the transport's traits: an object in this process, a
shared library, or a program with a socket or with its stdin and stdout.
"""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from transportlab import __version__, model
from transportlab.backend import PROTOCOL_VERSIONS, Backend
from transportlab.channel import (
    Endpoint,
    EndpointKind,
    LibraryEndpoint,
    ObjectEndpoint,
    SocketEndpoint,
    StdioEndpoint,
    Transport,
)
from transportlab.context import Context
from transportlab.errors import (
    LabError,
    PluginError,
    RpcError,
    TransportError,
    UsageError,
)
from transportlab.handshake import STDIO, Handshake
from transportlab.host.discovery import find
from transportlab.host.process import PluginProcess, plugin_environment
from transportlab.host.supervised import SupervisedChannel
from transportlab.registry import backend_names, load_backend, load_transport
from transportlab.remote import RemoteBackend
from transportlab.sdk import ENV_CODEC, ENV_SOCKET, ENV_TRANSPORT
from transportlab.session import PluginSession

MAX_SOCKET_PATH = 107
"""Bytes in sockaddr_un.sun_path on Linux, less the final NUL (P-HANDSHAKE-4)."""

EXIT_GRACE = 0.5
"""Seconds that a broken channel waits for its plugin's end, to be able to say how it ended."""


@dataclass(frozen=True, slots=True)
class HostOptions:
    """Bounds in seconds, and what becomes of a plugin's lines on stderr.

    codec None is the transport's usual one. handshake bounds the wait for the line, open the
    OpenSession call, close the CloseSession call, stop all of the ladder after it. on_phase is told
    of each step with the plugin's pid, None without a process: started, line, connected, opened.
    """

    codec: str | None = None
    config: Mapping[str, str] = field(default_factory=dict)
    required_capabilities: tuple[str, ...] = ()
    handshake: float = 5.0
    open: float = 10.0
    close: float = 1.0
    stop: float = 4.0
    opens: bool = True
    on_line: Callable[[str], None] | None = None
    on_phase: Callable[[str, int | None], None] | None = None


class HostSession:
    """An open session. A context manager: leaving it stops the plugin, within its bounds."""

    def __init__(self, backend: str, transport: Transport, options: HostOptions) -> None:
        self._name = backend
        self._options = options
        self._path = ""
        self._stack = contextlib.ExitStack()
        self.process: PluginProcess | None = None
        self.shadowed: tuple[str, ...] = ()
        codec = options.codec or transport.traits.codecs[0]
        if codec not in transport.traits.codecs:
            carried = ", ".join(transport.traits.codecs)
            raise UsageError(f'transport {transport.name} has no codec "{codec}"; it has {carried}')
        with contextlib.ExitStack() as undo:
            undo.callback(self.close)
            endpoint = self._endpoint(transport, codec)
            try:
                channel = transport.connect(endpoint, codec=codec)
            except TransportError as error:
                raise self._blame("E-CONNECT", error) from error
            self._phase("connected")
            self.channel = SupervisedChannel(channel, lambda error: self._blame("E-CALL", error))
            self._stack.callback(channel.close)
            self.backend: Backend = RemoteBackend(self.channel)
            self.info = self._open() if options.opens else model.OpenSessionReply()
            self._phase("opened")
            undo.pop_all()

    def _phase(self, name: str) -> None:
        if self._options.on_phase is not None:
            self._options.on_phase(name, None if self.process is None else self.process.pid)

    def _endpoint(self, transport: Transport, codec: str) -> Endpoint:
        kind = transport.traits.endpoint
        if kind is EndpointKind.OBJECT:
            return self._object()
        found = find(self._name, library=kind is EndpointKind.LIBRARY)
        self._path = str(found.path)
        self.shadowed = tuple(str(path) for path in found.shadowed)
        if kind is EndpointKind.LIBRARY:
            return LibraryEndpoint(self._path)
        return self._start(found.name, transport, codec)

    def _object(self) -> Endpoint:
        plugin = load_backend(self._name)
        if plugin is None:
            raise PluginError(
                "E-NOT-FOUND",
                f"no in-tree backend; there are {', '.join(backend_names())}",
                name=self._name,
                action="a plugin needs a transport that reaches it",
            )
        return ObjectEndpoint(PluginSession(plugin))

    def _start(self, name: str, transport: Transport, codec: str) -> Endpoint:
        socket = transport.traits.endpoint is EndpointKind.SOCKET
        environment = plugin_environment(os.environ)
        environment |= {ENV_TRANSPORT: transport.name, ENV_CODEC: codec}
        if socket:
            environment[ENV_SOCKET] = self._socket_path()
        process = PluginProcess(name, [self._path], environment, self._options.on_line)
        self.process = process
        self._stack.callback(process.stop, self._options.stop)
        self._phase("started")
        said = process.handshake(self._options.handshake)
        self._phase("line")
        self._check(said, transport.name, environment.get(ENV_SOCKET, STDIO))
        if not socket:
            return StdioEndpoint(process.stdout, process.stdin)
        process.drain_stdout()
        return SocketEndpoint(said.endpoint)

    def _socket_path(self) -> str:
        """A path in a private directory (0700) that lives as long as the session (P-START-1)."""
        folder = tempfile.mkdtemp(prefix="cronix-")
        if len(os.fsencode(folder)) + 2 > MAX_SOCKET_PATH:
            os.rmdir(folder)
            folder = tempfile.mkdtemp(prefix="cronix-", dir="/tmp")  # TMPDIR is too long
        self._stack.callback(shutil.rmtree, folder, ignore_errors=True)
        return os.path.join(folder, "s")

    def _check(self, said: Handshake, transport: str, endpoint: str) -> None:
        process = self.process
        if process is None:
            raise UsageError("a handshake belongs to a process")
        spoken = said.words.get("transport", transport)
        if spoken != transport:
            raise process.error(
                "E-TRANSPORT",
                "the plugin speaks another transport",
                expected=transport,
                got=spoken,
                action=f"use --transport {spoken}",
            )
        if said.endpoint != endpoint:
            raise process.error(
                "E-ENDPOINT",
                "the plugin serves at another endpoint than the host gave it",
                expected=endpoint,
                got=said.endpoint,
                action="report this to the plugin's author",
            )

    def _open(self) -> model.OpenSessionReply:
        options = self._options
        request = model.OpenSessionRequest(
            __version__, PROTOCOL_VERSIONS, options.config, options.required_capabilities
        )
        try:
            reply = self.backend.open_session(request, Context(timeout=options.open))
        except RpcError as error:
            if error.details.reason == "PROTOCOL_VERSION":
                raise self._mismatch(error) from error
            raise
        if self.process is not None:
            self.process.version = reply.plugin_version
        self._stack.callback(self._close_session)
        return reply

    def _mismatch(self, error: RpcError) -> PluginError:
        """Both sides' versions, and who must act (P-SESSION-2)."""
        details = error.details
        return PluginError(
            "E-PROTO-MISMATCH",
            error.message,
            name=self._name,
            path=self._path,
            version="" if self.process is None else self.process.version,
            expected=details.got,
            got=details.expected,
            action=details.action,
        )

    def _close_session(self) -> None:
        with contextlib.suppress(LabError):
            self.backend.close_session(
                model.CloseSessionRequest(), Context(timeout=self._options.close)
            )

    def _blame(self, code: str, error: TransportError) -> LabError:
        """The channel's failure with the plugin's end, for channels that have a plugin process."""
        if self.process is None:
            return PluginError(code, str(error), name=self._name, path=self._path)
        self.process.wait(EXIT_GRACE)
        return self.process.error(
            code,
            str(error),
            action="whether the call was carried out is unknown: read, then plan again",
        )

    def close(self) -> None:
        """CloseSession, close the channel, stop the plugin. A second time does nothing."""
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def open_backend(backend: str, transport: str, options: HostOptions | None = None) -> HostSession:
    """Find, start and open a backend by its name or path, over the transport of that name.

    Raises UsageError for an unknown transport or codec, PluginError for the way to the plugin,
    RpcError for what OpenSession answers.
    """
    return HostSession(backend, load_transport(transport), options or HostOptions())
