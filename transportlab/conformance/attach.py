"""A plugin that its author has started, as under a debugger: what it is told, and how it is called.

The suite cannot start it. So the author gives it by hand what a host would: the variables of
P-START-3, and as its stdin a named pipe that holds the secret of the launch (P-AUTH-1). The secret
is then in no command and in no shell's history, and the pipe's end ends the plugin (P-STOP-2). Its
handshake line comes back as text. Its configuration comes with OpenSession, as always.

A plugin's process serves one session (P-SESSION-1). All vectors use that one. Those that need a
plugin of their own are not run, unless one is chosen alone: then the process is its own.

No wait here has a bound that a person at a breakpoint would notice.
"""

import contextlib
import os
import shlex
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Self

import msgspec

from transportlab import __version__, model
from transportlab.auth import new_secret, secret_line
from transportlab.backend import PROTOCOL_VERSIONS
from transportlab.channel import Endpoint, EndpointKind, SocketEndpoint, Transport
from transportlab.conformance.vectors import Call, Start, Stop, Together, Vector
from transportlab.context import Context
from transportlab.errors import LabError, PluginError, TransportError, UsageError
from transportlab.handshake import MAGIC, HandshakeError, parse
from transportlab.host.blame import Blame
from transportlab.host.channel import HostChannel
from transportlab.host.launch import new_socket_path
from transportlab.host.process import PluginProcess
from transportlab.host.secrets import hiding, redactor_of
from transportlab.methods import CLOSE_SESSION
from transportlab.quote import quote
from transportlab.registry import load_transport, not_installed
from transportlab.remote import RemoteBackend
from transportlab.sdk.program import ENV_CODEC, ENV_SOCKET, ENV_TRANSPORT

PATIENCE = 86400.0
"""Seconds that each of the suite's bounds is long: a day, which no session at a debugger takes."""

LEAVING_SECONDS = 1.0
"""How long CloseSession may take once the run is interrupted."""

NAME = "attached"
"""What errors call the plugin."""

ENDED = "the attached plugin has ended: start it and the suite anew"
STARTS = "it starts or stops the plugin, which only its author can"
OWN = "it needs a plugin of its own: choose it alone with --vector"

LOOK_SECONDS = 0.2
"""How long a plugin whose connection has ended may take to end itself."""


class Author(msgspec.Struct, frozen=True):
    """The person who starts the plugin.

    plugin: what the command names that is told. tell: shows a text. lines: what is typed.
    """

    plugin: str
    tell: Callable[[str], None]
    lines: Iterable[bytes]


