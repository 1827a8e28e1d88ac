"""Who listens at a plugin's socket, as the kernel tells it (P-AUTH-3)."""

import os
import socket
import struct

from transportlab.host.process import EXIT_GRACE, PluginProcess

_CREDENTIALS = struct.Struct("3i")
"""struct ucred of Linux: process, user, group."""


def check_peer(process: PluginProcess, path: str) -> None:
    """Raise PluginError unless the listener at path is of this very user.

    The kernel keeps the credentials of the moment in which the socket began to listen. Where the
    platform has no way to ask, the private directory is all there is.
    """
    if not hasattr(socket, "SO_PEERCRED"):
        return
    try:
        probe = socket.socket(socket.AF_UNIX)
    except OSError as error:
        raise process.error(
            "E-CONNECT",
            f"the host has no room for a connection: {error.strerror}",
            action="raise the host's limits (ulimit -n), or end other sessions",
        ) from error
    with probe:
        probe.setblocking(False)
        try:
            probe.connect(path)
        except OSError as error:
            process.wait(EXIT_GRACE)
            raise process.error(
                "E-CONNECT",
                f"cannot connect to {path}: {error.strerror}",
                action="a plugin writes its handshake line once it listens, not before",
            ) from error
        told = probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    pid, user, _ = _CREDENTIALS.unpack(told)
    if user != os.geteuid():
        raise process.error(
            "E-PEER",
            f"another user's process ({pid}) listens at {path}",
            expected=f"user {os.geteuid()}",
            got=f"user {user}",
            action="the plugin must listen as the user that started it: look who owns that process",
        )
