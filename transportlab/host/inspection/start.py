"""Starts a plugin to see whether it starts: how far it gets, and what stops it.

A start is tried with the host's own steps, over one transport and codec after the other, because a
plugin need not support them all. diagnose.py shows what came of it.
"""

from collections.abc import Iterable
from pathlib import Path

import msgspec
from msgspec.structs import replace

from transportlab.channel import EndpointKind, Transport
from transportlab.errors import Code, LabError, PluginError, RpcError
from transportlab.host.inspection.check import Check, Status, failed_check
from transportlab.host.options import HostOptions
from transportlab.host.secrets import one_line
from transportlab.host.session import open_backend
from transportlab.registry import load_transport, missing_libraries, transport_names

STEPS = {"started": "start", "line": "handshake", "connected": "connection", "opened": "session"}
"""The checks that a start makes, by the phases of a session (HostOptions.on_phase)."""

_FOUND = {"started": "it runs", "line": "its line has come", "connected": "it can be called"}

HOPELESS = ("E-NOEXEC", "E-START", "E-HANDSHAKE-TIMEOUT")
"""Failures that another transport or codec would only repeat."""

_AFTER_THE_LINE = ("E-CONNECT", "E-PEER", "E-HANDSHAKE-TWICE")
"""Failures between the line and the connection that are not the line's."""


class Way(msgspec.Struct, frozen=True):
    """A way to reach a plugin: a transport with one of its codecs."""

    transport: Transport
    codec: str

    def __str__(self) -> str:
        """The transport's name, and the codec's if it is not the usual one: "http/protobuf"."""
        name, codecs = self.transport.name, self.transport.traits.codecs
        return name if self.codec == codecs[0] else f"{name}/{self.codec}"


def ways(transports: Iterable[Transport]) -> list[Way]:
    """Return each transport with each codec that can be used here, the usual codecs first."""
    found = [
        Way(transport, codec)
        for transport in transports
        for codec in transport.traits.codecs
        if not missing_libraries(transport, codec)
    ]
    return sorted(found, key=lambda way: way.transport.traits.codecs.index(way.codec))


def process_transports() -> list[Transport]:
    """Return the transports whose plugins are processes, of those that can be used here."""
    found = map(load_transport, transport_names(EndpointKind.SOCKET, EndpointKind.STDIO))
    return [transport for transport in found if not missing_libraries(transport)]


class Start(msgspec.Struct):
    """One start: the phases that it reached, and what the plugin or the host said in the end."""

    way: Way
    reached: list[str] = msgspec.field(default_factory=list)
    answer: str = ""
    error: LabError | None = None

    @property
    def succeeded(self) -> bool:
        """Whether the session opened, or only wanted configuration."""
        return len(self.reached) == len(STEPS)

    def checks(self) -> list[Check]:
        """Return a check for each step that it reached, and for the one that failed."""
        found = [Check(STEPS[phase], Status.OK, _FOUND.get(phase, "")) for phase in self.reached]
        if self.succeeded:
            found[-1] = Check(found[-1].name, Status.OK, self.answer)
        elif self.error is not None:
            found.append(failed_check(list(STEPS.values())[len(found)], self.error))
        return found


def start_by(wanted: Iterable[Way], path: Path, options: HostOptions) -> list[Start]:
    """Start the plugin in one way after the other, until it starts or there is no hope.

    If it is cancelled, the last start's error says so.
    """
    starts = []
    for way in wanted:
        start = _start(path, way, options)
        starts.append(start)
        cancelled = options.cancellation is not None and options.cancellation.cancelled
        if start.succeeded or cancelled or _is_hopeless(start.error):
            break
    return starts


def _start(path: Path, way: Way, options: HostOptions) -> Start:
    start = Start(way)
    options = replace(
        options, codec=way.codec, on_phase=lambda phase, _: start.reached.append(phase)
    )
    try:
        with open_backend(str(path), way.transport.name, options) as session:
            info, redactor = session.info, session.redactor
        capabilities = ", ".join(info.capabilities)
        who = f"{info.plugin_name} {info.plugin_version}".strip()
        answer = f"{who}, protocol {info.protocol_version}, can {capabilities}"
        start.answer = one_line(answer, redactor)
    except LabError as error:
        start.error = error
        start.answer = _in_short(error)
        if _wants_configuration(error):
            start.reached.append("opened")
            start.answer = f"it wants to be configured: {error}"
        elif start.reached[-1:] == ["line"] and not _is_after_the_line(error):
            start.reached.pop()  # the line came, and it is the line that is wrong
    return start


def _is_hopeless(error: LabError | None) -> bool:
    return isinstance(error, PluginError) and error.code in HOPELESS


def _wants_configuration(error: LabError) -> bool:
    """Whether the plugin refuses the configuration: then it has started (P-SESSION-4)."""
    return (
        isinstance(error, RpcError)
        and error.code is Code.INVALID_ARGUMENT
        and error.details.path.startswith("config/")
    )


def _is_after_the_line(error: LabError) -> bool:
    return isinstance(error, PluginError) and error.code in _AFTER_THE_LINE


def _in_short(error: LabError) -> str:
    if isinstance(error, PluginError):
        return f"{error.code}: {error.problem}" + (f", {error.exit}" if error.exit else "")
    return f"it answers: {error}" if isinstance(error, RpcError) else str(error)
