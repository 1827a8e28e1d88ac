"""How a program is started: private directory, environment, process, handshake, endpoint.

What is made on the way is undone by the caller's ExitStack, so a failure anywhere unwinds just what
has been done. Whether the program may run at all is decided before this.
"""

import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass

from transportlab.channel import (
    Endpoint,
    EndpointKind,
    SocketEndpoint,
    StdioEndpoint,
    Transport,
)
from transportlab.handshake import STDIO, Handshake
from transportlab.host.discovery import LIBRARY_SUFFIX
from transportlab.host.options import HostOptions
from transportlab.host.process import PluginProcess, plugin_environment
from transportlab.host.trust import Admitted
from transportlab.sdk import ENV_CODEC, ENV_SOCKET, ENV_TRANSPORT
from transportlab.secret import new_secret, secret_line

MAX_SOCKET_PATH = 107
"""Bytes in sockaddr_un.sun_path on Linux, less the final NUL (P-HANDSHAKE-4)."""


@dataclass(frozen=True, slots=True)
class Launch:
    """A program that is to be started: its backend's name, its file, and how it is reached."""

    name: str
    plugin: Admitted
    transport: Transport
    codec: str
    options: HostOptions

    def start(self, undo: contextlib.ExitStack) -> tuple[PluginProcess, Endpoint]:
        """The running plugin and where to call it; undo ends it and removes what was made.

        Raises PluginError E-START, E-EXITED, E-HANDSHAKE..., E-TRANSPORT, E-ENDPOINT.
        """
        socket = self.transport.traits.endpoint is EndpointKind.SOCKET
        environment = plugin_environment(os.environ)
        environment |= {ENV_TRANSPORT: self.transport.name, ENV_CODEC: self.codec}
        if socket:
            environment[ENV_SOCKET] = socket_path(undo)
        process = self._process(environment)
        undo.callback(process.stop, self.options.stop)
        secret = new_secret() if socket else ""
        if socket:
            give_secret(process, secret)
        self.options.phase("started", process.pid)
        said = process.handshake(self.options.handshake)
        self.options.phase("line", process.pid)
        self._check(process, said, environment.get(ENV_SOCKET, STDIO))
        if not socket:
            return process, StdioEndpoint(process.stdout, process.stdin)
        process.drain_stdout()
        return process, SocketEndpoint(said.endpoint, secret)

    def _process(self, environment: Mapping[str, str]) -> PluginProcess:
        """A program as it is; a library in a worker, which only this host's code goes into (-P)."""
        path, file, memory = self.plugin.path, self.plugin.file, self.plugin.memory
        command = [path]
        if path.endswith(LIBRARY_SUFFIX):
            command = [sys.executable, "-P", "-m", "transportlab.worker", path, file]
            file = ""
        return PluginProcess(
            self.name,
            command,
            environment,
            self.options.on_line,
            path=path,
            file=file,
            inherited=() if memory is None else (memory,),
        )

    def _check(self, process: PluginProcess, said: Handshake, endpoint: str) -> None:
        spoken = said.words.get("transport", self.transport.name)
        if spoken != self.transport.name:
            raise process.error(
                "E-TRANSPORT",
                "the plugin speaks another transport",
                expected=self.transport.name,
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


def give_secret(process: PluginProcess, secret: str) -> None:
    """The one line on a plugin's stdin (P-AUTH-1); it always fits into the pipe."""
    with contextlib.suppress(BrokenPipeError):  # a plugin that has ended is told by its handshake
        process.stdin.write(secret_line(secret))


def socket_path(undo: contextlib.ExitStack) -> str:
    """A path in a private directory (0700) that lives as long as the session (P-START-1)."""
    folder = tempfile.mkdtemp(prefix="cronix-")
    if len(os.fsencode(folder)) + 2 > MAX_SOCKET_PATH:
        os.rmdir(folder)
        folder = tempfile.mkdtemp(prefix="cronix-", dir="/tmp")  # TMPDIR is too long
    undo.callback(shutil.rmtree, folder, ignore_errors=True)
    return os.path.join(folder, "s")
