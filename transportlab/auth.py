"""The secret of one launch: only its holder may call a plugin on a socket (P-AUTH).

The host makes the secret, writes it to the plugin's stdin and sends it with each call. It is never
an argument or an environment variable: the plugin's children would inherit it, and /proc shows it.
This module makes, sends, reads and checks a secret. Where it travels in a call is the transport's.
"""

import os

# This is hmac.compare_digest. hmac itself loads OpenSSL's hashes: 2 ms of a plugin's start.
from _operator import _compare_digest as same_in_constant_time
from collections.abc import Sequence

from transportlab.errors import LabError, unauthenticated

DIGITS = 64
"""Length of a secret, in lower-case hex digits: 256 bits."""

_HEX = frozenset(b"0123456789abcdef")


class SecretError(LabError):
    """stdin does not begin with the line that a host writes."""


def new_secret() -> str:
    """Return a new random secret."""
    return os.urandom(DIGITS // 2).hex()


def secret_line(secret: str) -> bytes:
    """Return what the host writes to the plugin's stdin right after the start (P-AUTH-1)."""
    return secret.encode("ascii") + b"\n"


def read_secret(descriptor: int) -> str:
    """Wait for the host's line on the plugin's stdin, and return the secret (P-AUTH-1).

    Raises SecretError.
    """
    line = b""
    while len(line) <= DIGITS and not line.endswith(b"\n"):
        # Never read beyond the line: what follows on stdin belongs to others.
        data = os.read(descriptor, DIGITS + 1 - len(line))
        if not data:
            raise SecretError("stdin ended before the secret of this launch; a host writes it")
        line += data
    secret = line.removesuffix(b"\n")
    if len(secret) != DIGITS or not _HEX.issuperset(secret):
        # The bytes are not shown: they may be most of a secret.
        raise SecretError(f"stdin does not begin with a line of {DIGITS} lower-case hex digits")
    return secret.decode("ascii")


def check_secret(given: Sequence[str], wanted: str) -> None:
    """Raise UNAUTHENTICATED unless a call carries exactly the wanted secret (P-AUTH-2).

    given: every secret that the call carries. A call with several is refused, whatever they are.
    """
    one = given[0] if len(given) == 1 else ""  # none counts as an empty one
    if len(given) > 1 or not same_in_constant_time(_bytes(one), _bytes(wanted)):
        raise unauthenticated()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
