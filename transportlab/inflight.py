"""The calls in flight on one channel: each has a switch of its own, close() throws them all.

For transports that have no such register in the library they are built on.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from transportlab.context import Cancellation
from transportlab.errors import ChannelClosed


class InFlight:
    """Safe to use from several threads."""

    def __init__(self) -> None:
        # Reentrant: an abandoned stream may be collected, and so ended, at any allocation.
        self._lock = threading.RLock()
        self._calls: set[Cancellation] = set()
        self._closed = False

    @property
    def closed(self) -> bool:
        """Whether close() has been called."""
        return self._closed

    @contextmanager
    def call(self, cancel: Cancellation | None) -> Iterator[Cancellation]:
        """A switch for one call, thrown by the caller's own and by close().

        Raises ChannelClosed if the channel is closed already.
        """
        switch = Cancellation()
        with self._lock:
            if self._closed:
                raise ChannelClosed("the channel is closed")
            self._calls.add(switch)
        forget = None if cancel is None else cancel.on_cancel(switch.cancel)
        try:
            yield switch
        finally:
            if forget is not None:
                forget()
            with self._lock:
                self._calls.discard(switch)

    def close(self) -> None:
        """Refuse further calls and cancel those in flight."""
        with self._lock:
            self._closed = True
            calls = list(self._calls)
        for switch in calls:
            switch.cancel()
