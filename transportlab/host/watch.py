"""Notices that a plugin has ended, also where nobody reads its end off the wire.

A child that the plugin has left behind may hold its socket or its pipes open, so the host sees no
end of them, and a call without a deadline would wait for ever. The process itself tells.
"""

import os
import select
import threading
from collections.abc import Callable

from transportlab.host.spawn import start_thread

JOIN_SECONDS = 1.0
"""How long stop() waits for what it finds being done."""


class Watch:
    """A thread that waits for a process by its pidfd, which must stay open until stop().

    At the end of the process ended() is called, and `grace` seconds later lost(), unless stop() has
    come before: what the plugin has still sent may be read until then.
    """

    def __init__(
        self, pidfd: int, ended: Callable[[], object], lost: Callable[[], object], grace: float
    ) -> None:
        self._pidfd = pidfd
        self._ended, self._lost, self._grace = ended, lost, grace
        self._stopped = os.eventfd(0)
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        try:
            start_thread(self._thread)
        except OSError:
            os.close(self._stopped)
            raise

    def _run(self) -> None:
        poll = select.poll()
        poll.register(self._stopped, select.POLLIN)
        poll.register(self._pidfd, select.POLLIN)
        if self._stopped in [found for found, _ in poll.poll()]:
            return
        self._ended()
        poll.unregister(self._pidfd)
        if not poll.poll(self._grace * 1000):
            self._lost()

    def stop(self) -> bool:
        """Let the thread go; False if it is still busy, and its descriptors must stay open."""
        if self._stopped < 0:
            return True
        os.eventfd_write(self._stopped, 1)
        self._thread.join(JOIN_SECONDS)
        if self._thread.is_alive():
            return False
        os.close(self._stopped)
        self._stopped = -1
        return True
