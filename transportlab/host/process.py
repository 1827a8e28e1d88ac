"""One plugin process: its start, its handshake line, its output, and the one ladder that stops it.

Every wait here has a bound. A process is waited for by its pidfd, and its group is killed before it
is reaped, while its number cannot yet belong to anybody else.
"""

import contextlib
import os
import select
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from io import FileIO

from transportlab.errors import PluginError, ProtocolViolation
from transportlab.handshake import MAX_LINE, SHOWN, Handshake, parse

ALLOWED = ("HOME", "LANG", "LOGNAME", "PATH", "SHELL", "TMPDIR", "TZ", "USER")
"""What a plugin inherits of the host's environment, with LC_* and what ENV_ALLOW names."""

ENV_ALLOW = "CRONIX_PLUGIN_ENV"
"""Names, separated by commas, that the operator lets through as well."""

STDERR_LINES = 20
"""How many of the last lines on stderr an error shows."""

LINE_BYTES = 8192
"""Where a line of a plugin's output is cut: a plugin may write lines of any length."""


def plugin_environment(host: Mapping[str, str]) -> dict[str, str]:
    """The allow-listed part of the host's environment (P-START-2)."""
    extra = [name.strip() for name in host.get(ENV_ALLOW, "").split(",")]
    names = {*ALLOWED, *extra, *(name for name in host if name.startswith("LC_"))}
    return {name: host[name] for name in sorted(names) if name in host}


