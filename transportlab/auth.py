"""The secret of one launch: who may call a plugin that listens on a socket (P-AUTH).

The host makes it, writes it to the plugin's stdin, and sends it with each call. It is in no
argument and in no variable, where a plugin's children and the tables of /proc would have it too.
"""

import os

# What hmac.compare_digest is as well; hmac loads OpenSSL's hashes, 2 ms of a plugin's start.
from _operator import _compare_digest as same_in_constant_time
from collections.abc import Sequence

from transportlab.errors import LabError, unauthenticated

DIGITS = 64
"""Length of a secret in lower-case hex digits: 256 bits."""

_HEX = frozenset(b"0123456789abcdef")


class SecretError(LabError):
    """What came on stdin is not the line that a host writes."""


def new_secret() -> str:
    """A secret that nobody has had before."""
    return os.urandom(DIGITS // 2).hex()


def secret_line(secret: str) -> bytes:
    """What the host writes to the plugin's stdin right after the start (P-AUTH-1)."""
    return secret.encode("ascii") + b"\n"


def read_secret(descriptor: int) -> str:
    """Wait for the host's line on a plugin's stdin (P-AUTH-1). Raises SecretError."""
    line = b""
    while len(line) <= DIGITS and not line.endswith(b"\n"):
        # Not beyond the line: what follows is not this function's.
        data = os.read(descriptor, DIGITS + 1 - len(line))
        if not data:
            raise SecretError("stdin ended before the secret of this launch; a host writes it")
        line += data
    secret = line.removesuffix(b"\n")
    if len(secret) != DIGITS or not _HEX.issuperset(secret):
        # Its bytes are not shown: they may be most of a secret.
        raise SecretError(f"stdin does not begin with a line of {DIGITS} lower-case hex digits")
    return secret.decode("ascii")


def check_secret(given: Sequence[str], wanted: str) -> None:
    """Raise UNAUTHENTICATED unless a call has the one secret that is wanted (P-AUTH-2).

    given: all that the call has, for a call might have several. None is the same as an empty one.
    """
    one = given[0] if len(given) == 1 else ""
    if len(given) > 1 or not same_in_constant_time(_bytes(one), _bytes(wanted)):
        raise unauthenticated()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
