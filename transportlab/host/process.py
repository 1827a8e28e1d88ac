"""One plugin process: its start, its pipes, its end, and the one ladder that stops it.

The group. A plugin leads a process group of its own, so its process number is the group's too.
Signals go to the group, which has everything that the plugin started, unless that left the group.

The end. It is read from a pidfd: unlike a process number, a pidfd can be polled with a bound, and
it never comes to mean another process. SIGCHLD is not used, as it belongs to the program around the
host.

Who reaps. A process that has ended keeps its number until somebody takes its status (reaps it).
Only so long is it certain whom a signal to that number, or to the group, will reach. So there is
one lock: whoever first sees the end takes it, kills what is left of the group, and then reaps.
Signals are sent under the same lock, and none after the reaping. A thread (Watch) sees the end at
once if nobody else does. Killing the rest of the group then also closes a wire that a child still
held open, and the calls that wait on it.

The ladder (P-STOP). First stdin ends, which is the plugin's own way out, and the only step that
also works when the host is killed. Then SIGTERM to the group, then SIGKILL, which also ends a
process that SIGSTOP has stopped. Each wait has a bound. Then the threads are let go (pipes.py) and
the descriptors are closed. If a listener is still busy in one of these threads, a thread of its own
waits for it and closes them.
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
from transportlab.host.spawn import NO_STATUS, end_descriptor, reap, spawn
from transportlab.redact import NOTHING, Redactor

EXIT_GRACE = 0.5
"""How long to wait for the end of a plugin whose pipe or connection has ended, to say how it ended.

