"""The host's side of the handshake: reads the plugin's one line, and checks it.

read_handshake() waits for the line on stdout (P-HANDSHAKE). check_handshake() then compares it with
what the plugin was asked for. Both work on a running PluginProcess; the format of the line is in
transportlab/handshake.py.

Each way to get the line wrong has a code of its own: docs/error-codes.md.
"""

import os
import re
import select
import time

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
    show_bytes,
)
from transportlab.host.process import PluginProcess
from transportlab.host.secrets import one_line

MAX_SECONDS = 86400.0
"""The longest wait: poll() takes no more than some weeks, and a day is enough for any plugin."""

CANCEL_SECONDS = 0.05
"""How often a wait checks whether it has been cancelled."""

_ADDRESS = re.compile(r"(\w+://)?(\[[0-9A-Fa-f:.%]+\]|[A-Za-z0-9.*-]*):[0-9]{1,5}/?\Z")
"""A network address, as a plugin may name it: localhost:80, [::1]:80, tcp://127.0.0.1:80."""


def read_handshake(
    process: PluginProcess, seconds: float, cancellation: Cancellation | None = None
) -> Handshake:
    """Wait at most `seconds` for the plugin's line.

    Raises PluginError (E-HANDSHAKE-..., E-EXITED), or RpcError CANCELLED. The process is not
    stopped then.
    """
    line = _read_line(process, seconds, cancellation)
    try:
        found = parse(line)
    except HandshakeError as error:
        raise process.error(error.code, str(error), action=error.action) from error
    process.version = one_line(found.words.get("version", ""), process.redactor)
    return found


def _read_line(process: PluginProcess, seconds: float, cancellation: Cancellation | None) -> bytes:
    # Byte by byte: on a stdio transport the byte after the line belongs to the wire.
    end = time.monotonic() + min(seconds, MAX_SECONDS)
    line = b""
    poll = select.poll()
    poll.register(process.stdout, select.POLLIN)
    while True:
        if not _wait(poll, end, cancellation):
            raise process.error(
                "E-HANDSHAKE-TIMEOUT",
                f"no handshake line within {seconds:g} s",
                expected="one line on stdout",
                got=f"{show_bytes(line)} without a line end" if line else "nothing",
                action="run the plugin by hand and see what it waits for",
            )
        # By the file: once stop() has closed it, its number may be another plugin's.
        byte = b"" if process.stdout.closed else process.stdout.read(1)
        if not byte:
            raise _no_line(process, line)
        if byte == b"\n":
            return line
        line += byte
        if len(line) >= MAX_LINE:
            raise process.error(
                "E-HANDSHAKE-TOO-LONG",
                f"more than {MAX_LINE} bytes on stdout without a line end: {show_bytes(line)}",
                action=f"write one line ({MAGIC} ...) before anything else on stdout",
            )


def _wait(poll: select.poll, end: float, cancellation: Cancellation | None) -> bool:
    """Wait until there is something to read; return False if nothing comes before `end`."""
    while True:
        left = max(0.0, end - time.monotonic())
        if cancellation is None:
            return bool(poll.poll(left * 1000))
        if cancellation.cancelled:
            raise cancelled()
        if poll.poll(min(left, CANCEL_SECONDS) * 1000):
            return True
        if left <= CANCEL_SECONDS:
            return False


def _no_line(process: PluginProcess, line: bytes) -> PluginError:
    """Return the error for a stdout that ended before the line did."""
    process.wait()
    how = "ended" if process.exit else "closed stdout"
    if line:
        return process.error(
            "E-HANDSHAKE-TRUNCATED",
            f"{how} in the middle of its handshake line: {show_bytes(line)}",
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


# ---- what the line says


def check_handshake(process: PluginProcess, said: Handshake, transport: str, endpoint: str) -> None:
    """Check that the plugin serves the transport it was asked for, at the endpoint it was given.

    Raises PluginError E-TRANSPORT, E-ENDPOINT, E-ENDPOINT-TCP or E-ENDPOINT-OUTSIDE.
    """
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
        code, problem = _wrong_endpoint(said.endpoint, endpoint)
        raise process.error(
            code,
            problem,
            expected=endpoint,
            got=said.endpoint[:SHOWN],
            action="the host chooses the endpoint: report this to the plugin's author",
        )


def _wrong_endpoint(said: str, wanted: str) -> tuple[str, str]:
    """Return the code and the problem for an endpoint that is not the host's."""
    if _ADDRESS.match(said):
        return "E-ENDPOINT-TCP", "the plugin serves at a network address"
    inside = os.path.dirname(os.path.normpath(said)) == os.path.dirname(wanted)
    inside = inside and "\0" not in said
    if wanted == STDIO or not os.path.isabs(said) or inside:
        return "E-ENDPOINT", "the plugin serves at another endpoint than the host gave it"
    return "E-ENDPOINT-OUTSIDE", "the plugin serves outside the private directory of its launch"
