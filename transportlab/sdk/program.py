"""What a plugin's program does around its backend: run(PLUGIN), and nothing else.

Theory of operation. A host starts the program without arguments and says what it wants in three
variables of the environment: transport, codec, socket. The program then:

1. moves stdin and stdout to descriptors of its own, before any of the backend's code runs. From
   then on fd 0 is empty and fd 1 is the same as stderr. Whatever the backend or a child that it
   starts prints or reads, from Python or from C, can no longer damage the wire (P-HANDSHAKE-6);
2. loads the transport. One on a socket reads the secret of the launch from stdin first, one line;
3. makes the backend and serves it. The transport calls life.ready() once it can be called, which
   writes the handshake line, the only line on stdout. It serves until life.wait() returns: at the
   end of stdin, which means that the host is gone, or at SIGTERM (P-STOP-2). On stdio the transport
   reads stdin itself and sees its end;
4. removes the socket and its private directory, for a host that was killed (P-STOP-4);
5. exits without waiting for calls: one may never end. If the host has died and the plugin has left
   children behind, nobody else will end those, so the plugin kills its own process group.

A backend that calls os._exit or crashes skips the last two steps; the host cleans up then.
"""

import atexit
import contextlib
import os
import select
import signal
import sys
import time
from collections.abc import Callable
from io import FileIO
from typing import NoReturn

from transportlab import handshake
from transportlab.auth import SecretError, read_secret
from transportlab.backend import Backend, Plugin
from transportlab.channel import (
    Endpoint,
    EndpointKind,
    SocketEndpoint,
    StdioEndpoint,
    Transport,
)
from transportlab.errors import LabError
from transportlab.registry import load_transport, not_installed
from transportlab.sdk.session import PluginSession

ENV_TRANSPORT = "CRONIX_PLUGIN_TRANSPORT"
ENV_CODEC = "CRONIX_PLUGIN_CODEC"
ENV_SOCKET = "CRONIX_PLUGIN_SOCKET"

DYING_SECONDS = 0.2
"""How long a plugin that leaves children behind waits to see whether its host is dying."""


class ProcessLife:
    """A Lifecycle from the handshake line to the end of stdin or SIGTERM.

    stdin is the descriptor to watch, None where the transport reads it.
    """

    def __init__(self, line: str, stdout: FileIO, stdin: int | None) -> None:
        self._line = line
        self._stdout = stdout
        self._stdin = stdin
        self._woken, self._waker = os.pipe()
        os.set_blocking(self._waker, False)  # so that a full pipe keeps no signal's handler waiting
        self._stopped = False

    def ready(self) -> None:
        """Write the handshake line."""
        self._stdout.write(f"{self._line}\n".encode())
        self._stdout.flush()

    def wait(self) -> None:
        """Return at stop() or at the end of stdin; what comes on stdin before is thrown away."""
        poll = select.poll()
        poll.register(self._woken, select.POLLIN)
        if self._stdin is not None:
            poll.register(self._stdin, select.POLLIN)
        while not self._stopped:
            ready = [fd for fd, _ in poll.poll()]
            if self._woken in ready:
                os.read(self._woken, 65536)
            elif not os.read(ready[0], 65536):
                return

    def stop(self) -> None:
        """Make wait() return; safe in a signal handler."""
        self._stopped = True
        with contextlib.suppress(BlockingIOError):  # full: it wakes wait() as it is
            os.write(self._waker, b"x")

    def stop_at(self, *signals: signal.Signals) -> None:
        """Call stop() at each of these signals from now on.

        Python runs a handler in the main thread, between two of its instructions. A signal that
        comes just before poll(), or that the kernel gives to another thread, interrupts no poll():
        so Python is to write to the pipe when the signal comes, which wakes wait(), and only then
        the handler runs.
        """
        signal.set_wakeup_fd(self._waker, warn_on_full_buffer=False)
        for number in signals:
            signal.signal(number, lambda _number, _frame: self.stop())


def claim_stdout() -> FileIO:
    """The real stdout, for the caller alone: from now on all others who write to fd 1 write to 2.

    A process calls it before it runs foreign code, if its stdout is a protocol's.
    """
    sys.stdout.flush()
    private = os.dup(1)
    os.dup2(2, 1)
    # Never closed but by the end of the process, or a host would see the end of stdout before it
    # can see how the process ended.
    return FileIO(private, "wb", closefd=False)


def claim_stdin() -> FileIO:
    """The real stdin, for the caller alone: from now on all others who read fd 0 find it empty.

    A child inherits fd 0. Without this one that reads its stdin would take the host's next request,
    or wait for it.
    """
    private = os.dup(0)
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, 0)
    os.close(empty)
    return FileIO(private, "rb")


