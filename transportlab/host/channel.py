"""The host's channel to a plugin: turns for writes, errors without secrets, blame for failures.

It stands between the RemoteBackend and the transport's own channel, which is called the wire here.
What an error says of the plugin is blame.py's.
"""

import threading
from collections.abc import Callable, Iterator
from typing import TypeVar

from transportlab.channel import Channel
from transportlab.context import Context
from transportlab.errors import (
    ChannelClosed,
    ConnectionLost,
    LabError,
    RpcError,
    TransportError,
    bounded,
    deadline_exceeded,
)
from transportlab.methods import Method
from transportlab.redact import NOTHING, Redactor

Q = TypeVar("Q")
R = TypeVar("R")

TURN_SECONDS = 0.02
"""How often a write that waits for another looks at what may end its wait."""


def nobody(error: TransportError | RpcError, _writes: bool) -> LabError:
    """Blame nobody: for a channel without a session around it."""
    return error


class HostChannel(Channel):
    """One hop around the wire. Safe to use from several threads.

    Writes run one at a time. A call raises LabErrors only, whatever a library under it raises.
    An error of the wire loses the redactor's values (P-SESSION-4) and is then given to blame, with
    whether the call writes. That returns what to raise: usually a PluginError for a TransportError,
    and an RpcError, the backend's own answer, as it is with notes.
    """

    def __init__(
        self,
        wire: Channel,
        redactor: Redactor = NOTHING,
        blame: Callable[[TransportError | RpcError, bool], LabError] = nobody,
    ) -> None:
        self._wire = wire
        self._redactor = redactor
        self._blame = blame
        self._lost = False
        self._closed = False
        self._writing = threading.Lock()

    def unary(self, method: Method[Q, R], request: Q, context: Context) -> R:
        """See Channel.unary. Raises what blame makes of a TransportError."""
        if method.writes:
            self._take_turn(context)
        try:
            reply = self._wire.unary(method, request, context)
            # The wire waits no longer than the deadline, but reading a large reply takes time too.
            left = context.remaining()
            if left is not None and left <= 0:
                raise deadline_exceeded()
            return reply
        except Exception as error:
            told = self._told(error, method.writes)
            raise told from told.__cause__
        finally:
            if method.writes:
                self._writing.release()

    def stream(self, method: Method[Q, R], request: Q, context: Context) -> Iterator[R]:
        """See Channel.stream. Raises what blame makes of a TransportError."""
        if method.writes:
            self._take_turn(context)
        try:
            yield from self._wire.stream(method, request, context)
        except Exception as error:
            told = self._told(error, method.writes)
            raise told from told.__cause__
        finally:
            if method.writes:
                self._writing.release()

    def _take_turn(self, context: Context) -> None:
        if self._writing.acquire(blocking=False):
            return
        while not self._writing.acquire(timeout=TURN_SECONDS):
            context.check()
            if self._closed:  # an abandoned stream never gives its turn back
                raise self._told(ChannelClosed("the channel is closed"), False)

    def _told(self, error: Exception, writes: bool) -> LabError:
        """What to raise for a failure of the wire, with its __cause__ set."""
        if not isinstance(error, LabError):
            error = _foreign(error)
        if isinstance(error, TransportError):  # an RpcError is bounded where it is made
            error.args = tuple(bounded(a) if isinstance(a, str) else a for a in error.args)
        if self._redactor:
            error = self._redactor.error(error)
            error.__cause__ = None  # a traceback would show what the error now hides
        if not isinstance(error, RpcError | TransportError):
            return error
        if isinstance(error, ChannelClosed):
            if not self._lost:
                return error  # this side closed it, on purpose
            error = ConnectionLost("the plugin has ended")
        blamed = self._blame(error, writes)
        if blamed is not error:
            blamed.__cause__ = error
        return blamed

    def lose(self) -> None:
        """End all calls, as the plugin has ended; also those whose wire another process holds."""
        self._lost = True
        self.close()

    def close(self) -> None:
        """See Channel.close."""
        self._closed = True
        self._wire.close()


def _foreign(error: Exception) -> TransportError:
    """The failure of a library under the wire, which the transport itself does not know."""
    translated = TransportError(f"the call failed with {type(error).__name__}: {error}")
    translated.__cause__ = error
    return translated
