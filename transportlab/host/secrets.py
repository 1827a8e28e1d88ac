"""Keeps a session's secrets, and the secret of its launch, out of every text of the host.

transportlab/redact.py finds and hides a value in a text. spawn.py keeps secrets out of a plugin's
environment.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from transportlab.auth import new_secret
from transportlab.channel import EndpointKind, Transport
from transportlab.errors import LabError, UsageError
from transportlab.quote import clean
from transportlab.redact import SHORTEST, Redactor, too_short

LAUNCH_SECRET = "launch secret"  # noqa: S105  # its name
"""Stands in brackets for the secret of a launch, which a plugin may put into an error too."""

SHOWN = 200
"""How many characters of what a plugin says of itself an error shows."""


def secret_for(transport: Transport) -> str:
    """Return a new secret if calls need one, which is on a socket (P-AUTH); else an empty text."""
    return new_secret() if transport.traits.endpoint is EndpointKind.SOCKET else ""


def redactor_of(secrets: Mapping[str, str], launch: str = "") -> Redactor:
    """Return a redactor for a session's secrets, and for its launch's if there is one.

    Raises UsageError for a secret that is too short to be hidden.
    """
    for name, value in secrets.items():
        if too_short(value):
            raise UsageError(f"secret {name}: fewer than {SHORTEST} characters cannot be hidden")
    return Redactor({LAUNCH_SECRET: launch, **secrets})


def one_line(text: str, redactor: Redactor) -> str:
    """Return what a plugin says of itself as errors show it: on one line, cut, without secrets."""
    shown = clean(redactor.text(text[:SHOWN]))
    return shown if len(text) <= SHOWN else shown + "..."


@contextmanager
def hiding(redactor: Redactor) -> Iterator[None]:
    """Hide the redactor's values in every LabError that leaves the block."""
    try:
        yield
    except LabError as error:
        if not redactor:
            raise
        # Not "from error": a traceback would show what is hidden.
        raise redactor.error(error) from None
