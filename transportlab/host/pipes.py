"""Threads beside a plugin's process: some read its pipes, and one waits for its end.

A pipe may stay open for ever, because a process that the plugin left behind has inherited it. So no
thread here blocks in a read. Each one polls two descriptors: the one that it serves, and one of the
host's own that tells it to finish. Whoever stops the plugin can therefore always let it go.

One thing can still keep a thread: the listener that gets the log (on_log) runs in the thread that
reads stderr, and may take its time or even close the session from there. The thread's descriptor
must then stay open. If it were closed, its number could soon mean another file, and the thread
would read from that. So release() and stop() say whether the threads have ended, and process.py
closes the descriptors only then.

    Readers    one thread for each pipe
    Tail       stderr: makes lines of it, keeps the last ones, gives each to on_log
    Drain      stdout after the handshake, where it is not the wire: dropped, but searched for a
               second handshake line
    Watch      a thread that waits for the process itself. Nobody may ever see the end of its wire,
               for the same reason as above, and then a call without a deadline would never end.
"""

import contextlib
import errno
import os
import select
import threading
from collections import deque
from collections.abc import Callable
from io import FileIO

from transportlab.errors import SecondHandshake
from transportlab.handshake import SHOWN, second_handshake
from transportlab.host.logs import LINE_BYTES, LogRecord, parse, text_of
from transportlab.redact import NOTHING, Redactor

OnLog = Callable[[LogRecord], None]
"""Called for each line of a plugin's log, from a thread."""

STDERR_LINES = 20
"""How many of the last lines on stderr an error shows."""

CHUNK = 65536
"""Bytes that are read at once."""

JOIN_SECONDS = 1.0
"""How long Watch.stop() waits for the callback that is running."""


class Readers:
    """Threads that read pipes. release() must be called; it may be called twice."""

    def __init__(self, plugin: str) -> None:
        self._plugin = plugin
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._quit_read, self._quit_write = os.pipe()  # its end tells every thread to finish

    def start(self, pipe: str, fd: int, take: Callable[[bytes], None]) -> None:
        """Give what comes to take(); b"" at the end of the pipe or at release().

        Raises OSError if the system has no thread to give.
        """

        def pump() -> bool:
            data = os.read(fd, CHUNK)
            if data:
                take(data)
            return bool(data)

        self.start_pump(pipe, fd, pump, lambda: take(b""))

    def start_pump(
        self, pipe: str, fd: int, pump: Callable[[], bool], end: Callable[[], None] | None = None
    ) -> None:
        """Call pump(), which reads, whenever something comes. It returns False at the pipe's end.

        end() is called when the thread finishes. Raises OSError as start() does.
        """
        thread = threading.Thread(
            target=self._run, args=(fd, pump, end), name=f"{self._plugin} {pipe}", daemon=True
        )
        _start(thread)
        self._threads.append(thread)

    def _run(self, fd: int, pump: Callable[[], bool], end: Callable[[], None] | None) -> None:
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
        """Wait for each thread, at most so long; None waits for as long as it takes.

        The caller's own thread is left out: a listener may end the session from there.
        """
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(seconds)

    def release(self, grace: float, seconds: float) -> bool:
        """Wait `grace` for the ends of the pipes, then tell the threads to finish, and wait again.

        Returns False if one is still busy with what it has read. Its pipe must then stay open.
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
    """Makes lines of bytes. Keeps the last ones, and gives each to on_log as it comes."""

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
        """The last lines. They become texts only here, as most are never asked for."""
        return tuple(text_of(line, self._redactor) for line in tuple(self._lines))

    def take(self, data: bytes) -> None:
        """Take in the next bytes; b"" at the end."""
        self._rest.extend(data)
        *whole, last = self._rest.split(b"\n")
        for line in whole:
            self._keep(line)
        self._rest[:] = last[: LINE_BYTES + 1]  # one byte more shows that the line was cut
        if not data and self._rest:
            self._keep(self._rest)

    def _keep(self, line: bytearray) -> None:
        said = bytes(line[: LINE_BYTES + 1])
        self._lines.append(said)
        if self._on_log is not None:
            record = parse(self._plugin, said, self._redactor)
            with contextlib.suppress(Exception):  # a listener that fails must not stop the reading
                self._on_log(record)


class Drain:
    """Drops stdout after the handshake line, but notices a second one (P-HANDSHAKE-6).

    Lines may be of any length. pump() may be called from several threads.
    """

    def __init__(self, stdout: FileIO) -> None:
        os.set_blocking(stdout.fileno(), False)
        self._stdout = stdout
        self._lock = threading.Lock()
        self._line = b""  # the beginning of the line that is not complete yet
        self.second: SecondHandshake | None = None

    def pump(self) -> bool:
        """Read what there is, without waiting. Returns False once nothing more can come."""
        with self._lock:
            if self._stdout.closed:
                return False
            data = self._stdout.read(CHUNK)
            if data:
                self._search(data)
            return data != b""  # None: nothing there yet

    def close(self) -> None:
        """Close the pipe, but not while a pump() reads from it."""
        with self._lock:
            self._stdout.close()

    def _search(self, data: bytes) -> None:
        first, *more = (self._line + data).split(b"\n") if self.second is None else [b""]
        for line in (first, *more):
            self.second = self.second or second_handshake(line)
        self._line = (more[-1] if more else first)[: SHOWN + 1]


class Watch:
    """Waits for a process by its pidfd, which must stay open until stop() returns True.

    When the process ends, ended() is called, and `grace` seconds later lost(), unless stop() came
    before. In that time others may still read what the plugin sent. Raises OSError if the system
    has no thread to give.
    """

    def __init__(
        self, pidfd: int, ended: Callable[[], object], lost: Callable[[], object], grace: float
    ) -> None:
        self._pidfd = pidfd
        self._ended, self._lost, self._grace = ended, lost, grace
        self._stopped = os.eventfd(0)
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        try:
            _start(self._thread)
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
        """End the thread. Returns False if it is still busy: its descriptors must stay open."""
        if self._stopped < 0:
            return True
        os.eventfd_write(self._stopped, 1)
        self._thread.join(JOIN_SECONDS)
        if self._thread.is_alive():
            return False
        os.close(self._stopped)
        self._stopped = -1
        return True


def _start(thread: threading.Thread) -> None:
    """Start a thread. Raises OSError if there is no room for one more, as for a process."""
    try:
        thread.start()
    except RuntimeError as error:
        raise OSError(errno.EAGAIN, str(error)) from error
