"""A channel whose errors hold no secret, whatever the plugin has put into them (P-SESSION-4)."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import TypeVar

from transportlab.channel import Channel
from transportlab.context import Cancellation
from transportlab.errors import LabError, UsageError
from transportlab.methods import Method
from transportlab.quote import clean
from transportlab.redact import SHORTEST, Redactor, too_short

Q = TypeVar("Q")
R = TypeVar("R")


LAUNCH_SECRET = "launch secret"  # noqa: S105  # its name
"""What stands in brackets for the secret of a launch: a plugin may tell that one as well."""

SHOWN = 200
"""How many characters of what a plugin says of itself an error has."""


def redactor_of(secrets: Mapping[str, str], launch: str = "") -> Redactor:
    """The redactor of a session's secrets, and of its launch's if there is one.

    Raises UsageError for one that cannot be hidden.
    """
    for name, value in secrets.items():
        if too_short(value):
            raise UsageError(f"secret {name}: fewer than {SHORTEST} characters cannot be hidden")
    return Redactor({LAUNCH_SECRET: launch, **secrets})


def own_word(text: str, redactor: Redactor) -> str:
    """What a plugin says of itself, as errors show it: on one line, cut, without secrets."""
    shown = clean(redactor.text(text[:SHOWN]))
    return shown if len(text) <= SHOWN else shown + "..."


@contextlib.contextmanager
def hiding(redactor: Redactor) -> Iterator[None]:
    """What the lab raises in here holds no secret."""
    try:
        yield
    except LabError as error:
        if not redactor:
            raise
        # Not from what is hidden: a traceback would show it.
        raise redactor.error(error) from None


class RedactedChannel(Channel):
    """Around a transport's own channel; for sessions that have secrets."""

    def __init__(self, channel: Channel, redactor: Redactor) -> None:
        self.inner = channel
        self._redactor = redactor

    def unary(
        self,
        method: Method[Q, R],
        request: Q,
        *,
        timeout: float | None = None,
        cancel: Cancellation | None = None,
    ) -> R:
        """As in Channel."""
        try:  # not by hiding(), which takes 2 us more of every call
            return self.inner.unary(method, request, timeout=timeout, cancel=cancel)
        except LabError as error:
            raise self._redactor.error(error) from None

    def stream(
        self,
        method: Method[Q, R],
        request: Q,
        *,
        timeout: float | None = None,
        cancel: Cancellation | None = None,
    ) -> Iterator[R]:
        """As in Channel."""
        with hiding(self._redactor):
            yield from self.inner.stream(method, request, timeout=timeout, cancel=cancel)

    def close(self) -> None:
        """As in Channel."""
        self.inner.close()
