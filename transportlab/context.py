"""What goes along with a request: deadline, cancellation, session and log.

One Context goes with a call through every layer of the host. The plugin's side makes another one
from what its transport carried: the time that is left, and whether the host has given up the call.

A Cancellation is a switch that can be thrown once. If the wire brings the news (a notification, a
reset stream), the transport calls cancel(). If somebody has to look for it (a flag in a struct, a
closed socket), the transport makes a PolledCancellation with a probe that looks.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec

from transportlab.errors import ChannelClosed, cancelled, deadline_exceeded
from transportlab.log import Log

POLL_SECONDS = 0.01
"""How often a PolledCancellation looks while somebody waits: often enough, at little load."""


class Cancellation:
    """A switch that can be thrown once. Safe to use from several threads."""

    def __init__(self) -> None:
        # Reentrant: an abandoned stream may be collected, and so take its callback back, at any
        # allocation.
        self._lock = threading.RLock()
        self._thrown = False
        self._callbacks: list[Callable[[], object]] = []

    @property
    def cancelled(self) -> bool:
        """Whether the switch has been thrown."""
        return self._thrown

    def cancel(self) -> None:
        """Throw the switch and run the callbacks in this thread. A second time does nothing."""
        with self._lock:
            if self._thrown:
                return
            self._thrown = True
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback()

    def on_cancel(self, callback: Callable[[], object]) -> Callable[[], None]:
        """Run callback once: when the switch is thrown, or now if it has been.

        Returns a function that takes the callback back.
        """
        with self._lock:
            if not self._thrown:
                self._callbacks.append(callback)
                return lambda: self._forget(callback)
        callback()
        return lambda: None

    def _forget(self, callback: Callable[[], object]) -> None:
        with self._lock:
            if callback in self._callbacks:
                self._callbacks.remove(callback)

    def wait(self, seconds: float) -> bool:
        """Wait at most so many seconds for the switch. Returns whether it has been thrown."""
        event = threading.Event()
        forget = self.on_cancel(event.set)
        try:
            return event.wait(seconds)
        finally:
            forget()


class PolledCancellation(Cancellation):
    """A switch that a probe can throw. The probe is asked when somebody asks or waits."""

    def __init__(self, probe: Callable[[], bool]) -> None:
        super().__init__()
        self._probe = probe

    @property
    def cancelled(self) -> bool:
        """Whether the switch has been thrown, or the probe says so now."""
        if not self._thrown and self._probe():
            self.cancel()
        return self._thrown

    def on_cancel(self, callback: Callable[[], object]) -> Callable[[], None]:
        """See Cancellation.on_cancel. A thread asks the probe until the callback is taken back."""
        done = threading.Event()
        forget = super().on_cancel(callback)

        def watch() -> None:
            while not self.cancelled and not done.wait(POLL_SECONDS):
                pass

        def take_back() -> None:
            done.set()
            forget()

        threading.Thread(target=watch, name="cancellation", daemon=True).start()
        return take_back

    def wait(self, seconds: float) -> bool:
        """See Cancellation.wait. Asks the probe every POLL_SECONDS."""
        end = time.monotonic() + seconds
        while not self.cancelled:
            left = end - time.monotonic()
            if left <= 0:
                return False
            time.sleep(min(left, POLL_SECONDS))
        return True


class SessionInfo(msgspec.Struct, frozen=True):
    """What OpenSession agreed on, for a backend that wants to know."""

    host_version: str
    protocol_version: int


_NO_LOG = Log("")


class Context:
    """What goes with one call, on either side of a channel.

    timeout is in seconds from now. deadline is on time.monotonic(), None for none. session and log
    are set on the plugin's side.
    """

    __slots__ = ("cancellation", "deadline", "log", "session")

    def __init__(
        self,
        *,
        timeout: float | None = None,
        cancellation: Cancellation | None = None,
        session: SessionInfo | None = None,
        log: Log | None = None,
    ) -> None:
        self.deadline = None if timeout is None else time.monotonic() + timeout
        self.cancellation = cancellation
        self.session = session
        self.log = _NO_LOG if log is None else log

    def remaining(self) -> float | None:
        """Seconds until the deadline: negative once it has passed, None without one."""
        return None if self.deadline is None else self.deadline - time.monotonic()

    def with_cancellation(self, switch: Cancellation) -> "Context":
        """A context with the same deadline and another switch, without session and log."""
        made = Context(cancellation=switch)
        made.deadline = self.deadline
        return made

    def check(self) -> None:
        """Raise RpcError CANCELLED or DEADLINE_EXCEEDED if the call should not go on."""
        if self.cancellation is not None and self.cancellation.cancelled:
            raise cancelled()
        if self.deadline is not None and time.monotonic() >= self.deadline:
            raise deadline_exceeded()

    def wait(self, seconds: float) -> None:
        """Sleep so many seconds. Raises like check() as soon as the call should not go on."""
        left = self.remaining()
        pause = seconds if left is None else max(0.0, min(seconds, left))
        if self.cancellation is None:
            time.sleep(pause)
        else:
            self.cancellation.wait(pause)
        self.check()


class InFlight:
    """The calls in flight on one channel: each has a switch, and close() throws them all.

    For transports whose library does not keep such a list. Safe to use from several threads.
    """

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
        """A switch for one call. The caller's own cancellation throws it, and close() does.

        Raises ChannelClosed if the channel is already closed.
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
