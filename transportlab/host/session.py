"""A backend's session as a host holds it, whatever the transport: open_backend() to close().

Which way a backend is reached is read from the transport's traits: an object in this process, a
shared library, or a program with a socket or with its stdin and stdout. A library that is given by
its path over a program's transport runs in a worker, a program of the host's own.
"""

import contextlib
import os
import threading
from collections.abc import Collection, Iterator
from types import TracebackType
from typing import Self

from transportlab import __version__, model
from transportlab.backend import PROTOCOL_VERSIONS, Backend
from transportlab.channel import (
    Endpoint,
    EndpointKind,
    LibraryEndpoint,
    ObjectEndpoint,
    Transport,
)
from transportlab.context import Context
from transportlab.errors import (
    Code,
    LabError,
    PluginError,
    RpcError,
    SecondHandshake,
    TransportError,
    UsageError,
)
from transportlab.handshake import HandshakeError
from transportlab.host.channel import HostChannel
from transportlab.host.discovery import LIBRARY_SUFFIX, find
from transportlab.host.handshake import parse_versions, protocol_mismatch
from transportlab.host.launch import Launch
from transportlab.host.options import HostOptions
from transportlab.host.process import EXIT_GRACE, PluginProcess
from transportlab.host.secrets import hiding, one_line, redactor_of, secret_for
from transportlab.host.trust import admit, library_path
from transportlab.registry import (
    backend_names,
    load_backend,
    load_transport,
    not_built,
    not_installed,
)
from transportlab.remote import RemoteBackend
from transportlab.sdk.session import PluginSession

KILLED = "signal SIGKILL"


