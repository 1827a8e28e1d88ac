"""Every error that the lab raises on purpose, in one tree.

    LabError
    |-- RpcError            the backend's answer: code, message, details; equal on every transport
    |-- TransportError      the channel itself failed; whether the call was carried out is unknown
    |   |-- ChannelClosed       this side closed the channel
    |   |-- ConnectionLost      the other side went away
    |   `-- ProtocolViolation   the other side sent what PROTOCOL.md does not allow
    |       `-- SecondHandshake     one more handshake line, where only the first belongs
    |-- PluginError         a plugin could not be found, started, spoken to or stopped
    |-- ManifestError       a manifest is not valid; every problem with its path
    `-- UsageError          a name or an option that does not exist

An exception of a foreign library becomes one of these once, where that library is called.
"""

from collections.abc import Sequence
from enum import IntEnum

import msgspec
from msgspec.structs import asdict, replace

from transportlab.model import ErrorDetails, Status

MAX_TEXT = 8192
"""Longest text in an error, in bytes of UTF-8: gRPC carries it in trailing metadata (P-ERR-3)."""

MAX_NAMES = 1024 * 1024
"""Most characters of the names in one list of an error: each is searched for secrets."""

MAX_MESSAGE_BYTES = 64 * 1024 * 1024
"""Largest encoded message, the same on every transport (P-LIMIT-1)."""

MAX_CALLS = 128
"""How many calls a plugin carries out at once. One more is refused (P-LIMIT-2)."""


class Code(IntEnum):
    """gRPC's canonical codes without OK (P-ERR-1)."""

    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16


class LabError(Exception):
    """The root of all errors that the lab raises on purpose."""


