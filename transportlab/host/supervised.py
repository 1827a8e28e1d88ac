"""A plugin's channel with its process beside it: turns for writes, and blame for failures."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import TypeVar

from transportlab.channel import Channel
from transportlab.context import Cancellation, Context
from transportlab.errors import ChannelClosed, LabError, TransportError
from transportlab.methods import Method

Q = TypeVar("Q")
R = TypeVar("R")

TURN_SECONDS = 0.02
"""How often a write that waits for another looks at its deadline and its cancellation."""


class SupervisedChannel(Channel):
    """A plugin's channel with its process beside it.

    Writes run one at a time, and a channel that fails says what became of the plugin.
    """

    def __init__(self, channel: Channel, blame: Callable[[TransportError], LabError]) -> None:
        self.inner = channel
        self._blame = blame
        self._writing = threading.Lock()

    @contextlib.contextmanager
    def _guard(
        self, method: Method[Q, R], timeout: float | None, cancel: Cancellation | None
    ) -> Iterator[float | None]:
        """Wait for the turn of a write; yields what is left of the timeout."""
        left = self._take_turn(timeout, cancel) if method.writes else timeout
        try:
            yield left
        except ChannelClosed:
            raise
        except TransportError as error:
            raise self._blame(error) from error
        finally:
            if method.writes:
                self._writing.release()

    def _take_turn(self, timeout: float | None, cancel: Cancellation | None) -> float | None:
        if self._writing.acquire(blocking=False):
            return timeout
        waiting = Context(timeout=timeout, cancellation=cancel)
        while not self._writing.acquire(timeout=TURN_SECONDS):
            waiting.check()
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
        with self._guard(method, timeout, cancel) as left:
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
        with self._guard(method, timeout, cancel) as left:
            yield from self.inner.stream(method, request, timeout=left, cancel=cancel)

    def close(self) -> None:
        """As in Channel."""
        self.inner.close()