def handshake_line(name: str, version: str, transport: str, codec: str, endpoint: str) -> str:
    """A plugin's handshake line, without its line end (P-HANDSHAKE-1); no version if it is empty.

    codec may be several names, separated by commas.
    """
    who = {"name": name} | ({"version": version} if version else {})
    return handshake.format_line(endpoint, transport=transport, codec=codec, **who)


def run(plugin: Plugin) -> None:
    """Serve the plugin to the host that started this process, then exit. Does not return.

    Exits with status 0 when the host is done, 1 with a line on stderr if it cannot serve: there is
    no host; the host asks for a transport that is not there, or whose libraries are not installed;
    or the socket cannot be made.
    """
    run_backend(plugin.name, plugin.version, lambda _codec: PluginSession(plugin))


def run_backend(name: str, version: str, make: Callable[[str], Backend]) -> None:
    """Do what run() does, for the Backend that make(codec) returns.

    version is empty where it is not known before the backend is made.
    """
    try:
        transport = os.environ[ENV_TRANSPORT]
    except KeyError:
        who = " ".join(filter(None, (f"cronix-backend-{name}", version)))
        sys.exit(
            f"{who} is a plugin: a host starts it and sets"
            f" {ENV_TRANSPORT}. Try: transportlab read --backend {name} --help"
        )
    host = os.getppid()
    pipes = StdioEndpoint(claim_stdin(), claim_stdout())
    try:
        _serve(name, version, load_transport(transport), make, pipes)
    except LabError as error:
        sys.exit(f"cronix-backend-{name}: {error}")
    except Exception as error:  # a bug, a library that is missing, or no thread to be had
        _explain(name, transport, error)
        _leave(host, 1)
    _leave(host)


def _explain(name: str, transport: str, error: Exception) -> None:
    """Write to stderr why the plugin ends: the libraries that it lacks, or the traceback."""
    lacking = ""
    if isinstance(error, ModuleNotFoundError):
        lacking = not_installed(load_transport(transport), os.environ.get(ENV_CODEC))
    if lacking:
        print(f'cronix-backend-{name}: transport "{transport}": {lacking}', file=sys.stderr)
    else:
        sys.excepthook(type(error), error, error.__traceback__)


def _leave(host: int, status: int = 0) -> NoReturn:
    """Exit with that status, and end the process group if the host has died (P-STOP-3).

    Not by sys.exit, which waits for threads, and a call may never end (P-STOP-2).
    """
    with contextlib.suppress(OSError):  # nobody may read them any more
        sys.stdout.flush()
        sys.stderr.flush()
    atexit._run_exitfuncs()
    if _has_children() and os.getpgrp() == os.getpid() and _has_gone(host):
        os.killpg(0, signal.SIGKILL)
    os._exit(status)


def _has_children() -> bool:
    with contextlib.suppress(OSError):
        for thread in os.listdir("/proc/self/task"):
            with open(f"/proc/self/task/{thread}/children", "rb") as file:
                if file.read():
                    return True
    return False


def _has_gone(host: int) -> bool:
    """Whether the host has died or dies within DYING_SECONDS.

    A process that is killed closes its pipes a moment before others can see that it has ended.
    """
    try:
        watched = os.pidfd_open(host)
    except ProcessLookupError:
        return True
    except OSError:  # a sandbox refuses it, or no descriptor is left
        time.sleep(DYING_SECONDS)
        return os.getppid() != host
    poll = select.poll()
    poll.register(watched, select.POLLIN)
    return bool(poll.poll(DYING_SECONDS * 1000))


def _serve(
    name: str,
    version: str,
    transport: Transport,
    make: Callable[[str], Backend],
    pipes: StdioEndpoint,
) -> None:
    codec = os.environ.get(ENV_CODEC) or transport.traits.codecs[0]
    socket = os.environ.get(ENV_SOCKET, "")
    endpoint: Endpoint
    if transport.traits.endpoint is EndpointKind.STDIO:
        endpoint = pipes
        address, stdin = handshake.STDIO, None
    else:
        stdin = pipes.reader.fileno()
        endpoint = _socket_endpoint(socket, stdin)
        address = socket
    backend = make(codec)
    line = handshake_line(name, version, transport.name, codec, address)
    life = ProcessLife(line, pipes.writer, stdin)
    life.stop_at(signal.SIGTERM, signal.SIGINT)
    try:
        transport.serve(backend, endpoint, codec=codec, life=life)
    finally:
        if stdin is not None:
            _remove(socket)


def _socket_endpoint(path: str, stdin: int) -> SocketEndpoint:
    """The socket, with the secret that the host writes to stdin; without one the host has gone."""
    try:
        return SocketEndpoint(path, read_secret(stdin))
    except SecretError:
        _remove(path)
        raise


def _remove(socket: str) -> None:
    """Remove the socket, and its private directory if the host has not done so (P-STOP-4)."""
    with contextlib.suppress(OSError):  # a server may have removed its socket itself
        os.unlink(socket)
    with contextlib.suppress(OSError):
        os.rmdir(os.path.dirname(socket))
