"""The program under test as its vectors see it: how to open a session, and to start it by hand."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transportlab.channel import EndpointKind, Transport
from transportlab.errors import PluginError
from transportlab.host import HostOptions, HostSession
from transportlab.host.discovery import find
from transportlab.host.launch import give_secret
from transportlab.host.process import PluginProcess, plugin_environment
from transportlab.sdk import ENV_CODEC, ENV_SOCKET, ENV_TRANSPORT
from transportlab.secret import new_secret

HANDSHAKE_SECONDS = 5.0
"""The protocol's own bound (P-HANDSHAKE-3)."""

STOP_SECONDS = 4.0
"""The protocol's own bound on the ladder (P-STOP-1)."""


@dataclass(frozen=True, slots=True)
class Program:
    """A plugin by name or path, over one transport and codec, with its config for one vector."""

    plugin: str
    transport: Transport
    codec: str
    config: Mapping[str, str]

    def session(self, *, opens: bool = False) -> HostSession:
        """A fresh plugin with an open channel; without OpenSession unless opens."""
        options = HostOptions(
            codec=self.codec,
            config=self.config,
            opens=opens,
            handshake=HANDSHAKE_SECONDS,
            stop=STOP_SECONDS,
            on_line=_unheard,
        )
        return HostSession(self.plugin, self.transport, options)

    def start(self, without: tuple[str, ...], folder: Path) -> dict[str, Any]:
        """Start the program, read its line, end its stdin; what comes back: vectors.Start."""
        place = folder / "run"
        place.mkdir(mode=0o700)
        environment = plugin_environment(os.environ)
        environment |= {ENV_TRANSPORT: self.transport.name, ENV_CODEC: self.codec}
        if self.transport.traits.endpoint is EndpointKind.SOCKET:
            environment[ENV_SOCKET] = str(place / "s")
        for name in without:
            environment.pop(name, None)
        lines: list[str] = []
        path = str(find(self.plugin, library=False).path)
        process = PluginProcess("plugin", [path], environment, lines.append)
        if ENV_SOCKET in environment:
            give_secret(process, new_secret())
        said: dict[str, Any] = {"problem": "", "endpoint": "", "words": {}}
        try:
            found = process.handshake(HANDSHAKE_SECONDS)
            endpoint = found.endpoint.replace(str(place), "{place}")
            said |= {"endpoint": endpoint, "words": dict(found.words)}
        except PluginError as error:
            said["problem"] = error.problem
        finally:
            process.stop(STOP_SECONDS)
        return said | {"exit": process.exit, "stderr": lines}


def _unheard(line: str) -> None:
    """The plugin's log: its last lines are in its errors, the rest is nobody's concern here."""
