"""What an operator decides of a session: its bounds, its configuration, and who is told what."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from transportlab.context import Cancellation
from transportlab.host.pipes import OnLog
from transportlab.manifest.pin import PluginPin


@dataclass(frozen=True, slots=True)
class HostOptions:
    """Bounds in seconds, and what becomes of a plugin's lines on stderr.

    secrets go into the configuration like config, but no text has them: no error, no line for
    on_log; the environment that a plugin inherits has none either (P-SESSION-4).

    codec None is the transport's usual one. handshake bounds the wait for the line, open the
    OpenSession call, close the CloseSession call, stop all of the ladder after it. on_phase is told
    of each step with the plugin's pid, None without a process: started, line, connected, opened.
    cancellation gives up the opening, and nothing after it, once it is thrown.
    pins are the manifest's, by the plugin's name: where there are any, no other plugin runs.
    """

    codec: str | None = None
    config: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    required_capabilities: tuple[str, ...] = ()
    pins: Mapping[str, PluginPin] = field(default_factory=dict)
    handshake: float = 5.0
    open: float = 10.0
    close: float = 1.0
    stop: float = 4.0
    opens: bool = True
    cancellation: Cancellation | None = None
    on_log: OnLog | None = None
    on_phase: Callable[[str, int | None], None] | None = None

    def phase(self, name: str, pid: int | None) -> None:
        """Tell whoever asked to be told of the steps."""
        if self.on_phase is not None:
            self.on_phase(name, pid)
