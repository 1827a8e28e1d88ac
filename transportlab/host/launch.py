"""How a program is started: private directory, environment, process, handshake, endpoint.

What is made on the way is undone by the caller's ExitStack, so a failure anywhere unwinds just what
has been done. Whether the program may run at all is decided before this.
"""

import contextlib
import os
import re
import socket
import struct
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

from transportlab.auth import new_secret, secret_line
from transportlab.channel import (
    Endpoint,
    EndpointKind,
    SocketEndpoint,
    StdioEndpoint,
    Transport,
)
from transportlab.handshake import STDIO
from transportlab.host.discovery import LIBRARY_SUFFIX
from transportlab.host.handshake import check, hear
from transportlab.host.options import HostOptions
from transportlab.host.process import EXIT_GRACE, PluginProcess
from transportlab.host.rundir import PREFIX, private_folder, remove_abandoned, usual_place
from transportlab.host.spawn import plugin_environment
from transportlab.host.trust import Admitted
from transportlab.redact import NOTHING, Redactor
from transportlab.sdk.program import ENV_CODEC, ENV_SOCKET, ENV_TRANSPORT

MAX_SOCKET_PATH = 107
"""Bytes in sockaddr_un.sun_path on Linux, less the final NUL (P-HANDSHAKE-4)."""

_PLAIN = re.compile(r"[A-Za-z0-9/._+-]+")
"""What a socket's path may be made of: in the handshake line a space ends it, and gRPC writes it as
a URI, in which "#", "?", "%" and "," lead to another path."""

SHORT_PLACE = "/tmp"  # noqa: S108  # the directory that is made in it is private
"""Where private directories are if TMPDIR is too long for a socket's path, or not plain."""


@dataclass(frozen=True, slots=True)
class Launch:
    """A program that is to be started: its backend's name, its file, and how it is reached.

    secret is that of this launch, as secret_for() makes it; no text has what the redactor hides.
    """

    name: str
    plugin: Admitted
    transport: Transport
    codec: str
    options: HostOptions
    secret: str = field(default="", repr=False)
    redactor: Redactor = NOTHING

    def start(self, undo: contextlib.ExitStack) -> tuple[PluginProcess, Endpoint]:
        """The running plugin and where to call it; undo ends it and removes what was made.

        Raises PluginError: E-FOLDER, E-START, E-EXITED, E-HANDSHAKE-..., E-TRANSPORT, E-ENDPOINT
        and E-ENDPOINT-..., E-CONNECT, E-PEER.
        """
        socket = ""
        environment = plugin_environment(os.environ, self.options.secrets.values())
        environment |= {ENV_TRANSPORT: self.transport.name, ENV_CODEC: self.codec}
        if self.transport.traits.endpoint is EndpointKind.SOCKET:
            environment[ENV_SOCKET] = socket = socket_path(undo, self.name)
        process = self._process(environment)
        undo.callback(process.stop, self.options.stop)
        self.options.phase("started", process.pid)
        if socket:
            give_secret(process, self.secret)
            # While the plugin starts, so that no start takes longer for it.
            remove_abandoned(os.path.dirname(os.path.dirname(socket)))
        said = hear(process, self.options.handshake, self.options.cancellation)
        self.options.phase("line", process.pid)
        check(process, said, self.transport.name, socket or STDIO)
        if not socket:
            return process, StdioEndpoint(process.stdout, process.stdin)
        process.drain_stdout()
        check_peer(process, socket)
        return process, SocketEndpoint(socket, self.secret)

    def _process(self, environment: Mapping[str, str]) -> PluginProcess:
        """A program as it is; a library in a worker, which only this host's code goes into (-P)."""
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


def secret_for(transport: Transport) -> str:
    """A new secret, where calls need one: on a socket (P-AUTH)."""
    return new_secret() if transport.traits.endpoint is EndpointKind.SOCKET else ""


def give_secret(process: PluginProcess, secret: str) -> None:
    """The one line on a plugin's stdin (P-AUTH-1); it always fits into the pipe."""
    with contextlib.suppress(BrokenPipeError):  # a plugin that has ended is told by its handshake
        process.stdin.write(secret_line(secret))


def socket_path(undo: contextlib.ExitStack, name: str) -> str:
    """A path in a private directory (0700) that lives as long as the session (P-START-1)."""
    usual = os.path.join(usual_place(name), PREFIX + "x" * 8, "s")
    fits = len(usual) <= MAX_SOCKET_PATH and _PLAIN.fullmatch(usual)
    place = None if fits else SHORT_PLACE
    return os.path.join(private_folder(undo, name, place), "s")


# Who listens at a plugin's socket, as the kernel tells it (P-AUTH-3).

_CREDENTIALS = struct.Struct("3i")
"""struct ucred of Linux: process, user, group."""


def check_peer(process: PluginProcess, path: str) -> None:
    """Raise PluginError unless the listener at path is of this very user.

    The kernel keeps the credentials of the moment in which the socket began to listen. Where the
    platform has no way to ask, the private directory is all there is.
    """
    if not hasattr(socket, "SO_PEERCRED"):
        return
    try:
        probe = socket.socket(socket.AF_UNIX)
    except OSError as error:
        raise process.error(
            "E-CONNECT",
            f"the host has no room for a connection: {error.strerror}",
            action="raise the host's limits (ulimit -n), or end other sessions",
        ) from error
    with probe:
        probe.setblocking(False)
        try:
            probe.connect(path)
        except OSError as error:
            process.wait(EXIT_GRACE)
            raise process.error(
                "E-CONNECT",
                f"cannot connect to {path}: {error.strerror}",
                action="a plugin writes its handshake line once it listens, not before",
            ) from error
        told = probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    pid, user, _ = _CREDENTIALS.unpack(told)
    if user != os.geteuid():
        raise process.error(
            "E-PEER",
            f"another user's process ({pid}) listens at {path}",
            expected=f"user {os.geteuid()}",
            got=f"user {user}",
            action="the plugin must listen as the user that started it: look who owns that process",
        )