class HostSession:
    """An open session. A context manager: leaving it stops the plugin, within its bounds.

    redactor hides the secrets that options gave, and that of the launch; replies, which are data,
    come as they are. wire is the transport's own channel, which hides nothing.
    """

    def __init__(self, backend: str, transport: Transport, options: HostOptions) -> None:
        self._name = backend
        self._owner = os.getpid()
        self._closing = threading.RLock()  # reentrant, for a signal's handler that closes it
        self._options = options
        secret = secret_for(transport)
        self.redactor = redactor_of(options.secrets, secret)
        self._path = ""
        self._version = ""
        self._stack = contextlib.ExitStack()
        self.process: PluginProcess | None = None
        self.shadowed: tuple[str, ...] = ()
        codec = options.codec or transport.traits.codecs[0]
        if codec not in transport.traits.codecs:
            carried = ", ".join(transport.traits.codecs)
            raise UsageError(f'transport {transport.name} has no codec "{codec}"; it has {carried}')
        with hiding(self.redactor), contextlib.ExitStack() as undo:
            undo.callback(self.close)
            self.endpoint = self._endpoint(transport, codec, secret)
            try:
                self.wire = transport.connect(self.endpoint, codec=codec)
            except TransportError as error:
                raise self._blame("E-CONNECT", error) from error
            self._phase("connected")
            self.channel = HostChannel(self.wire, self.redactor, self._blame_call)
            self._stack.callback(self.channel.close)
            if self.process is not None:
                self.process.on_lost = self.channel.lose
                if self.process.exit:  # before there was anybody to tell
                    self.channel.lose()
            self.backend: Backend = RemoteBackend(self.channel)
            self.info = self._open() if options.opens else model.OpenSessionReply()
            self._phase("opened")
            undo.pop_all()

    def _phase(self, name: str) -> None:
        self._options.phase(name, None if self.process is None else self.process.pid)

    def _endpoint(self, transport: Transport, codec: str, secret: str) -> Endpoint:
        kind = transport.traits.endpoint
        if kind is EndpointKind.OBJECT:
            return self._object()
        library = kind is EndpointKind.LIBRARY or self._name.endswith(LIBRARY_SUFFIX)
        found = find(self._name, library=library)
        self._name, self._path = found.name, str(found.path)
        self.shadowed = tuple(str(path) for path in found.shadowed)
        pins = self._options.pins
        admitted = admit(found.name, self._path, pins, self._stack, library=library)
        if kind is EndpointKind.LIBRARY:
            return LibraryEndpoint(library_path(admitted))
        launch = Launch(
            found.name, admitted, transport, codec, self._options, secret, self.redactor
        )
        self.process, endpoint = launch.start(self._stack)
        return endpoint

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

    def _open(self) -> model.OpenSessionReply:
        options = self._options
        request = model.OpenSessionRequest(
            __version__,
            PROTOCOL_VERSIONS,
            {**options.config, **options.secrets},
            options.required_capabilities,
        )
        try:
            context = Context(timeout=options.open, cancellation=options.cancellation)
            reply = self.backend.open_session(request, context)
        except RpcError as error:
            if error.details.reason == "PROTOCOL_VERSION":
                raise self._mismatch(parse_versions(error.details.expected)) from error
            raise
        self._version = one_line(reply.plugin_version, self.redactor)
        if self.process is not None:
            self.process.version = self._version
        self._stack.callback(self._close_session)
        if reply.protocol_version not in PROTOCOL_VERSIONS:
            raise self._mismatch([reply.protocol_version])
        second = None if self.process is None else self.process.second_handshake()
        if second is not None:
            raise self._blame("E-CALL", second)
        return reply

    def _mismatch(self, theirs: Collection[int]) -> PluginError:
        version = self._version if self.process is None else self.process.version
        return protocol_mismatch(self._name, self._path, version, theirs, PROTOCOL_VERSIONS)

    def _close_session(self) -> None:
        with contextlib.suppress(LabError):
            self.backend.close_session(
                model.CloseSessionRequest(), Context(timeout=self._options.close)
            )

    def _blame(self, code: str, error: TransportError) -> LabError:
        """The channel's failure with the plugin's end, for channels that have a plugin process."""
        if self.process is None:
            line = error if isinstance(error, HandshakeError) else None  # a library's
            return PluginError(
                line.code if line else code,
                str(error),
                name=self._name,
                path=self._path,
                version=self._version,
                action=line.action if line else "",
            )
        self.process.wait(EXIT_GRACE)
        second = error if isinstance(error, SecondHandshake) else self.process.second_handshake()
        if second is not None:
            action = "write the line once: two processes that serve are one too many"
            return self.process.error("E-HANDSHAKE-TWICE", str(second), action=action)
        still = "" if self.process.exit else f"; the plugin {self.process.condition}"
        action = "whether the call was carried out is unknown: read, then plan again"
        if self.process.exit == KILLED:
            action += (
                "; for the memory of a process it is the kernel that kills, and its log says so"
            )
        return self.process.error(code, f"{error}{still}", action=action)

    def _blame_call(self, error: TransportError | RpcError) -> LabError:
        if isinstance(error, TransportError):
            return self.redactor.error(self._blame("E-CALL", error))
        for note in self._notes(error):
            error.add_note(note)
        return error

    def _notes(self, error: RpcError) -> Iterator[str]:
        """Whose answer it is; of a plugin that hangs or has a bug also what else is known of it."""
        version = self._version or ("" if self.process is None else self.process.version)
        who = " ".join(filter(None, (self._path, version)))
        yield f'from backend "{self._name}"' + (f" ({who})" if who else "")
        slow = error.code is Code.DEADLINE_EXCEEDED
        if self.process is None or not (slow or error.details.reason == "PANIC"):
            return
        yield f"the plugin {self.process.condition}"
        if self.process.tail:
            yield "its last lines on stderr:"
            yield from (f"  {line}" for line in self.process.tail)
        if slow:
            yield "allow it more time, or see what it does; a session that is closed ends it"

    def close(self) -> None:
        """CloseSession, close the channel, stop the plugin. A second time does nothing.

        Nor does it in a process that was forked off: the plugin is its parent's. Of several threads
        that close it at once each returns when all is done.
        """
        if os.getpid() == self._owner:
            with self._closing:
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

    Raises UsageError for an unknown transport or codec and for a transport whose libraries are not
    installed, PluginError for the way to the plugin, RpcError for what OpenSession answers.
    """
    wanted = load_transport(transport)
    options = options or HostOptions()
    try:
        return HostSession(backend, wanted, options)
    except (ModuleNotFoundError, PluginError) as error:
        # Only now: to look for libraries takes time, which each start would have to pay.
        if lacking := not_installed(wanted, options.codec):
            raise UsageError(f'transport "{transport}": {lacking}') from error
        if isinstance(error, PluginError) and backend in backend_names():
            _tell_how_to_build(error, wanted)
        raise


def _tell_how_to_build(error: PluginError, transport: Transport) -> None:
    """What to do where one of this project's own libraries is not there."""
    if error.code == "E-NOT-FOUND" and (how := not_built(transport)):
        error.action = how
