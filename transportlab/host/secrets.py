"""What a host keeps out of every text: the session's secrets and the secret of the launch.

How a value is found in a text and hidden is redact.py's; which variables a plugin's environment
must not have is spawn.py's.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from transportlab.auth import new_secret
from transportlab.channel import EndpointKind, Transport
from transportlab.errors import LabError, UsageError
from transportlab.quote import clean
from transportlab.redact import SHORTEST, Redactor, too_short

LAUNCH_SECRET = "launch secret"  # noqa: S105  # its name
"""What stands in brackets for the secret of a launch, which a plugin may put into an error too."""

SHOWN = 200
"""How many characters of what a plugin says of itself an error shows."""


def secret_for(transport: Transport) -> str:
    """A new secret for transports whose calls need one, those on a socket (P-AUTH); else empty."""
    return new_secret() if transport.traits.endpoint is EndpointKind.SOCKET else ""


def redactor_of(secrets: Mapping[str, str], launch: str = "") -> Redactor:
    """The redactor of a session's secrets, and of its launch's if there is one.

    Raises UsageError for a secret that is too short to be hidden.
    """
    for name, value in secrets.items():
        if too_short(value):
            raise UsageError(f"secret {name}: fewer than {SHORTEST} characters cannot be hidden")
    return Redactor({LAUNCH_SECRET: launch, **secrets})


def own_word(text: str, redactor: Redactor) -> str:
    """What a plugin says of itself, as errors show it: on one line, cut, without secrets."""
    shown = clean(redactor.text(text[:SHOWN]))
    return shown if len(text) <= SHOWN else shown + "..."


@contextmanager
def hiding(redactor: Redactor) -> Iterator[None]:
    """A block whose LabErrors leave it without the redactor's values."""
    try:
        yield
    except LabError as error:
        if not redactor:
            raise
        # Not from what is hidden: a traceback would show it.
        raise redactor.error(error) from None
