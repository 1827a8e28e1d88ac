"""Says whose failure an error is: the plugin's name, path, version, end and last words.

A channel only knows that its connection failed, and a backend's answer does not name the backend.
Blame has what the session knows of both. How a process ends and what it wrote is process.py's.
"""

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

import msgspec

from transportlab.errors import (
    Code,
    LabError,
    PluginError,
    RpcError,
    SecondHandshake,
    TransportError,
)
from transportlab.handshake import HandshakeError
from transportlab.host.versions import protocol_mismatch
from transportlab.redact import Redactor

if TYPE_CHECKING:
    from transportlab.host.process import PluginProcess

KILLED = "signal SIGKILL"
OF_MEMORY = "for the memory of a process it is the kernel that kills, and its log says so"
UNKNOWN = "whether the call was carried out is unknown: read, then plan again"


class Blame(msgspec.Struct):
    """What is known of a session's backend. path and version are empty until they are known.

    process is None for a backend in this process and for a library. opened_version is what the
    backend said in OpenSession; before that, a process has the version of its handshake line.
    """

    name: str
    redactor: Redactor
    path: str = ""
    opened_version: str = ""
    process: "PluginProcess | None" = None

    @property
    def version(self) -> str:
        """The backend's version, as far as it has told one."""
        return self.opened_version or ("" if self.process is None else self.process.version)

    def for_call(self, error: TransportError | RpcError, writes: bool) -> LabError:
        """A PluginError for a channel's failure; a backend's own answer itself, with notes."""
        if isinstance(error, TransportError):
            return self.redactor.error(self.for_connection("E-CALL", error, writes=writes))
        for note in self._notes(error):
            error.add_note(note)
        return error

    def for_connection(
        self, code: str, error: TransportError, *, writes: bool = False
    ) -> PluginError:
        """A PluginError for a connection that failed, with what became of the plugin's process.

        code is used unless a handshake line is at fault, which has codes of its own. Waits a little
        for the process to end. writes: whether the call changes something.
        """
        if self.process is None:
            line = error if isinstance(error, HandshakeError) else None  # a library's
            return PluginError(
                line.code if line else code,
                str(error),
                name=self.name,
                path=self.path,
                version=self.version,
                action=line.action if line else UNKNOWN * writes,
            )
        self.process.wait()
        second = error if isinstance(error, SecondHandshake) else self.process.second_handshake()
        if second is not None:
            action = "write the line once: two processes that serve are one too many"
            return self.process.error("E-HANDSHAKE-TWICE", str(second), action=action)
        still = "" if self.process.exit else f"; the plugin {self.process.condition}"
        told = [UNKNOWN] * writes + [OF_MEMORY] * (self.process.exit == KILLED)
        return self.process.error(code, f"{error}{still}", action="; ".join(told))

    def for_versions(self, theirs: Collection[int], ours: Collection[int]) -> PluginError:
        """A PluginError for a backend that speaks only other versions of the protocol."""
        return protocol_mismatch(self.name, self.path, self.version, theirs, ours)

    def _notes(self, error: RpcError) -> Iterator[str]:
        """Whose answer it is; and what else is known of a plugin that hangs or has a bug."""
        who = " ".join(filter(None, (self.path, self.version)))
        yield f'from backend "{self.name}"' + (f" ({who})" if who else "")
        slow = error.code is Code.DEADLINE_EXCEEDED
        if self.process is None or not (slow or error.details.reason == "PANIC"):
            return
        yield f"the plugin {self.process.condition}"
        if self.process.tail:
            yield "its last lines on stderr:"
            yield from (f"  {line}" for line in self.process.tail)
        if slow:
            yield "allow it more time, or see what it does; a session that is closed ends it"