class RpcError(LabError):
    """A call's failure as the backend reports it."""

    def __init__(self, code: Code, message: str, details: ErrorDetails | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = details if details is not None else ErrorDetails()

    def __str__(self) -> str:
        return f"{self.code.name}: {self.message}"

    def to_status(self) -> Status:
        """The error as a message. Its texts are valid Unicode, cut after MAX_TEXT (P-ERR-3)."""
        texts = {
            name: bounded(value)
            for name, value in asdict(self.details).items()
            if isinstance(value, str) and value
        }
        details = replace(self.details, **texts) if texts else self.details
        return Status(int(self.code), bounded(self.message), details)

    @classmethod
    def from_status(cls, status: Status) -> "RpcError":
        """The error that a peer sent. A code outside the table becomes UNKNOWN (P-ERR-4)."""
        code = Code(status.code) if 1 <= status.code <= max(Code) else Code.UNKNOWN
        told = cls(code, status.message, status.details).to_status()
        names = {
            name: _fitting(value)
            for name, value in asdict(told.details).items()
            if isinstance(value, tuple) and value
        }
        details = replace(told.details, **names) if names else told.details
        return cls(code, told.message, details)


def _fitting(names: tuple[str, ...]) -> tuple[str, ...]:
    """The names, each cut after MAX_TEXT; those that do not fit into MAX_NAMES are left out."""
    room = MAX_NAMES
    for number, name in enumerate(names):
        room -= min(len(name), MAX_TEXT) + 8
        if room < 0:
            return tuple(map(bounded, names[:number]))
    return tuple(map(bounded, names))


def bounded(text: str) -> str:
    """Return the text as an error carries it: cut at MAX_TEXT, and valid Unicode (P-ERR-3)."""
    data = text.encode("utf-8", "backslashreplace")
    if len(data) > MAX_TEXT:
        tail = f"... ({len(data)} bytes in all)"
        return data[: MAX_TEXT - len(tail)].decode("utf-8", "ignore") + tail
    return data.decode("utf-8")


def marked(text: str) -> str:
    """Prefix a foreign text's continuation lines with a bar, so they cannot imitate our own lines.

    An error is written line by line: expected, what was applied, what to do. A plugin's message may
    have lines like these in it.
    """
    return "\n  | ".join(text.splitlines())


def cancelled() -> RpcError:
    """For a cancelled call, whichever side noticed (P-CANCEL-2)."""
    return RpcError(Code.CANCELLED, "the call was cancelled")


def deadline_exceeded() -> RpcError:
    """For a call past its deadline, whichever side noticed (P-DEADLINE-2)."""
    return RpcError(Code.DEADLINE_EXCEEDED, "the deadline passed before the call was done")


def unknown_method(name: str) -> RpcError:
    """For a call of a method outside the contract (P-RPC-2)."""
    return RpcError(
        Code.UNIMPLEMENTED, f'unknown method "{name}"', ErrorDetails("UNKNOWN_METHOD", got=name)
    )


def message_too_large(size: int) -> RpcError:
    """For a message over the limit; size is that of the encoded message, in bytes (P-LIMIT-1)."""
    return RpcError(
        Code.RESOURCE_EXHAUSTED,
        f"message of {size} bytes is over the limit of {MAX_MESSAGE_BYTES} bytes",
        ErrorDetails(
            "MESSAGE_TOO_LARGE", expected=f"at most {MAX_MESSAGE_BYTES} bytes", got=f"{size} bytes"
        ),
    )


def too_many_calls() -> RpcError:
    """For a call that comes while MAX_CALLS others are carried out (P-LIMIT-2)."""
    return RpcError(
        Code.RESOURCE_EXHAUSTED,
        f"more than {MAX_CALLS} calls at once",
        ErrorDetails("TOO_MANY_CALLS", expected=f"at most {MAX_CALLS}", action="call again later"),
    )


def unauthenticated() -> RpcError:
    """For a call without the secret of the plugin's launch (P-AUTH-2)."""
    return RpcError(
        Code.UNAUTHENTICATED,
        "the call does not have the secret of this launch",
        ErrorDetails(
            "SECRET",
            expected="the secret that the plugin's host gave it",
            action="only the host that started a plugin can call it",
        ),
    )


def invalid_argument(
    path: str, problem: str, *, reason: str = "INVALID", expected: str = "", got: str = ""
) -> RpcError:
    """INVALID_ARGUMENT for a member of the request, named by its path: jobs/0/job/schedules/1."""
    message = f"{path}: {problem}" if path else problem
    details = ErrorDetails(reason, path=path, expected=expected, got=got)
    return RpcError(Code.INVALID_ARGUMENT, message, details)


class TransportError(LabError):
    """The channel failed. Whether the backend carried out the call is unknown."""


class ChannelClosed(TransportError):
    """This side closed the channel, before the call or during it."""


class ConnectionLost(TransportError):
    """The other side went away before it answered."""


class ProtocolViolation(TransportError):
    """The other side sent what the protocol does not allow."""


class SecondHandshake(ProtocolViolation):
    """A plugin sent a handshake line after its handshake (P-HANDSHAKE-6)."""


class PluginError(LabError):
    """A plugin could not be found, started, spoken to or stopped.

    code is stable (E-...). exit is how the process ended ("exit status 3", "signal SIGKILL"), empty
    while it runs. stderr has its last lines. action says what to do.
    """

    def __init__(  # noqa: PLR0913  # the lines of its text
        self,
        code: str,
        problem: str,
        name: str = "",
        path: str = "",
        *,
        version: str = "",
        expected: str = "",
        got: str = "",
        exit: str = "",  # noqa: A002  # the name of the attribute
        stderr: tuple[str, ...] = (),
        action: str = "",
    ) -> None:
        super().__init__(code, problem)
        self.code = code
        self.problem = problem
        self.name = name
        self.path = path
        self.version = version
        self.expected = expected
        self.got = got
        self.exit = exit
        self.stderr = stderr
        self.action = action

    def who(self) -> str:
        """The backend's name, path and version, as far as they are known."""
        where = " ".join(part for part in (self.path, self.version) if part)
        return f'backend "{self.name}"' + (f" ({where})" if where else "")

    def __str__(self) -> str:
        lines = [f"{self.code}: {marked(self.who())}: {marked(self.problem)}"]
        if self.expected or self.got:
            expected, got = self.expected or "nothing", self.got or "nothing"
            lines.append(f"  expected {marked(expected)}, got {marked(got)}")
        if self.exit:
            lines.append(f"  the plugin ended with {self.exit}")
        if self.stderr:
            lines.append("  its last lines on stderr:")
            lines.extend(f"    {line}" for line in self.stderr)
        if self.action:
            lines.append(f"  {self.action}")
        return "\n".join(lines)


class Problem(msgspec.Struct, frozen=True):
    """One thing that is wrong with a document: where (jobs/0/schedules/1) and what."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class ManifestError(LabError):
    """A manifest is not valid.

    problems holds the first ones, in document order; more is the number of those left out.
    """

    def __init__(self, source: str, problems: Sequence[Problem], more: int = 0) -> None:
        self.source = source
        self.problems = tuple(problems)
        self.more = more
        name = marked(source)  # the name of a file may have lines too
        lines = [f"{name}: {problem}" for problem in self.problems]
        if more:
            lines.append(f"{name}: and {more} more problems")
        super().__init__("\n".join(lines))


class UsageError(LabError):
    """A name or an option that does not exist, with those that do."""