class AttachedSession:
    """A session with it: the members of a HostSession that vectors use.

    Leaving the context keeps it open, as the next vector uses the same one.
    """

    process: PluginProcess | None = None

    def __init__(
        self,
        transport: Transport,
        codec: str,
        endpoint: SocketEndpoint,
        request: model.OpenSessionRequest | None,
        secrets: Mapping[str, str],
    ) -> None:
        self.endpoint: Endpoint = endpoint
        self.redactor = redactor_of(secrets, endpoint.secret)
        self.info = model.OpenSessionReply()
        blame = Blame(NAME, self.redactor)
        with hiding(self.redactor):
            try:
                self.wire = transport.connect(endpoint, codec=codec)
            except TransportError as error:
                raise blame.for_connection("E-CONNECT", error) from error
            self.channel = HostChannel(self.wire, self.redactor, blame.for_call)
            self.backend = RemoteBackend(self.channel)
            if request is not None:
                try:
                    self.info = self.backend.open_session(request, Context())
                except LabError:
                    self.channel.close()
                    raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Leave it open; see Attachment.close()."""


class Attachment:
    """The plugin that is attached. own: whether its process is for one vector alone."""

    def __init__(self, endpoint: SocketEndpoint, *, own: bool) -> None:
        self.own = own
        self._endpoint = endpoint
        self._session: AttachedSession | None = None
        self._ended = False

    def session(
        self,
        transport: Transport,
        codec: str,
        config: Mapping[str, str],
        secrets: Mapping[str, str],
        *,
        opens: bool,
    ) -> AttachedSession:
        """The one session; the first call makes it. opens: it then calls OpenSession, too."""
        if self._session is None:
            request = model.OpenSessionRequest(__version__, PROTOCOL_VERSIONS, config)
            self._session = AttachedSession(
                transport, codec, self._endpoint, request if opens else None, secrets
            )
        return self._session

    def refuses(self, vector: Vector) -> str:
        """Why the vector cannot run on it; empty if it can."""
        if self._ended:
            return ENDED
        if _starts(vector):
            return STARTS
        return OWN if needs_its_own(vector) and not self.own else ""

    def look(self) -> None:
        """Notice whether the plugin has ended, after a vector that failed."""
        end = time.monotonic() + LOOK_SECONDS
        while not self._ended and time.monotonic() < end:
            with socket.socket(socket.AF_UNIX) as probe:
                self._ended = probe.connect_ex(self._endpoint.path) != 0
            time.sleep(LOOK_SECONDS / 10)

    def close(self, seconds: float) -> None:
        """End the session, if there is one."""
        if self._session is None:
            return
        if not self.own:  # else the vector has ended it, or its author has
            with contextlib.suppress(LabError):
                request = model.CloseSessionRequest()
                self._session.channel.unary(CLOSE_SESSION, request, Context(timeout=seconds))
        self._session.channel.close()


def needs_its_own(vector: Vector) -> bool:
    """Whether it needs a plugin that nobody has called yet, or leaves one that nobody can call."""
    if vector.transport:
        return not vector.shares
    closes = any(isinstance(s, Call) and s.method == CLOSE_SESSION.name for s in _steps(vector))
    fresh = not vector.opens or vector.config or vector.file is not None or vector.needs.features
    return closes or bool(fresh) or _starts(vector)


def _starts(vector: Vector) -> bool:
    return any(isinstance(step, Start | Stop) for step in _steps(vector))


def _steps(vector: Vector) -> Iterator[object]:
    for step in vector.steps:
        yield from step.steps if isinstance(step, Together) else (step,)


def attachable(names: Sequence[str], codec: str | None) -> tuple[Transport, str]:
    """The one transport to attach over, and its codec: the usual one unless one is given.

    Raises UsageError, with what to do instead, unless it is on a socket and can be used here.
    """
    if len(names) != 1:
        raise UsageError("--attach: name the transport on which you start the plugin: --transport")
    transport = load_transport(names[0])
    codec = codec or transport.traits.codecs[0]
    if transport.traits.endpoint is not EndpointKind.SOCKET:
        raise UsageError(f"--attach: on {transport.name} {_instead(transport)}")
    if codec not in transport.traits.codecs:
        raise UsageError(f'transport {transport.name} has no codec "{codec}"')
    if lacking := not_installed(transport, codec):
        raise UsageError(f"transport {transport.name}: {lacking}")
    return transport, codec


def _instead(transport: Transport) -> str:
    """Why nobody can attach over the transport, and what to do."""
    if transport.traits.endpoint is EndpointKind.STDIO:
        return (
            "the plugin's own stdin and stdout are the wire, so only the suite can start it; give"
            " --plugin a script that starts it under a debugger which listens elsewhere (exec"
            " gdbserver localhost:1234 ./plugin; exec node --inspect-brk plugin.js), and --patience"
            " 3600"
        )
    return "the plugin runs in the suite's process; start the suite under the debugger"


@contextlib.contextmanager
def attach(
    transport: Transport,
    codec: str,
    vectors: Sequence[Vector],
    author: Author,
) -> Iterator[Attachment]:
    """Have the author start the plugin, and wait for its handshake line.

    Raises UsageError if there is no folder for a socket, or the author's lines end before that one.
    """
    mine = [v for v in vectors if v.transport in ("", transport.name)]
    with contextlib.ExitStack() as undo:
        try:
            path = new_socket_path(undo, NAME)
        except PluginError as error:  # no folder to be had: the machine's, as an OSError is
            raise UsageError(str(error)) from error
        pipe = os.path.join(os.path.dirname(path), "stdin")
        os.mkfifo(pipe, 0o600)
        # Also for reading, as opening it for writing alone would wait for the plugin.
        descriptor = os.open(pipe, os.O_RDWR | os.O_CLOEXEC)
        undo.callback(os.close, descriptor)
        secret = new_secret()
        os.write(descriptor, secret_line(secret))
        variables = {ENV_TRANSPORT: transport.name, ENV_CODEC: codec, ENV_SOCKET: path}
        author.tell(instructions(variables, pipe, author.plugin))
        _wait_for_line(author, transport.name, path)
        own = len(mine) == 1 and needs_its_own(mine[0])
        attachment = Attachment(SocketEndpoint(path, secret), own=own)
        try:
            yield attachment
        except BaseException:
            attachment.close(LEAVING_SECONDS)
            raise
        attachment.close(PATIENCE)


def instructions(variables: Mapping[str, str], pipe: str, plugin: str) -> str:
    """What the author is told to do. pipe: the plugin's stdin."""
    exports = "\n".join(f"  export {n}={shlex.quote(v)}" for n, v in variables.items())
    program, stdin = shlex.quote(plugin), shlex.quote(pipe)
    return f"""\
attach: start the plugin in another terminal, under your debugger:

{exports}
  {program} < {stdin}

Its stdin has to be that pipe: the first line in it is the secret of this launch, and its end ends
the plugin. The debugger must not read its own commands from there:

  gdb -ex 'run < {stdin}' {program}
  dlv exec --redirect stdin:{stdin} {program}
  node --inspect-brk {program} < {stdin}
  python -m debugpy --listen 5678 --wait-for-client {program} < {stdin}

Then paste the line that it prints, {MAGIC} ..., here:"""


def _wait_for_line(author: Author, transport: str, path: str) -> None:
    for line in filter(None, map(bytes.strip, author.lines)):
        problem = _problem(line, transport, path)
        if not problem:
            return
        author.tell(f"attach: {problem}\nPaste the plugin's own line here:")
    raise UsageError("--attach: stdin has ended, and no handshake line of the plugin has come")


def _problem(line: bytes, transport: str, path: str) -> str:
    """What is wrong with a pasted line; empty if nothing."""
    try:
        said = parse(line)
    except HandshakeError as error:
        return str(error)
    spoken = said.words.get("transport", transport)
    if spoken != transport:
        return f"{ENV_TRANSPORT}: expected a plugin on {transport}, got one on {quote(spoken)}"
    if said.endpoint != path:
        return f"{ENV_SOCKET}: expected the endpoint {path}, got {quote(said.endpoint)}"
    return ""
