"""A plugin's channel with its process beside it: turns for writes, and blame for failures."""

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import TypeVar

from transportlab.channel import Channel
from transportlab.context import Cancellation, Context
from transportlab.errors import (
    ChannelClosed,
    ConnectionLost,
    LabError,
    RpcError,
    TransportError,
    UsageError,
)
from transportlab.methods import Method
from transportlab.quote import clean
from transportlab.redact import SHORTEST, Redactor, too_short

Q = TypeVar("Q")
R = TypeVar("R")

Blame = Callable[[TransportError | RpcError], LabError]
"""What to raise for a failure of the channel; the backend's own answer comes back, with notes."""

TURN_SECONDS = 0.02
"""How often a write that waits for another looks at what may end its wait."""


class _Guard:
    """Around one call: gives back the turn of a write, and has errors say whose they are.

    A class, because contextlib's generators take 2 us more of every call.
    """

    __slots__ = ("_blame", "_turn")

    def __init__(self, turn: "threading.Lock | None", blame: Blame) -> None:
        self._turn = turn
        self._blame = blame

    def __enter__(self) -> None:
        return

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        if self._turn is not None:
            self._turn.release()
        if isinstance(error, RpcError | TransportError):
            blamed = self._blame(error)
            if blamed is not error:
                raise blamed from error


class SupervisedChannel(Channel):
    """A plugin's channel with its process beside it.

    Writes run one at a time, a channel that fails says what became of the plugin, and an error of
    the backend's carries notes (BaseException.add_note) that name it.
    """

    def __init__(self, channel: Channel, blame: Blame) -> None:
        self.inner = channel
        self._lost = False
        self._closed = False
        self._judge = blame
        self._writing = threading.Lock()

    def _blame(self, error: TransportError | RpcError) -> LabError:
        if isinstance(error, ChannelClosed):
            if not self._lost:
                return error  # by this side, on purpose
            error = ConnectionLost("the plugin has ended")
        return self._judge(error)

    def lose(self) -> None:
        """The plugin has ended: nobody waits for it any more, whoever holds its wire."""
        self._lost = True
        self.close()

    def _take_turn(self, timeout: float | None, cancel: Cancellation | None) -> float | None:
        if self._writing.acquire(blocking=False):
            return timeout
        waiting = Context(timeout=timeout, cancellation=cancel)
        while not self._writing.acquire(timeout=TURN_SECONDS):
            waiting.check()
            if self._closed:  # a stream that nobody goes on with never gives its turn back
                raise self._blame(ChannelClosed("the channel is closed"))
        return waiting.remaining()

    def unary(
        self,
        method: Method[Q, R],
        request: Q,
        *,
        timeout: float | None = None,
        cancel: Cancellation | None = None,
    ) -> R:
        """As in Channel; a TransportError becomes a PluginError."""
        left = self._take_turn(timeout, cancel) if method.writes else timeout
        with _Guard(self._writing if method.writes else None, self._blame):
            return self.inner.unary(method, request, timeout=left, cancel=cancel)

    def stream(
        self,
        method: Method[Q, R],
        request: Q,
        *,
        timeout: float | None = None,
        cancel: Cancellation | None = None,
    ) -> Iterator[R]:
        """As in Channel; a TransportError becomes a PluginError."""
        left = self._take_turn(timeout, cancel) if method.writes else timeout
        with _Guard(self._writing if method.writes else None, self._blame):
            yield from self.inner.stream(method, request, timeout=left, cancel=cancel)

    def close(self) -> None:
        """As in Channel."""
        self._closed = True
        self.inner.close()


# A channel whose errors hold no secret, whatever the plugin has put into them (P-SESSION-4).


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
