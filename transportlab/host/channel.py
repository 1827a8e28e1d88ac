"""The host's channel to a plugin: turns for writes, errors without secrets, blame for failures.

It stands between the RemoteBackend and the transport's own channel, which it calls the wire. What
the error for a failed call says of the plugin is left to the session (see Blame).
"""

import threading
from collections.abc import Callable, Iterator
from typing import TypeVar

from transportlab.channel import Channel
from transportlab.context import Context
from transportlab.errors import ChannelClosed, ConnectionLost, LabError, RpcError, TransportError
from transportlab.methods import Method
from transportlab.redact import NOTHING, Redactor

Q = TypeVar("Q")
R = TypeVar("R")

Blame = Callable[[TransportError | RpcError], LabError]
"""What to raise for a call's failure. The backend's own answer comes back as it is, with notes."""

TURN_SECONDS = 0.02
"""How often a write that waits for another looks at what may end its wait."""


def as_it_is(error: TransportError | RpcError) -> LabError:
    """The Blame of a channel that has no plugin process to ask."""
    return error


class HostChannel(Channel):
    """One hop around the wire: the transport's own channel. Safe to use from several threads.

    Writes run one at a time. Whatever a call raises is without the redactor's values (P-SESSION-4),
    and then what blame makes of it. The wire hides nothing.
    """

    def __init__(
        self, wire: Channel, redactor: Redactor = NOTHING, blame: Blame = as_it_is
    ) -> None:
        self._wire = wire
        self._redactor = redactor
        self._blame = blame
        self._lost = False
        self._closed = False
        self._writing = threading.Lock()

    def unary(self, method: Method[Q, R], request: Q, context: Context) -> R:
        """See Channel.unary. A TransportError becomes what blame makes of it."""
        if method.writes:
            self._take_turn(context)
        try:
            return self._wire.unary(method, request, context)
        except LabError as error:
            told = self._told(error)
            raise told from told.__cause__
        finally:
            if method.writes:
                self._writing.release()

    def stream(self, method: Method[Q, R], request: Q, context: Context) -> Iterator[R]:
        """See Channel.stream. A TransportError becomes what blame makes of it."""
        if method.writes:
            self._take_turn(context)
        try:
            yield from self._wire.stream(method, request, context)
        except LabError as error:
            told = self._told(error)
            raise told from told.__cause__
        finally:
            if method.writes:
                self._writing.release()

    def _take_turn(self, context: Context) -> None:
        if self._writing.acquire(blocking=False):
            return
        while not self._writing.acquire(timeout=TURN_SECONDS):
            context.check()
            if self._closed:  # a stream that nobody goes on with never gives its turn back
                raise self._told(ChannelClosed("the channel is closed"))

    def _told(self, error: LabError) -> LabError:
        """What to raise for a failure of the wire, with its __cause__ set."""
        if self._redactor:
            error = self._redactor.error(error)
            error.__cause__ = None  # a traceback would show what is hidden
        if not isinstance(error, RpcError | TransportError):
            return error
        if isinstance(error, ChannelClosed):
            if not self._lost:
                return error  # this side has closed it, on purpose
            error = ConnectionLost("the plugin has ended")
        blamed = self._blame(error)
        if blamed is not error:
            blamed.__cause__ = error
        return blamed

    def lose(self) -> None:
        """The plugin has ended: nobody waits for it any more, whoever holds its wire."""
        self._lost = True
        self.close()

    def close(self) -> None:
        """See Channel.close."""
        self._closed = True
        self._wire.close()
