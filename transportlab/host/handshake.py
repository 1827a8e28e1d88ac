"""The handshake as the host hears it: one line within its bounds, and what stdout says after it.

Each way to get it wrong has a code of its own, and its bytes in the error (docs/error-codes.md).
"""

import os
import re
import select
import time
from collections.abc import Collection

from transportlab.context import Cancellation
from transportlab.errors import PluginError, cancelled
from transportlab.handshake import (
    MAGIC,
    MAX_LINE,
    SHOWN,
    STDIO,
    Handshake,
    HandshakeError,
    parse,
    shown,
)
from transportlab.host.channel import own_word
from transportlab.host.process import EXIT_GRACE, PluginProcess

_ADDRESS = re.compile(r"(\w+://)?(\[[0-9A-Fa-f:.%]+\]|[A-Za-z0-9.*-]*):[0-9]{1,5}/?\Z")

LONGEST_SECONDS = 86400.0
"""Beyond some weeks poll() takes no number; this is long enough for any plugin to start."""


LOOK_SECONDS = 0.05
"""How often a wait for the line looks whether it is cancelled."""


def hear(
    process: PluginProcess, seconds: float, cancellation: Cancellation | None = None
) -> Handshake:
    """Wait for the plugin's one line. Raises PluginError, or RpcError CANCELLED.

    The process then still runs.
    """
    end = time.monotonic() + min(seconds, LONGEST_SECONDS)
    line = _read_line(process, end, seconds, cancellation)
    try:
        found = parse(line)
    except HandshakeError as error:
        raise process.error(error.code, str(error), action=error.action) from error
    process.version = own_word(found.words.get("version", ""), process.redactor)
    return found


def _read_line(
    process: PluginProcess, end: float, seconds: float, cancellation: Cancellation | None
) -> bytes:
    # Byte by byte: on a stdio transport the byte after the line is already the wire's.
    fd, line = process.stdout.fileno(), bytearray()
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    while True:
        if not _can_be_read(poll, end, cancellation):
            raise process.error(
                "E-HANDSHAKE-TIMEOUT",
                f"no handshake line within {seconds:g} s",
                expected="one line on stdout",
                got=f"{shown(bytes(line))} without a line end" if line else "nothing",
                action="run the plugin by hand and see what it waits for",
            )
        byte = os.read(fd, 1)
        if not byte:
            raise _no_line(process, bytes(line))
        if byte == b"\n":
            return bytes(line)
        line += byte
        if len(line) >= MAX_LINE:
            raise process.error(
                "E-HANDSHAKE-TOO-LONG",
                f"more than {MAX_LINE} bytes on stdout without a line end: {shown(bytes(line))}",
                action=f"write one line ({MAGIC} ...) before anything else on stdout",
            )


def _can_be_read(poll: select.poll, end: float, cancellation: Cancellation | None) -> bool:
    """Wait until there is something to read: whether there is before the end."""
    while True:
        left = max(0.0, end - time.monotonic())
        if cancellation is None:
            return bool(poll.poll(left * 1000))
        if cancellation.cancelled:
            raise cancelled()
        if poll.poll(min(left, LOOK_SECONDS) * 1000):
            return True
        if left <= LOOK_SECONDS:
            return False


def _no_line(process: PluginProcess, line: bytes) -> PluginError:
    """Stdout has ended before the line has."""
    process.wait(EXIT_GRACE)
    how = "ended" if process.exit else "closed stdout"
    if line:
        return process.error(
            "E-HANDSHAKE-TRUNCATED",
            f"{how} in the middle of its handshake line: {shown(line)}",
            action="end the line with a line feed, and flush it",
        )
    error = process.error(
        "E-EXITED" if process.exit else "E-HANDSHAKE-CLOSED",
        f"{how} before its handshake",
        expected="one line on stdout",
        got="nothing",
        action="run it by hand",
    )
    if error.stderr:
        error.action = "see its stderr above, or run it by hand"
    return error


def check(process: PluginProcess, said: Handshake, transport: str, endpoint: str) -> None:
    """Raise PluginError unless the plugin serves what it was asked for, where it was asked to."""
    spoken = said.words.get("transport", transport)
    if spoken != transport:
        raise process.error(
            "E-TRANSPORT",
            "the plugin speaks another transport",
            expected=transport,
            got=spoken[:SHOWN],
            action=f"use --transport {spoken}" if spoken.isalnum() else "",
        )
    if said.endpoint != endpoint:
        code, problem = _elsewhere(said.endpoint, endpoint)
        raise process.error(
            code,
            problem,
            expected=endpoint,
            got=said.endpoint[:SHOWN],
            action="the endpoint is the host's to choose: report this to the plugin's author",
        )


def _elsewhere(said: str, wanted: str) -> tuple[str, str]:
    """The code and the words for an endpoint that is not the one which the host gave."""
    if _ADDRESS.match(said):
        return "E-ENDPOINT-TCP", "the plugin serves at a network address"
    folder = os.path.dirname(wanted)
    inside = os.path.dirname(os.path.normpath(said)) == folder and "\0" not in said
    if wanted == STDIO or not os.path.isabs(said) or inside:
        return "E-ENDPOINT", "the plugin serves at another endpoint than the host gave it"
    return "E-ENDPOINT-OUTSIDE", "the plugin serves outside the private directory of its launch"


# Two sides without a version of the protocol in common: who must act, and how (P-SESSION-2).


class ProtocolMismatch(PluginError):
    """The plugin speaks no version that the host speaks. got is its set, expected the host's."""

    def __str__(self) -> str:
        return f"{self.code}: {self.who()} {self.problem} {self.action}"


def mismatch(
    name: str, path: str, version: str, theirs: Collection[int], ours: Collection[int]
) -> ProtocolMismatch:
    """The error for the two sets of versions; an empty set is one that is not known."""
    return ProtocolMismatch(
        "E-PROTO-MISMATCH",
        f"speaks protocol {written(theirs)}; this host speaks {written(ours)}.",
        name=name,
        path=path,
        version=version,
        expected=written(ours),
        got=written(theirs),
        action=_advice(theirs, ours),
    )


def written(versions: Collection[int]) -> str:
    """A set of versions as the protocol writes it: {1,2}; an unknown one is {?}."""
    return "{" + (",".join(map(str, sorted(versions))) or "?") + "}"


def read(text: str) -> set[int]:
    """The versions in such a text, which a plugin has written; empty if it is none."""
    found = re.fullmatch(r"\{(\d{1,9}(?:,\d{1,9})*)\}", text, re.ASCII)
    return {int(number) for number in found[1].split(",")} if found else set()


def _advice(theirs: Collection[int], ours: Collection[int]) -> str:
    if theirs and max(theirs) < min(ours):
        return (
            f"The plugin is too old: install a release that speaks {min(ours)},"
            f" or use a host that speaks {max(theirs)}."
        )
    if theirs and min(theirs) > max(ours):
        return (
            f"The host is too old: use a host that speaks {min(theirs)},"
            f" or install a release of the plugin that speaks {max(ours)}."
        )
    return f"Install a release of the plugin that speaks one of {written(ours)}."
