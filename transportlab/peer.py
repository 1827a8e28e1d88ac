"""Who listens at the other end of a Unix socket (P-AUTH-3). What to make of it is the caller's."""

import socket
import struct

_CREDENTIALS = struct.Struct("3i")
"""struct ucred of Linux: process, user, group."""


def listener_of(connection: "socket.socket") -> tuple[int, int] | None:
    """Return the process and the user that listen at the other end, None if that is not told.

    The kernel notes them when the socket begins to listen (SO_PEERCRED of Linux).
    """
    if not hasattr(socket, "SO_PEERCRED"):
        return None
    told = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    pid, user, _ = _CREDENTIALS.unpack(told)
    return pid, user