class PluginProcess:
    """A running plugin program. stop() must be called; it may be called twice.

    path is what errors show as the plugin's, where that is not the command's first word.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        on_line: Callable[[str], None] | None = None,
        *,
        path: str = "",
    ) -> None:
        self.name = name
        self.path = path or command[0]
        self.version = ""
        self._tail: deque[str] = deque(maxlen=STDERR_LINES)
        self._on_line = on_line
        self._exit: int | None = None
        self._lock = threading.Lock()
        try:
            self._child = subprocess.Popen(  # lives until stop()
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=dict(environment),
                bufsize=0,
                process_group=0,
            )
        except OSError as error:
            raise PluginError(
                "E-START",
                f"cannot be started: {error.strerror}",
                name=name,
                path=self.path,
                action="check that the file is a program for this machine and that the"
                " interpreter in its first line exists",
            ) from error
        self._pidfd = os.pidfd_open(self._child.pid)
        self._quit_read, self._quit_write = os.pipe()
        self._readers = [self._start_reader("stderr", self._read_stderr)]

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
        """Throw away what the plugin still writes to stdout, from a thread, until stop()."""
        fd = self.stdout.fileno()
        self._readers.append(self._start_reader("stdout", lambda: self._read(fd, lambda _: None)))

    def _start_reader(self, pipe: str, read: Callable[[], None]) -> threading.Thread:
        thread = threading.Thread(target=read, name=f"{self.name} {pipe}", daemon=True)
        thread.start()
        return thread

    def _join_readers(self, seconds: float) -> None:
        for thread in self._readers:
            thread.join(seconds)

    def _read_stderr(self) -> None:
        rest = bytearray()

        def take(data: bytes) -> None:
            rest.extend(data)
            *lines, last = rest.split(b"\n")
            for line in lines:
                self._keep(line)
            rest[:] = last[:LINE_BYTES]

        self._read(self._pipe(self._child.stderr).fileno(), take)
        if rest:
            self._keep(rest)

    def _keep(self, line: bytes | bytearray) -> None:
        text = line[:LINE_BYTES].decode("utf-8", "backslashreplace").rstrip("\r")
        self._tail.append(text)
        if self._on_line is not None:
            self._on_line(text)

    def _read(self, fd: int, take: Callable[[bytes], None]) -> None:
        """Read until the end of the pipe or of this object, whichever is first."""
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        poll.register(self._quit_read, select.POLLIN)
        while True:
            ready = [found for found, _ in poll.poll()]
            data = os.read(fd, 65536) if fd in ready else b""
            take(data)
            if not data or self._quit_read in ready:
                return

    # ---- handshake

    def handshake(self, seconds: float) -> Handshake:
        """Wait for the plugin's one line. Raises PluginError; the process then still runs."""
        line = self._read_line(time.monotonic() + seconds, seconds)
        try:
            found = parse(line)
        except ProtocolViolation as error:
            raise self.error(
                "E-HANDSHAKE",
                f"not a handshake: {error}",
                action="a plugin writes its handshake line before anything else on stdout",
            ) from error
        self.version = found.words.get("version", "")
        return found

    def _read_line(self, end: float, seconds: float) -> bytes:
        # Byte by byte: on a stdio transport the byte after the line is already the wire's.
        fd, line = self.stdout.fileno(), bytearray()
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        while True:
            if not poll.poll(max(0.0, end - time.monotonic()) * 1000):
                raise self.error(
                    "E-HANDSHAKE-TIMEOUT",
                    f"no handshake line within {seconds:g} s",
                    expected="one line on stdout",
                    got=f"{bytes(line[:SHOWN])!r} without a line end" if line else "nothing",
                    action="run the plugin by hand and see what it waits for",
                )
            byte = os.read(fd, 1)
            if not byte:
                raise self._no_line(bytes(line))
            if byte == b"\n":
                return bytes(line)
            line += byte
            if len(line) >= MAX_LINE:
                raise self.error(
                    "E-HANDSHAKE",
                    f"more than {MAX_LINE} bytes without a line end: {line[:SHOWN]!r}",
                )

    def _no_line(self, line: bytes) -> PluginError:
        self.wait(1.0)
        return self.error(
            "E-EXITED" if self.exit else "E-HANDSHAKE",
            "ended before its handshake" if self.exit else "closed stdout before its handshake",
            expected="one line on stdout",
            got=repr(line[:SHOWN]) if line else "nothing",
            action="see its stderr above, or run it by hand" if self._tail else "run it by hand",
        )

    # ---- end

    @property
    def pid(self) -> int:
        """The number of the process, which is also its group's."""
        return self._child.pid

    @property
    def exit(self) -> str:
        """How it ended ("exit status 3", "signal SIGKILL"); empty while it runs."""
        if self._exit is None and not self.wait(0):
            return ""
        status = self._exit or 0
        return f"exit status {status}" if status >= 0 else f"signal {signal.Signals(-status).name}"

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
        return tuple(self._tail)

    def error(
        self, code: str, problem: str, *, expected: str = "", got: str = "", action: str = ""
    ) -> PluginError:
        """A PluginError with all that is known of this process."""
        if self.exit:
            self._join_readers(0.5)
        return PluginError(
            code, problem, self.name, self.path, self.version, expected, got,
            self.exit, tuple(self._tail), action,
        )  # fmt: skip

    def wait(self, seconds: float) -> bool:
        """Wait at most so long for the end; returns whether it has come."""
        with self._lock:
            if self._exit is not None:
                return True
            poll = select.poll()
            poll.register(self._pidfd, select.POLLIN)
            if not poll.poll(max(0.0, seconds) * 1000):
                return False
            self._signal(signal.SIGKILL)  # what is left of its group, before its number is free
            self._exit = self._child.wait()
            return True

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._child.pid, number)

    def stop(self, seconds: float) -> None:
        """The ladder: end of stdin, SIGTERM to the group, SIGKILL to the group (P-STOP).

        Half of the time goes to the plugin's own way out, a quarter to each of the others.
        """
        if self._child.stdin is not None:
            with contextlib.suppress(OSError):
                self._child.stdin.close()
        if not self.wait(seconds / 2):
            self._signal(signal.SIGTERM)
            if not self.wait(seconds / 4):
                self._signal(signal.SIGKILL)
                self.wait(seconds / 4)
        self._release()

    def _release(self) -> None:
        """Let the reading threads go, also where a grandchild still holds a pipe open."""
        with self._lock:
            if self._quit_write < 0:
                return
            self._join_readers(0.2)
            os.close(self._quit_write)
            self._quit_write = -1
        self._join_readers(1.0)
        for pipe in (self._child.stdout, self._child.stderr):
            if pipe is not None:
                pipe.close()
        os.close(self._quit_read)
        if self._exit is not None:
            os.close(self._pidfd)
