"""A plugin is started to see whether it starts: how far it comes, and what stops it."""

from dataclasses import dataclass, field, replace
from pathlib import Path

from transportlab.channel import EndpointKind
from transportlab.errors import Code, LabError, PluginError, RpcError
from transportlab.host.inspection.findings import Check, Status, failed
from transportlab.host.options import HostOptions
from transportlab.host.session import open_backend
from transportlab.registry import load_transport, missing_libraries, transport_names

STEPS = {"started": "start", "line": "handshake", "connected": "connection", "opened": "session"}
"""The checks that the start itself is, by the phases of a session (HostOptions.on_phase)."""

_DONE = {"started": "it runs", "line": "its line has come", "connected": "it can be called"}

HOPELESS = ("E-NOEXEC", "E-START", "E-HANDSHAKE-TIMEOUT")
"""Failures that asking over another transport would only repeat."""

_AFTER_THE_LINE = ("E-CONNECT", "E-PEER", "E-HANDSHAKE-TWICE")
"""Failures between the line and the connection that are not the line's."""


def processes() -> list[str]:
    """The transports over which a plugin is a process, those that can be used here."""
    kinds = (EndpointKind.SOCKET, EndpointKind.STDIO)
    found = map(load_transport, transport_names())
    return [t.name for t in found if t.traits.endpoint in kinds and not missing_libraries(t)]


@dataclass(slots=True)
class Trial:
    """One start over one transport. reached are the steps that it came; answer is what it said."""

    transport: str
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


def start_over(path: Path, transports: list[str], options: HostOptions) -> list[Trial]:
    """Start the plugin over one transport after the other, until it starts or there is no hope."""
    trials = []
    for transport in transports:
        trial = _start(path, transport, options)
        trials.append(trial)
        if trial.starts or (isinstance(trial.error, PluginError) and trial.error.code in HOPELESS):
            break
    return trials


def _start(path: Path, transport: str, options: HostOptions) -> Trial:
    trial = Trial(transport)
    options = replace(options, on_phase=lambda phase, _: trial.reached.append(phase))
    try:
        with open_backend(str(path), transport, options) as session:
            info = session.info
        able = ", ".join(info.capabilities)
        who = f"{info.plugin_name} {info.plugin_version}".strip()
        trial.answer = f"{who}, protocol {info.protocol_version}, can {able}"
    except LabError as error:
        trial.error = error
        trial.answer = _in_short(error)
        if _wants_configuration(error):
            trial.reached.append("opened")
            trial.answer = f"it wants to be configured: {error}"
        elif trial.reached[-1:] == ["line"] and not _is_behind_the_line(error):
            trial.reached.pop()  # it has come, and what it says is wrong
    return trial


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
