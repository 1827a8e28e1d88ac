"""HostOptions: the bounds, the configuration, the pins and the listeners of a session."""

from collections.abc import Callable, Mapping

import msgspec

from transportlab.context import Cancellation
from transportlab.host.pipes import OnLog
from transportlab.manifest.pin import PluginPin
from transportlab.quote import repr_without


class HostOptions(msgspec.Struct, frozen=True):
    """What an operator decides about a session. Bounds are in seconds.

    codec: None for the transport's usual one.
    config: the plugin's configuration, sent in OpenSession.
    secrets: sent like config, but shown in no text: no error and no line for on_log. The plugin's
        environment holds none of them either (P-SESSION-4).
    required_capabilities: the session does not open if the plugin lacks one.
    pins: the manifest's, by the plugin's name. If there are any, no other plugin runs.
    handshake, open, close, stop: bounds of the wait for the line, of OpenSession, of CloseSession,
        and of the whole ladder that stops the process.
    opens: whether to call OpenSession.
    cancellation: cancels the opening, and nothing later.
    on_log: called for each line of the plugin's log, from a thread.
    on_phase: called after each step (started, line, connected, opened) with the plugin's pid, or
        None if there is no process.
    """

    __repr__ = repr_without("secrets")

    codec: str | None = None
    config: Mapping[str, str] = msgspec.field(default_factory=dict)
    secrets: Mapping[str, str] = msgspec.field(default_factory=dict)
    required_capabilities: tuple[str, ...] = ()
    pins: Mapping[str, PluginPin] = msgspec.field(default_factory=dict)
    handshake: float = 5.0
    open: float = 10.0
    close: float = 1.0
    stop: float = 4.0
    opens: bool = True
    cancellation: Cancellation | None = None
    on_log: OnLog | None = None
    on_phase: Callable[[str, int | None], None] | None = None

    def phase(self, name: str, pid: int | None) -> None:
        """Call on_phase, if there is one."""
        if self.on_phase is not None:
            self.on_phase(name, pid)
