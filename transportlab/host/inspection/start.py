"""A plugin is started to see whether it starts: how far it comes, and what stops it."""

import ctypes
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from transportlab.channel import EndpointKind, Transport
from transportlab.errors import Code, LabError, PluginError, RpcError
from transportlab.handshake import MAX_LINE
from transportlab.host.channel import own_word
from transportlab.host.inspection.findings import Check, Status, failed
from transportlab.host.options import HostOptions
from transportlab.host.session import open_backend
from transportlab.registry import load_transport, missing_libraries, transport_names
from transportlab.sdk.program import claim_stdout

STEPS = {"started": "start", "line": "handshake", "connected": "connection", "opened": "session"}
"""The checks that the start itself is, by the phases of a session (HostOptions.on_phase)."""

_DONE = {"started": "it runs", "line": "its line has come", "connected": "it can be called"}

HOPELESS = ("E-NOEXEC", "E-START", "E-HANDSHAKE-TIMEOUT")
"""Failures that asking in another way would only repeat."""

_AFTER_THE_LINE = ("E-CONNECT", "E-PEER", "E-HANDSHAKE-TWICE")
"""Failures between the line and the connection that are not the line's."""


@dataclass(frozen=True, slots=True)
class Way:
    """A transport with one of its codecs. A plugin need not know them all."""

    transport: Transport
    codec: str

    def __str__(self) -> str:
        """The transport's name, and the codec's if it is not the usual one: "http/protobuf"."""
        name, codecs = self.transport.name, self.transport.traits.codecs
        return name if self.codec == codecs[0] else f"{name}/{self.codec}"


def ways(transports: Iterable[Transport]) -> list[Way]:
    """Each transport with each of its codecs; with their usual ones first."""
    found = [Way(transport, codec) for transport in transports for codec in transport.traits.codecs]
    return sorted(found, key=lambda way: way.transport.traits.codecs.index(way.codec))


def processes() -> list[Transport]:
    """The transports over which a plugin is a process, those that can be used here."""
    found = map(load_transport, transport_names(EndpointKind.SOCKET, EndpointKind.STDIO))
    return [transport for transport in found if not missing_libraries(transport)]


@dataclass(slots=True)
class Trial:
    """One start in one way. reached are the steps that it came; answer is what it said."""

    way: Way
    reached: list[str] = field(default_factory=list)
    answer: str = ""
    error: LabError | None = None

    @property
    def starts(self) -> bool:
        """Whether the session was opened, or only wanted configuration."""
        return len(self.reached) == len(STEPS)

    def checks(self) -> list[Check]:
        """The steps that it came, and the one where it failed."""
        found = [Check(STEPS[phase], Status.OK, _DONE.get(phase, "")) for phase in self.reached]
        if self.starts:
            found[-1] = Check(found[-1].name, Status.OK, self.answer)
        elif self.error is not None:
            found.append(failed(list(STEPS.values())[len(found)], self.error))
        return found


def start_in(path: Path, asked: Iterable[Way], options: HostOptions) -> list[Trial]:
    """Start the plugin in one way after the other, until it starts or there is no hope.

    Once it is cancelled the last trial's error says so.
    """
    trials = []
    for way in asked:
        trial = _start(path, way, options)
        trials.append(trial)
        given_up = options.cancellation is not None and options.cancellation.cancelled
        if trial.starts or given_up or _is_hopeless(trial.error):
            break
    return trials


def _start(path: Path, way: Way, options: HostOptions) -> Trial:
    trial = Trial(way)
    options = replace(
        options, codec=way.codec, on_phase=lambda phase, _: trial.reached.append(phase)
    )
    try:
        with open_backend(str(path), way.transport.name, options) as session:
            info, redactor = session.info, session.redactor
        able = ", ".join(info.capabilities)
        who = f"{info.plugin_name} {info.plugin_version}".strip()
        answer = f"{who}, protocol {info.protocol_version}, can {able}"
        trial.answer = own_word(answer, redactor)
    except LabError as error:
        trial.error = error
        trial.answer = _in_short(error)
        if _wants_configuration(error):
            trial.reached.append("opened")
            trial.answer = f"it wants to be configured: {error}"
        elif trial.reached[-1:] == ["line"] and not _is_behind_the_line(error):
            trial.reached.pop()  # it has come, and what it says is wrong
    return trial


def _is_hopeless(error: LabError | None) -> bool:
    return isinstance(error, PluginError) and error.code in HOPELESS


def _wants_configuration(error: LabError) -> bool:
    """A plugin that says so has started (P-SESSION-4)."""
    return (
        isinstance(error, RpcError)
        and error.code is Code.INVALID_ARGUMENT
        and error.details.path.startswith("config/")
    )


def _is_behind_the_line(error: LabError) -> bool:
    return isinstance(error, PluginError) and error.code in _AFTER_THE_LINE


def _in_short(error: LabError) -> str:
    if isinstance(error, PluginError):
        return f"{error.code}: {error.problem}" + (f", {error.exit}" if error.exit else "")
    return f"it answers: {error}" if isinstance(error, RpcError) else str(error)


# Asks a shared library for its handshake line, in a process that its crash may take along.
#
# python -P -m transportlab.host.inspection.start LIBRARY
#
# writes the library's own line (P-FFI-1) to stdout, as a plugin program writes its own; what the
# library prints goes to stderr, and so does why there is no line.

FUNCTION = "cronix_plugin_handshake"


def main(arguments: list[str]) -> None:
    """Ask the library at the one path in arguments."""
    if len(arguments) != 1:
        sys.exit("usage: python -P -m transportlab.host.inspection.start LIBRARY")
    wire = claim_stdout()
    try:
        library = ctypes.CDLL(str(Path(arguments[0]).absolute()), mode=os.RTLD_NOW)
        handshake = getattr(library, FUNCTION)
    except (OSError, AttributeError) as error:
        sys.exit(f"it is no plugin's library: {error}")
    handshake.restype = ctypes.c_char_p
    line: bytes | None = handshake()
    if line is None:
        sys.exit("it gave no handshake line")
    wire.write(line[:MAX_LINE] + b"\n")


if __name__ == "__main__":
    main(sys.argv[1:])