Also how long a plugin's last words may still be read after its end, before calls are given up.
"""

KILL_SECONDS = 1.0
"""How long stop() waits at least after SIGKILL. On a busy machine the end takes its time."""

READ_GRACE, READ_SECONDS = 0.2, 1.0
"""How long stop() waits for the ends of the pipes, and then for the threads that read them."""

_CROWDED = (errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.ENOMEM)
_MAKE_ROOM = "raise the host's limits (ulimit -n, -u, -v), or end other sessions"


class PluginProcess:
    """A running plugin program. stop() must be called; it may be called twice.

    path: the plugin's path in errors, if it is not the command's first word. file: what to execute,
    if it is not that word either. inherited: descriptors that the process gets besides its pipes.
    No line that on_log or an error gets shows what `redactor` hides. `version` is what errors say.
    `on_lost` is called when the process has ended and nobody has stopped it since.
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
        self.on_lost: Callable[[], object] = lambda: None
        self._tail = Tail(name, on_log, redactor)
        self._drain: Drain | None = None
        self._exit: str | None = None
        self._ended = threading.Event()
        self._poll = select.poll()
        self._lock = threading.Lock()  # around the status, and around signals
        self._releasing = threading.Lock()
        self._closer: threading.Thread | None = None
        try:
            self._child = spawn(command, environment, file, inherited)
        except OSError as error:
            raise self._cannot_start(error) from error
        try:
            self._start_threads()
        except OSError as error:
            self._kill_unwatched()
            raise self._no_room(error) from error

    def _cannot_start(self, error: OSError) -> PluginError:
        action = (
            "it may be for another machine, or its interpreter or loader may be missing; find out"
            f" with: transportlab plugins diagnose {shlex.quote(self.path)}"
        )
        return PluginError(
            "E-START",
            f"cannot be started: {error.strerror}",
            name=self.name,
            path=self.path,
            action=_MAKE_ROOM if error.errno in _CROWDED else action,
        )

    def _start_threads(self) -> None:
        with contextlib.ExitStack() as undo:
            self._pidfd = end_descriptor(self._child.pid)
            undo.callback(os.close, self._pidfd)
            self._poll.register(self._pidfd, select.POLLIN)
            self._readers = Readers(self.name)
            undo.callback(self._readers.release, 0.0, READ_SECONDS)
            stderr = self._pipe(self._child.stderr).fileno()
            self._readers.start("stderr", stderr, self._tail.take)
            self._watch = Watch(self._pidfd, self._has_ended, self._tell_lost, EXIT_GRACE)
            undo.pop_all()

    def _tell_lost(self) -> None:
        self.on_lost()  # whoever that is by then

    def _no_room(self, error: OSError) -> PluginError:
        if isinstance(error, ProcessLookupError):  # it has gone, and SIGCHLD is ignored
            problem = "ended before its handshake"
            return PluginError("E-EXITED", problem, self.name, self.path, exit=NO_STATUS)
        problem = f"the host has no room for it: {error.strerror}"
        return PluginError("E-START", problem, self.name, self.path, action=_MAKE_ROOM)

    def _kill_unwatched(self) -> None:
        """End a process for which the threads could not be started."""
        self._signal_group(signal.SIGKILL)
        self._child.wait()
        for pipe in (self._child.stdin, self._child.stdout, self._child.stderr):
            if pipe is not None:
                pipe.close()

    # ---- pipes

    @property
    def stdin(self) -> FileIO:
        """The plugin's stdin. Its end tells the plugin that the host is gone."""
        return self._pipe(self._child.stdin)

    @property
    def stdout(self) -> FileIO:
        """The plugin's stdout: first the handshake line, and then it is the transport's."""
        return self._pipe(self._child.stdout)

    @staticmethod
    def _pipe(pipe: object) -> FileIO:
        if not isinstance(pipe, FileIO):
            raise TypeError("an unbuffered pipe is a FileIO")
        return pipe

    def drain_stdout(self) -> None:
        """From now on drop what the plugin writes to stdout. Raises PluginError E-START."""
        self._drain = Drain(self.stdout)
        try:
            self._readers.start_pump("stdout", self.stdout.fileno(), self._drain.pump)
        except OSError as error:
            raise self._no_room(error) from error

    def second_handshake(self) -> SecondHandshake | None:
        """Return an error if there was a second handshake line on a drained stdout until now."""
        if self._drain is None:
            return None
        self._drain.pump()
        return self._drain.second

    # ---- state

    @property
    def pid(self) -> int:
        """The number of the process, which is also its group's."""
        return self._child.pid

    @property
    def exit(self) -> str:
        """How it ended ("exit status 3", "signal SIGKILL"); empty while it runs."""
        self._has_ended()
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
        """Return a PluginError with all that is known of this process."""
        if self.exit:
            self._readers.join(EXIT_GRACE)  # for its last words
        return PluginError(
            code,
            problem,
            self.name,
            self.path,
            version=self.version,
            expected=expected,
            got=got,
            exit=self.exit,
            stderr=self._tail.lines,
            action=action,
        )

    def wait(self, seconds: float = EXIT_GRACE) -> bool:
        """Wait at most so long for the end. Returns whether it has come."""
        if self._has_ended() or seconds <= 0:
            return self._exit is not None
        self._ended.wait(seconds)  # without the lock, which others need meanwhile
        return self._has_ended()

    def _has_ended(self) -> bool:
        """Whether it has ended. The first to see that ends the group and takes the status."""
        with self._lock:
            if self._exit is None and self._poll.poll(0):
                self._signal_group(signal.SIGKILL)  # before the number is free
                self._exit = reap(self._child)
                self._ended.set()
            return self._exit is not None

    # ---- the ladder

    def stop(self, seconds: float) -> None:
        """End stdin, then SIGTERM to the group, then SIGKILL to the group (P-STOP).

        Half of the time is for the plugin's own way out, a quarter for each signal. Several threads
        may call this at once, and again later.
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
            if self._release() or self._closer is not None:
                return
            self._closer = threading.Thread(target=self._release_later, name="release", daemon=True)
            with contextlib.suppress(RuntimeError):  # without a thread the pipes stay open
                self._closer.start()

    def _signal(self, number: signal.Signals) -> None:
        """Signal the group, unless the process is reaped: its number may be another's by now."""
        with self._lock:
            if self._exit is None:
                self._signal_group(number)

    def _signal_group(self, number: signal.Signals) -> None:
        """Signal the group, and the process itself if it has moved to another group."""
        with contextlib.suppress(OSError):  # nobody is left, or it runs as another user
            os.killpg(self._child.pid, number)
        with contextlib.suppress(OSError):
            if os.getpgid(self._child.pid) != self._child.pid:
                os.kill(self._child.pid, number)

    def _release_later(self) -> None:
        """Release once the busy listener returns, which may itself have called stop()."""
        self._readers.join(None)
        with self._releasing:
            self._release()

    def _release(self) -> bool:
        """Let the threads go and close the descriptors. Returns False if a reader is still busy."""
        watch_ended = self._watch.stop()
        if not self._readers.release(READ_GRACE, READ_SECONDS):
            return False
        if self._drain is not None:
            self._drain.close()
        for pipe in (self._child.stdout, self._child.stderr):
            if pipe is not None:
                pipe.close()
        if watch_ended and self._exit is not None and self._pidfd >= 0:
            os.close(self._pidfd)
            self._pidfd = -1
        return True
