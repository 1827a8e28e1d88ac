"""A command's signals, which end it, and the exit status that they make.

A command that is ended by SIGINT, SIGTERM or SIGHUP first stops its plugin, within the bounds of
any stop. It exits with 128 and the signal's number.

Python runs a signal's handler between any two of its instructions. An exception raised there, in
the middle of a library, can leave one of the library's locks taken for ever. So while a plugin's
process is at work the handler raises nothing: it cancels what the command waits for, from a thread
of its own, and the session is closed as usual. At any other time the handler raises
KeyboardInterrupt. It also does so when the backend is in this very process, since nothing but an
exception gets out of the backend's code. Whoever catches KeyboardInterrupt says what has become of
the command and raises it again; heeding() alone makes an exit status of it.
"""

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from types import FrameType

from transportlab.context import Cancellation

EXIT_SIGNAL = 128
"""A command that a signal has ended exits with this and the signal's number."""

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

STOP_SECONDS = 6.0
"""How long after a signal the next is ignored: a plugin's stop takes at most 5 s."""


def heeding(command: Callable[[], int]) -> int:
    """Run the command, heeding signals; return its exit status."""
    interrupts.heed()
    # The parent may ignore it, and then nobody learns how a plugin has ended.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    try:
        status = command()
        sys.stdout.flush()  # it may last until a signal comes
    except KeyboardInterrupt:
        return interrupts.status
    return status


class Interrupts:
    """The signals that end this process. number is that of the first to come, 0 before."""

    def __init__(self) -> None:
        self.number = 0
        self._last = -STOP_SECONDS
        # Its put() may be called in a handler, whatever the main thread is in the middle of.
        self._news: SimpleQueue[bool] | None = None

    @property
    def status(self) -> int:
        """The exit status of a process that the signal has ended."""
        return EXIT_SIGNAL + (self.number or signal.SIGINT)

    def heed(self) -> None:
        """Take the signals from now on, but none that the parent has had ignored (nohup)."""
        for number in ENDING:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._take)

    def _take(self, number: int, _frame: FrameType | None) -> None:
        now = time.monotonic()
        if now - self._last < STOP_SECONDS:
            return
        self._last, self.number = now, self.number or number
        if self._news is None:
            raise KeyboardInterrupt(number)
        self._news.put(True)

    @contextmanager
    def cancelling(self) -> Iterator[Cancellation]:
        """Within it a signal throws the Cancellation, and raises no exception."""
        cancellation = Cancellation()
        news: SimpleQueue[bool] = SimpleQueue()

        def listen() -> None:
            while news.get():
                cancellation.cancel()

        listener = threading.Thread(target=listen, name="interrupts", daemon=True)
        try:
            listener.start()
        except RuntimeError:  # there is no room for a thread; the start of a plugin will tell that
            yield cancellation
            return
        self._news = news
        try:
            yield cancellation
        finally:
            self._news = None
            news.put(False)
            listener.join()

    @contextmanager
    def raising(self) -> Iterator[None]:
        """Within cancelling(), have a signal raise an exception meanwhile.

        Nothing else ends the printing into a pipe that nobody reads.
        """
        news, self._news = self._news, None
        try:
            yield
        finally:
            self._news = news


interrupts = Interrupts()
"""The one of this process; heeding() has it heed signals."""
