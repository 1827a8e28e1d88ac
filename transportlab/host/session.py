"""A host's session with a backend over any transport, from open_backend() to close().

The transport's traits tell how the backend is reached: as an object in this process, as a shared
library, or as a program with a socket or with its stdin and stdout. A library that is given by its
path for a program's transport runs in a worker: a program of the host's own that loads it.

Each step is another module's: discovery finds the file, trust admits it, launch starts it and hears
its handshake, channel carries the calls. blame.py says in errors whose failure it was.
"""

import contextlib
import os
import threading
from types import TracebackType
from typing import TYPE_CHECKING, Self

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
from transportlab.errors import LabError, PluginError, RpcError, TransportError, UsageError
from transportlab.host.blame import Blame
from transportlab.host.channel import HostChannel
from transportlab.host.options import HostOptions
from transportlab.host.secrets import hiding, one_line, redactor_of, secret_for
from transportlab.host.versions import parse_versions
from transportlab.registry import (
    backend_names,
    load_backend,
    load_transport,
    not_built,
    not_installed,
)
from transportlab.remote import RemoteBackend
from transportlab.sdk.session import PluginSession

if TYPE_CHECKING:
    from transportlab.host.process import PluginProcess


class HostSession:
    """An open session. A context manager: leaving it stops the plugin, within the options' bounds.

    backend is what to call. info is the reply to OpenSession. process is None without a plugin
    process. redactor hides the options' secrets and the launch's secret in errors and logs; replies
    are data and stay as they are. wire is the transport's own channel, which hides nothing.
    """

    def __init__(self, backend: str, transport: Transport, options: HostOptions) -> None:
        self._owner = os.getpid()
        self._closing = threading.RLock()  # reentrant, for a signal's handler that closes it
        self._options = options
        secret = secret_for(transport)
        self.redactor = redactor_of(options.secrets, secret)
        self._blame = Blame(backend, self.redactor)
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
                raise self._blame.for_connection("E-CONNECT", error) from error
            self._phase("connected")
            self.channel = HostChannel(self.wire, self.redactor, self._blame.for_call)
            self._stack.callback(self.channel.close)
            if self.process is not None:
                self.process.on_lost = self.channel.lose
                if self.process.exit:  # it ended before on_lost was set
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
        # A backend in this process needs no file and no process, and these take a while.
        from transportlab.host.discovery import LIBRARY_SUFFIX, find
        from transportlab.host.launch import Launch
        from transportlab.host.trust import admit, library_path

        library = kind is EndpointKind.LIBRARY or self._blame.name.endswith(LIBRARY_SUFFIX)
        found = find(self._blame.name, library=library)
        self._blame.name, self._blame.path = found.name, str(found.path)
        self.shadowed = tuple(str(path) for path in found.shadowed)
        pins = self._options.pins
        admitted = admit(found.name, self._blame.path, pins, self._stack, library=library)
        if kind is EndpointKind.LIBRARY:
            return LibraryEndpoint(library_path(admitted))
        launch = Launch(
            found.name, admitted, transport, codec, self._options, secret, self.redactor
        )
        self.process, endpoint = launch.start(self._stack)
        self._blame.process = self.process
        return endpoint

    def _object(self) -> Endpoint:
        plugin = load_backend(self._blame.name)
        if plugin is None:
            raise PluginError(
                "E-NOT-FOUND",
                f"no in-tree backend; there are {', '.join(backend_names())}",
                name=self._blame.name,
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
                theirs = parse_versions(error.details.expected)
                raise self._blame.for_versions(theirs, PROTOCOL_VERSIONS) from error
            raise
        self._blame.opened_version = version = one_line(reply.plugin_version, self.redactor)
        if self.process is not None:
            self.process.version = version
        self._stack.callback(self._close_session)
        if reply.protocol_version not in PROTOCOL_VERSIONS:
            raise self._blame.for_versions([reply.protocol_version], PROTOCOL_VERSIONS)
        second = None if self.process is None else self.process.second_handshake()
        if second is not None:
            raise self._blame.for_connection("E-CALL", second)
        return reply

    def _close_session(self) -> None:
        with contextlib.suppress(LabError):
            self.backend.close_session(
                model.CloseSessionRequest(), Context(timeout=self._options.close)
            )

    def close(self) -> None:
        """Call CloseSession, close the channel, stop the plugin. A second time does nothing.

        It also does nothing in a forked process, because the plugin is the parent's. If several
        threads close the session at once, each returns when all is done.
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

    Raises UsageError for an unknown transport or codec and for one whose libraries are not
    installed, PluginError if the plugin cannot be found, started or reached, and RpcError if the
    backend refuses OpenSession.
    """
    wanted = load_transport(transport)
    options = options or HostOptions()
    try:
        return HostSession(backend, wanted, options)
    except (ModuleNotFoundError, PluginError) as error:
        # Only after a failure: each start would have to pay for the look.
        if lacking := not_installed(wanted, options.codec):
            raise UsageError(f'transport "{transport}": {lacking}') from error
        if isinstance(error, PluginError) and backend in backend_names():
            _tell_how_to_build(error, wanted)
        raise


def _tell_how_to_build(error: PluginError, transport: Transport) -> None:
    """Add how to build one of this project's own libraries, if it is not there."""
    if error.code == "E-NOT-FOUND" and (how := not_built(transport)):
        error.action = how
