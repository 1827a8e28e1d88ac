"""The program under test as its vectors see it: how to open a session, and to start it by hand."""

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from transportlab.channel import Channel, EndpointKind, SocketEndpoint, Transport
from transportlab.conformance.values import ValueProblem
from transportlab.conformance.vectors import Start
from transportlab.errors import PluginError
from transportlab.host import HostOptions, HostSession
from transportlab.host.discovery import find
from transportlab.host.environment import plugin_environment
from transportlab.host.launch import give_secret, socket_path
from transportlab.host.line import hear
from transportlab.host.process import PluginProcess
from transportlab.host.redacted import RedactedChannel
from transportlab.sdk import ENV_CODEC, ENV_SOCKET, ENV_TRANSPORT
from transportlab.secret import new_secret

HANDSHAKE_SECONDS = 5.0
"""The protocol's own bound (P-HANDSHAKE-3)."""

STOP_SECONDS = 4.0
"""The protocol's own bound on the ladder (P-STOP-1)."""


@dataclass(frozen=True, slots=True)
class Program:
    """A plugin by name or path, over one transport and codec, with its config for one vector.

    secrets are those members of config that no result may show.
    """

    plugin: str
    transport: Transport
    codec: str
    config: Mapping[str, str] = field(repr=False)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)

    def session(self, *, opens: bool = False) -> HostSession:
        """A fresh plugin with an open channel; without OpenSession unless opens."""
        options = HostOptions(
            codec=self.codec,
            config=self.config,
            secrets=self.secrets,
            opens=opens,
            handshake=HANDSHAKE_SECONDS,
            stop=STOP_SECONDS,
        )
        return HostSession(self.plugin, self.transport, options)

    @contextmanager
    def calling(self, session: HostSession, secret: str | None) -> Iterator[Channel]:
        """The session's channel; with a secret a stranger's, of its own, to the same socket."""
        endpoint = session.endpoint
        if secret is None:
            yield session.channel
        elif isinstance(endpoint, SocketEndpoint):
            stranger = replace(endpoint, secret=secret)
            with self.transport.connect(stranger, codec=self.codec) as channel:
                yield RedactedChannel(channel, session.redactor)  # it may be told what is right
        else:
            raise ValueProblem("secret: there is no socket; the vector needs the trait endpoint")

    def start(self, step: Start) -> dict[str, Any]:
        """Start the program, read its line, end its stdin; what comes back: vectors.Start."""
        with ExitStack() as undo:
            return self._start(step, socket_path(undo, "plugin"))

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
            give_secret(process, new_secret())
        said: dict[str, Any] = {"problem": "", "endpoint": "", "words": {}}
        try:
            found = hear(process, HANDSHAKE_SECONDS)
            endpoint = found.endpoint.replace(os.path.dirname(socket), "{place}")
            said |= {"endpoint": endpoint, "words": dict(found.words)}
        except PluginError as error:
            said["problem"] = error.problem
        finally:
            process.stop(STOP_SECONDS)
        return said | {"exit": process.exit, "stderr": list(process.tail)}
