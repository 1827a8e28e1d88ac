"""What a plugin writes to its pipes: read to the end by threads that can be let go before it.

A grandchild may hold a pipe open for ever. So a reader polls a pipe of the host's own beside it.
"""

import contextlib
import os
import select
import threading
from collections import deque
from collections.abc import Callable
from io import FileIO

from transportlab.errors import SecondHandshake
from transportlab.handshake import SHOWN, again
from transportlab.host.logs import LINE_BYTES, LogRecord, parse, text_of
from transportlab.host.spawn import start_thread
from transportlab.redact import NOTHING, Redactor

OnLog = Callable[[LogRecord], None]
"""Who is told of each line of a plugin's log; from a thread."""

STDERR_LINES = 20
"""How many of the last lines on stderr an error shows."""

CHUNK = 65536


class Readers:
    """Threads that read pipes. release() must be called; it may be called twice."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._quit_read, self._quit_write = os.pipe()

    def start(self, pipe: str, fd: int, take: Callable[[bytes], None]) -> None:
        """Give take() what comes, and b"" at the end of the pipe or at release()."""

        def pump() -> bool:
            data = os.read(fd, CHUNK)
            if data:
                take(data)
            return bool(data)

        self.pump(pipe, fd, pump, lambda: take(b""))

    def pump(
        self, pipe: str, fd: int, pump: Callable[[], bool], end: Callable[[], None] | None = None
    ) -> None:
        """As start(); pump reads for itself, and returns False at the end of the pipe.

        Both raise OSError where no thread is to be had.
        """
        thread = threading.Thread(
            target=self._read, args=(fd, pump, end), name=f"{self._name} {pipe}", daemon=True
        )
        start_thread(thread)
        self._threads.append(thread)

    def _read(self, fd: int, pump: Callable[[], bool], end: Callable[[], None] | None) -> None:
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        poll.register(self._quit_read, select.POLLIN)
        more = True
        while more:
            ready = [found for found, _ in poll.poll()]
            more = (fd not in ready or pump()) and self._quit_read not in ready
        if end is not None:
            end()

    def join(self, seconds: float | None) -> None:
        """Wait for the ends of the pipes, at most so long for each, None for as long as it takes.

        Not for the caller's own: whoever is told of a line may end the session from there.
        """
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(seconds)

    def release(self, grace: float, seconds: float) -> bool:
        """Wait `grace` for the ends of the pipes, then let the threads go.

        False if one is still busy with what it has read; its pipe must then stay open.
        """
        with self._lock:
            if self._quit_write >= 0:
                self.join(grace)
                os.close(self._quit_write)
                self._quit_write = -1
                self.join(seconds)
            if any(thread.is_alive() for thread in self._threads):
                return False
            if self._quit_read >= 0:
                os.close(self._quit_read)
                self._quit_read = -1
        return True


class Tail:
    """Lines out of bytes: the last are kept, each is told to on_log as it comes."""

    def __init__(
        self, plugin: str, on_log: OnLog | None = None, redactor: Redactor = NOTHING
    ) -> None:
        self._plugin = plugin
        self._lines: deque[bytes] = deque(maxlen=STDERR_LINES)
        self._on_log = on_log
        self._redactor = redactor
        self._rest = bytearray()

    @property
    def lines(self) -> tuple[str, ...]:
        """The last ones; made texts only now, since most lines are never asked for."""
        return tuple(text_of(line, self._redactor) for line in tuple(self._lines))

    def take(self, data: bytes) -> None:
        """What comes next; b"" at the end."""
        self._rest.extend(data)
        *whole, last = self._rest.split(b"\n")
        for line in whole:
            self._keep(line)
        self._rest[:] = last[: LINE_BYTES + 1]  # one more, to know that the line is cut
        if not data and self._rest:
            self._keep(self._rest)

    def _keep(self, line: bytearray) -> None:
        said = bytes(line[: LINE_BYTES + 1])
        self._lines.append(said)
        if self._on_log is not None:
            record = parse(self._plugin, said, self._redactor)
            with contextlib.suppress(Exception):  # one line's listener must not stop the reading
                self._on_log(record)


class Drain:
    """What a plugin writes to stdout after its line, where that is not the wire (P-HANDSHAKE-6).

    It is dropped, but for a second handshake line. Lines may be of any length.
    """

    def __init__(self, stdout: FileIO) -> None:
        os.set_blocking(stdout.fileno(), False)
        self._stdout = stdout
        self._lock = threading.Lock()
        self._begin = b""
        self.second: SecondHandshake | None = None

    def pump(self) -> bool:
        """Take what there is, without waiting; False once nothing more can come."""
        with self._lock:
            if self._stdout.closed:
                return False
            data = self._stdout.read(CHUNK)
            if data:
                self._look(data)
            return data != b""

    def close(self) -> None:
        """Close the pipe, between two pumps: in one, its number might become another file's."""
        with self._lock:
            self._stdout.close()

    def _look(self, data: bytes) -> None:
        first, *more = (self._begin + data).split(b"\n") if self.second is None else [b""]
        for line in (first, *more):
            self.second = self.second or again(line)
        self._begin = (more[-1] if more else first)[: SHOWN + 1]


# Notices that a plugin has ended, also where nobody reads its end off the wire.
#
# A child that the plugin has left behind may hold its socket or its pipes open, so the host sees
# no end of them, and a call without a deadline would wait for ever. The process itself tells.

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
