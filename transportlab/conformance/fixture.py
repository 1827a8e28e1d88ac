"""What each vector gets for itself: a fresh directory, and a crontab with lines that are not ours.

After the vector the lines that the plugin does not own must be the same bytes in the same order.
What is foreign is decided here by the format's own words, and not by the backend's parser.
"""

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from transportlab.auth import new_secret
from transportlab.channel import Channel, EndpointKind, SocketEndpoint, Transport
from transportlab.conformance.patterns import ValueProblem
from transportlab.conformance.vectors import Start, Vector
from transportlab.errors import PluginError
from transportlab.host import HostOptions, HostSession
from transportlab.host.channel import RedactedChannel
from transportlab.host.discovery import find
from transportlab.host.handshake import read_handshake
from transportlab.host.launch import new_socket_path, send_secret
from transportlab.host.process import PluginProcess
from transportlab.host.spawn import plugin_environment
from transportlab.sdk.program import ENV_CODEC, ENV_SOCKET, ENV_TRANSPORT

FOREIGN = b"""\
# m h dom mon dow command
MAILTO=ops@example.net
SHELL=/bin/sh

*/5 * * * *\t/usr/local/bin/collect --all  # every 5 minutes
0 4 * * 0 /usr/bin/find /tmp -mtime +7 -delete
@reboot /opt/app/start >/dev/null 2>&1
# cronix is told elsewhere: trigger is its verb
30 2 * * * /usr/bin/pg_dump -Fc app | gzip > /backup/app-$(date +\\%F).gz
"""
"""A crontab as people write them, in which nothing is cronix's."""

_MARK = re.compile(rb"# cronix:owned app=(\S+) job=(\S+) ")
_NOTE = b"# cronix:line-end "
_RUNS = re.compile(rb"\strigger [a-z][a-z0-9-]*\.[a-z][a-z0-9-]*(?=\s|$)")


class Fixture:
    """A directory of its own for one vector, which remove() takes away."""

    def __init__(self, vector: Vector) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="tl-conf-"))
        self.file = self.folder / "crontab"
        data = FOREIGN if vector.file is None else vector.file.data()
        if data is not None:
            self.file.write_bytes(data)
        self._foreign = foreign_digest(data or b"")

    def config(self, template: Mapping[str, str]) -> dict[str, str]:
        """The config with {dir} and {file} replaced."""
        places = {"{dir}": str(self.folder), "{file}": str(self.file)}
        return {name: _filled(value, places) for name, value in template.items()}

    def neutral(self, text: str) -> str:
        """The text with the directory's own name replaced, so that runs compare."""
        return text.replace(str(self.folder), "{dir}")

    def harmed(self) -> bool:
        """Whether a line that is not the plugin's has changed, gone or come."""
        data = self.file.read_bytes() if self.file.exists() else b""
        return foreign_digest(data) != self._foreign

    def accept(self) -> None:
        """Take the file's foreign lines as they are now: an operator has edited it."""
        self._foreign = foreign_digest(self.file.read_bytes())

    def remove(self) -> None:
        """Take the directory away."""
        shutil.rmtree(self.folder, ignore_errors=True)


def _filled(text: str, places: Mapping[str, str]) -> str:
    for place, value in places.items():
        text = text.replace(place, value)
    return text


def foreign_digest(data: bytes) -> str:
    """SHA-256 over the lines of a crontab that are neither owned nor such that Adopt may own.

    A mark that has lost its line is foreign too: nobody may change it. The last line's end does not
    count, as a line that follows gives it one.
    """
    lines = data.split(b"\n")
    if not lines[-1]:
        lines.pop()
    kept = [
        line
        for above, line in zip([b"", *lines], lines, strict=False)
        if not (_RUNS.search(line) or line.startswith(_NOTE) or _owns(line, above))
    ]
    kept[-1:] = [line.removesuffix(b"\r") for line in kept[-1:]]
    return hashlib.sha256(b"\n".join(kept)).hexdigest()


def _owns(line: bytes, above: bytes) -> bool:
    mark = _MARK.match(line)
    return mark is not None and b"trigger %b.%b" % (mark[1], mark[2]) in above


# The program under test as its vectors see it: how to open a session, and to start it by hand.

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
            found = read_handshake(process, HANDSHAKE_SECONDS)
            endpoint = found.endpoint.replace(os.path.dirname(socket), "{place}")
            said |= {"endpoint": endpoint, "words": dict(found.words)}
        except PluginError as error:
            said["problem"] = error.problem
        finally:
            process.stop(STOP_SECONDS)
        return said | {"exit": process.exit, "stderr": list(process.tail)}
