"""One plugin process: its start, its pipes, how it ended, and the one ladder that stops it.

Every wait here has a bound. The end of a process is read from its pidfd, and its group is signalled
only until it is reaped: its number cannot yet belong to anybody else then.
"""

import contextlib
import errno
import os
import select
import shlex
import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from io import FileIO

from transportlab.errors import PluginError, SecondHandshake
from transportlab.host.pipes import Drain, OnLog, Readers, Tail, Watch
from transportlab.host.spawn import NO_STATUS, reap, spawn
from transportlab.redact import NOTHING, Redactor

EXIT_GRACE = 0.5
"""How long a plugin whose pipe or connection has ended has to end, to be able to say how."""

CROWDED = (errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.ENOMEM)
NO_ROOM = "raise the host's limits (ulimit -n, -u, -v), or end other sessions"

KILL_SECONDS = 1.0
"""How long stop() waits at least for what it has killed: on a busy machine that takes its time."""

READ_GRACE, READ_SECONDS = 0.2, 1.0
"""How long stop() waits for the ends of the pipes, then for the threads that read them."""


class PluginProcess:
    """A running plugin program. stop() must be called; it may be called twice.

    path is what errors show as the plugin's, and file what is run, where that is not the command's
    first word; inherited are descriptors that the process has besides its pipes. What the redactor
    hides is in no line that on_log or an error gets. on_lost is called when it has ended and nobody
    has stopped it since.
    """

    def __init__(  # noqa: PLR0913  # what most programs need is in the first three
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        on_log: OnLog | None = None,
        *,
        path: str = "",
        file: str = "",
        inherited: Sequence[int] = (),
        redactor: Redactor = NOTHING,
    ) -> None:
        self.name = name
        self.path = path or command[0]
        self.version = ""
        self.redactor = redactor
        self._tail = Tail(name, on_log, redactor)
        self._drain: Drain | None = None
        self._exit: str | None = None
        self._ended = threading.Event()
        self._poll = select.poll()
        self._lock = threading.Lock()
        self._releasing = threading.Lock()
        self._last: threading.Thread | None = None
        try:
            self._child = spawn(command, environment, file, inherited)  # lives until stop()
        except OSError as error:
            action = (
                "another machine's program, no interpreter, no loader? Find out by:"
                f" transportlab plugins diagnose {shlex.quote(self.path)}"
            )
            raise PluginError(
                "E-START",
                f"cannot be started: {error.strerror}",
                name=name,
                path=self.path,
                action=NO_ROOM if error.errno in CROWDED else action,
            ) from error
        self.on_lost: Callable[[], object] = lambda: None
        try:
            self._attend()
        except OSError as error:
            self._abandon()
            raise self._no_room(error) from error

    def _attend(self) -> None:
        with contextlib.ExitStack() as undo:
            self._pidfd = os.pidfd_open(self._child.pid)
            undo.callback(os.close, self._pidfd)
            self._poll.register(self._pidfd, select.POLLIN)
            self._readers = Readers(self.name)
            undo.callback(self._readers.release, 0.0, READ_SECONDS)
            stderr = self._pipe(self._child.stderr).fileno()
            self._readers.start("stderr", stderr, self._tail.take)
            # Reaping ends what is left of the group, too, and with it what holds the wire open.
            self._watch = Watch(self._pidfd, self._reaped, self._tell_lost, EXIT_GRACE)
            undo.pop_all()

    def _no_room(self, error: OSError) -> PluginError:
        if isinstance(error, ProcessLookupError):  # nobody waited for it, and so it has gone
            problem = "ended before its handshake"
            return PluginError("E-EXITED", problem, self.name, self.path, exit=NO_STATUS)
        problem = f"the host has no room for it: {error.strerror}"
        return PluginError("E-START", problem, self.name, self.path, action=NO_ROOM)

    def _abandon(self) -> None:
        """End a process that nobody can attend to."""
        self._kill_group(signal.SIGKILL)
        self._child.wait()
        for pipe in (self._child.stdin, self._child.stdout, self._child.stderr):
            if pipe is not None:
                pipe.close()

    def _tell_lost(self) -> None:
        self.on_lost()  # whoever that is by then

    # ---- pipes

    @property
    def stdin(self) -> FileIO:
        """The plugin's stdin; its end tells the plugin that the host is gone."""
        return self._pipe(self._child.stdin)

    @property
    def stdout(self) -> FileIO:
        """The plugin's stdout: the handshake line, and then the transport's."""
        return self._pipe(self._child.stdout)

    @staticmethod
    def _pipe(pipe: object) -> FileIO:
        if not isinstance(pipe, FileIO):
            raise TypeError("an unbuffered pipe is a FileIO")
        return pipe

    def drain_stdout(self) -> None:
        """Throw away what the plugin still writes to stdout, from a thread, until stop().

        Raises PluginError E-START where no thread is to be had.
        """
        self._drain = Drain(self.stdout)
        try:
            self._readers.pump("stdout", self.stdout.fileno(), self._drain.pump)
        except OSError as error:
            raise self._no_room(error) from error

    def second_handshake(self) -> SecondHandshake | None:
        """The error if a drained stdout has had one more handshake line until now."""
        if self._drain is None:
            return None
        self._drain.pump()
        return self._drain.second

    # ---- end

    @property
    def pid(self) -> int:
        """The number of the process, which is also its group's."""
        return self._child.pid

    @property
    def exit(self) -> str:
        """How it ended ("exit status 3", "signal SIGKILL"); empty while it runs."""
        self._reaped()
        return self._exit or ""

    @property
    def condition(self) -> str:
        """How it is now: "still runs", "is stopped (SIGSTOP)" or "ended with exit status 3"."""
        if self.exit:
            return f"ended with {self.exit}"
        with contextlib.suppress(OSError), open(f"/proc/{self.pid}/stat", "rb") as file:
            if file.read().rpartition(b")")[2].split()[0] == b"T":
                return "is stopped (SIGSTOP)"
        return "still runs"

    @property
    def tail(self) -> tuple[str, ...]:
        """The last lines on stderr, at most STDERR_LINES."""
        return self._tail.lines

    def error(
        self, code: str, problem: str, *, expected: str = "", got: str = "", action: str = ""
    ) -> PluginError:
        """A PluginError with all that is known of this process."""
        if self.exit:
            self._readers.join(0.5)
        return PluginError(
            code, problem, self.name, self.path, self.version, expected, got,
            self.exit, self._tail.lines, action,
        )  # fmt: skip

    def wait(self, seconds: float) -> bool:
        """Wait at most so long for the end; returns whether it has come."""
        if self._reaped() or seconds <= 0:
            return self._exit is not None
        self._ended.wait(seconds)  # without the lock: others ask how the process is meanwhile
        return self._reaped()

    def _reaped(self) -> bool:
        """Whether it has ended; the first to see that takes its status."""
        with self._lock:
            if self._exit is None and self._poll.poll(0):
                self._kill_group(signal.SIGKILL)  # what is left of it, before its number is free
                self._exit = reap(self._child)
                self._ended.set()
            return self._exit is not None

    def _kill_group(self, number: signal.Signals) -> None:
        """To the group, and to the process if it has left that for another one's."""
        with contextlib.suppress(OSError):  # none is left, or one that runs as another user
            os.killpg(self._child.pid, number)
        with contextlib.suppress(OSError):
            if os.getpgid(self._child.pid) != self._child.pid:
                os.kill(self._child.pid, number)

    def _signal(self, number: signal.Signals) -> None:
        """To the group, unless the process is reaped: its number may be another's by now."""
        with self._lock:
            if self._exit is None:
                self._kill_group(number)

    def stop(self, seconds: float) -> None:
        """The ladder: end of stdin, SIGTERM to the group, SIGKILL to the group (P-STOP).

        Half of the time goes to the plugin's own way out, a quarter to each of the others. Several
        threads may stop it at once, and again.
        """
        if self._child.stdin is not None:
            with contextlib.suppress(OSError):
                self._child.stdin.close()
        if not self.wait(seconds / 2):
            self._signal(signal.SIGTERM)
            if not self.wait(seconds / 4):
                self._signal(signal.SIGKILL)
                self.wait(max(seconds / 4, KILL_SECONDS))
        with self._releasing:
            if self._release() or self._last is not None:
                return
            self._last = threading.Thread(target=self._release_last, name="release", daemon=True)
            with contextlib.suppress(RuntimeError):  # no thread is to be had: they stay open
                self._last.start()

    def _release_last(self) -> None:
        """Once the listener returns that a reader is busy with, or that has called stop()."""
        self._readers.join(None)
        with self._releasing:
            self._release()

    def _release(self) -> bool:
        """Close the pipes, unless a reader is busy with one: its number must stay its own."""
        watched = self._watch.stop()
        if not self._readers.release(READ_GRACE, READ_SECONDS):
            return False
        if self._drain is not None:
            self._drain.close()
        for pipe in (self._child.stdout, self._child.stderr):
            if pipe is not None:
                pipe.close()
        if watched and self._exit is not None and self._pidfd >= 0:
            os.close(self._pidfd)
            self._pidfd = -1
        return True
