"""The crontab backend with one fault, which the environment names: a program, or in a library.

The faults are those of catalogue.py, by their names. In a library that is loaded into the host they
strike the host's own process. That is what they are there to show.
"""

import atexit
import os
import signal
import socket
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

from msgspec.structs import replace

from bench.faults.actions import (
    ENV_FAULT,
    answer_garbage,
    close_wires,
    die,
    die_with_heir,
    fill_disk,
    hang,
    last_words,
    leave_child,
    named,
    panic,
    refuse_to_end,
    take_memory,
)
from bench.faults.leftovers import BALLAST
from transportlab import model
from transportlab.backend import Operations
from transportlab.backends import crontab
from transportlab.channel import EndpointKind
from transportlab.context import Context
from transportlab.handshake import STDIO, format_line
from transportlab.model import ApplyEventKind
from transportlab.registry import load_transport
from transportlab.sdk import program as sdk
from transportlab.sdk.session import PluginSession

IN_READ: dict[str, Callable[[], object]] = {
    "panic": panic,
    "exit-0": lambda: os._exit(0),
    "exit-3": lambda: last_words(3),
    "segv": lambda: die(signal.SIGSEGV),
    "memory": take_memory,
    "hang": hang,
    "sigstop": lambda: die(signal.SIGSTOP),
    "close-wire": close_wires,
    "garbage": answer_garbage,
    "heir": die_with_heir,
    "grandchild": lambda: leave_child(False),
    "daemon": lambda: leave_child(True),
}

AFTER_TWO: dict[str, Callable[[], object]] = {
    "panic-in-apply": panic,
    "exit-3-in-apply": lambda: last_words(3),
    "hang-in-apply": hang,
}

IN_CLOSE: dict[str, Callable[[], object]] = {
    "hang-in-close": hang,
    "sigstop-in-close": lambda: die(signal.SIGSTOP),
}


def strike(faults: Mapping[str, Callable[[], object]]) -> None:
    """Commit this process's fault, if it is one of these."""
    found = faults.get(os.environ.get(ENV_FAULT, ""))
    if found is not None:
        found()


class Faulty:
    """The crontab's operations with the fault."""

    def __init__(self, inner: Operations, path: str) -> None:
        self._inner = inner
        self._path = path

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def read(self, request: model.ReadRequest, context: Context) -> model.ReadReply:
        """See Operations.read. The fault may strike before."""
        strike(IN_READ)
        return self._inner.read(request, context)

    def apply(self, request: model.ApplyRequest, context: Context) -> Iterator[model.ApplyEvent]:
        """See Operations.apply. The fault may strike after the second op."""
        done = 0
        for event in self._inner.apply(request, context):
            yield event
            done += event.kind is ApplyEventKind.DONE
            if done == 2 and event.kind is ApplyEventKind.DONE:
                strike(AFTER_TWO)
                if named("kill-in-write"):
                    os.replace = _killed_before_rename  # the fault
                if named("disk-full"):
                    fill_disk(Path(self._path).with_name(BALLAST))


def _killed_before_rename(*_: object, **__: object) -> None:
    die(signal.SIGKILL)


def create(config: Mapping[str, str]) -> Operations:
    """Make the operations. A fault that strikes at the exit is prepared here."""
    if named("ignores-stdin", "ignores-sigterm"):
        atexit.register(refuse_to_end, named("ignores-stdin"))
    operations: Any = Faulty(crontab.PLUGIN.create(config), config["path"])
    found: Operations = operations
    return found


PLUGIN = replace(crontab.PLUGIN, create=create)

_close_session = PluginSession.close_session


def _close(self: Any, request: Any, context: Any) -> model.CloseSessionReply:
    strike(IN_CLOSE)
    reply: model.CloseSessionReply = _close_session(self, request, context)
    return reply


# CloseSession is the session's own; there is no operation that could be wrapped.
PluginSession.close_session = _close  # type: ignore[method-assign]  # the fault

if named("exit-0-at-start"):
    os._exit(0)
if named("exit-3-at-start"):
    last_words(3)
if named("hang-at-start"):
    hang()


def never_read() -> NoReturn:
    """Write a correct handshake line, and then read nothing."""
    name = os.environ[sdk.ENV_TRANSPORT]
    endpoint = os.environ.get(sdk.ENV_SOCKET, STDIO)
    if load_transport(name).traits.endpoint is EndpointKind.SOCKET:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(endpoint)
        listener.listen()
    line = format_line(endpoint, transport=name, name=PLUGIN.name, version=PLUGIN.version)
    print(line, flush=True)
    hang()


def main() -> None:
    """Run the program."""
    if named("noise"):
        print("Starting up...", flush=True)
    if named("never-reads"):
        never_read()
    sdk.run(PLUGIN)
