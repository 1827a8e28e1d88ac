"""Starts a plugin's program: private directory, environment, process, secret, handshake, listener.

Launch.start() takes these steps in the order of the protocol. Every step that makes something
pushes onto the caller's ExitStack what undoes it, so a failure anywhere unwinds what was done and
no more. Whether the program may run at all is decided before (trust.py). The process itself is
process.py's.
"""

import contextlib
import os
import re
import socket
import sys
from collections.abc import Mapping

import msgspec

from transportlab.auth import secret_line
from transportlab.channel import (
    Endpoint,
    EndpointKind,
    SocketEndpoint,
    StdioEndpoint,
    Transport,
)
from transportlab.handshake import STDIO
from transportlab.host.discovery import LIBRARY_SUFFIX
from transportlab.host.handshake import check_handshake, read_handshake
from transportlab.host.options import HostOptions
from transportlab.host.process import PluginProcess
from transportlab.host.rundir import PREFIX, make_rundir, remove_abandoned, temporary_directory
from transportlab.host.spawn import plugin_environment
from transportlab.host.trust import Admitted
from transportlab.peer import listener_of
from transportlab.quote import repr_without
from transportlab.redact import NOTHING, Redactor
from transportlab.sdk.program import ENV_CODEC, ENV_SOCKET, ENV_TRANSPORT

MAX_SOCKET_PATH = 107
"""Bytes in sockaddr_un.sun_path on Linux, less the final NUL (P-HANDSHAKE-4)."""

SHORT_DIRECTORY = "/tmp"  # noqa: S108  # the directory that is made in it is private
"""Where sockets go if their path in TMPDIR would be too long, or not safe."""

_SAFE_PATH = re.compile(r"[A-Za-z0-9/._+-]+")
"""The socket paths that are safe. In the handshake line a space ends the path; gRPC writes it as a
URI, in which "#", "?", "%" and "," lead to another path."""


class Launch(msgspec.Struct, frozen=True):
    """A program to start: its backend's name, its file, and how it will be reached.

    secret is this launch's, from secret_for(). Texts do not show what `redactor` hides.
    """

    __repr__ = repr_without("secret")

    name: str
    plugin: Admitted
    transport: Transport
    codec: str
    options: HostOptions
    secret: str = ""
    redactor: Redactor = NOTHING

    def start(self, undo: contextlib.ExitStack) -> tuple[PluginProcess, Endpoint]:
        """Start the plugin. Returns the process, and the endpoint at which to call it.

        `undo` stops the process and removes what was made. Raises PluginError: E-FOLDER, E-START,
        E-EXITED, E-HANDSHAKE-..., E-TRANSPORT, E-ENDPOINT..., E-CONNECT, E-PEER; RpcError
        CANCELLED.
        """
        path = ""
        environment = plugin_environment(os.environ, self.options.secrets.values())
        environment |= {ENV_TRANSPORT: self.transport.name, ENV_CODEC: self.codec}
        if self.transport.traits.endpoint is EndpointKind.SOCKET:
            environment[ENV_SOCKET] = path = new_socket_path(undo, self.name)
        process = self._process(environment)
        undo.callback(process.stop, self.options.stop)
        self.options.phase("started", process.pid)
        if path:
            send_secret(process, self.secret)
            # While the plugin starts anyway, so that tidying up makes no start longer.
            remove_abandoned(os.path.dirname(os.path.dirname(path)))
        self.transport.prepare(self.codec)
        said = read_handshake(process, self.options.handshake, self.options.cancellation)
        self.options.phase("line", process.pid)
        check_handshake(process, said, self.transport.name, path or STDIO)
        if not path:
            return process, StdioEndpoint(process.stdout, process.stdin)
        process.drain_stdout()
        check_peer(process, path)
        return process, SocketEndpoint(path, self.secret)

    def _process(self, environment: Mapping[str, str]) -> PluginProcess:
        """Start a program as it is, and a library in a worker.

        A worker imports from this host's installation only (-P leaves out the working directory).
        """
        path, file, memory = self.plugin.path, self.plugin.file, self.plugin.memory
        command = [path]
        if path.endswith(LIBRARY_SUFFIX):
            command = [sys.executable, "-P", "-m", "transportlab.sdk.library_worker", path, file]
            file = ""
        return PluginProcess(
            self.name,
            command,
            environment,
            self.options.on_log,
            path=path,
            file=file,
            inherited=() if memory is None else (memory,),
            redactor=self.redactor,
        )


def send_secret(process: PluginProcess, secret: str) -> None:
    """Write the launch's secret to the plugin's stdin (P-AUTH-1). It always fits into the pipe."""
    with contextlib.suppress(BrokenPipeError):  # the handshake will tell that the plugin has ended
        process.stdin.write(secret_line(secret))


def new_socket_path(undo: contextlib.ExitStack, name: str) -> str:
    """Return a path for a socket, in a private directory that `undo` removes (P-START-1)."""
    usual = os.path.join(temporary_directory(name), PREFIX + "x" * 8, "s")
    fits = len(usual) <= MAX_SOCKET_PATH and _SAFE_PATH.fullmatch(usual)
    return os.path.join(make_rundir(undo, name, None if fits else SHORT_DIRECTORY), "s")


def check_peer(process: PluginProcess, path: str) -> None:
    """Check that a process of this user listens at `path` (P-AUTH-3).

    The kernel tells who it was when the socket began to listen (SO_PEERCRED). Where a platform
    cannot tell, the private directory is the only protection. Raises PluginError E-CONNECT, E-PEER.
    """
    listener = _listener(process, path)
    if listener is None:
        return
    pid, user = listener
    if user != os.geteuid():
        raise process.error(
            "E-PEER",
            f"another user's process ({pid}) listens at {path}",
            expected=f"user {os.geteuid()}",
            got=f"user {user}",
            action="the plugin must listen as its own user: find out who owns that process",
        )


def _listener(process: PluginProcess, path: str) -> tuple[int, int] | None:
    """Return the number and the user of the process that listens at `path`, None if unknown."""
    try:
        probe = socket.socket(socket.AF_UNIX)
    except OSError as error:
        raise process.error(
            "E-CONNECT",
            f"the host has no room for a connection: {error.strerror}",
            action="raise the host's limits (ulimit -n), or end other sessions",
        ) from error
    with probe:
        probe.setblocking(False)  # a full backlog is an error, not a wait
        try:
            probe.connect(path)
        except OSError as error:
            process.wait()
            raise process.error(
                "E-CONNECT",
                f"cannot connect to {path}: {error.strerror}",
                action="a plugin writes its handshake line once it listens, not before",
            ) from error
        return listener_of(probe)
