"""Starts and reaps a plugin's child process: its environment, its pipes, its group, its status.

These are the calls to the operating system. process.py has what a running plugin is to the host,
and the one ladder that stops it.
"""

import contextlib
import errno
import os
import resource
import signal
import subprocess
import threading
import time
from collections.abc import Collection, Mapping, Sequence

ALLOWED = ("HOME", "LANG", "LOGNAME", "PATH", "SHELL", "TMPDIR", "TZ", "USER")
"""The variables that a plugin inherits, besides LC_* and those that ENV_ALLOW names."""

ENV_ALLOW = "CRONIX_PLUGIN_ENV"
"""In this variable the operator names more variables to inherit, separated by commas."""

BUSY_SECONDS = 1.0
"""How long a start retries a file that is open for writing somewhere (ETXTBSY)."""

NO_STATUS = "a status that the host did not get (it ignores SIGCHLD, or waits for any child)"


def plugin_environment(host: Mapping[str, str], secrets: Collection[str] = ()) -> dict[str, str]:
    """Return the allow-listed part of the host's environment (P-START-2).

    A variable that holds one of the secrets is left out even if ENV_ALLOW names it: the environment
    of a process can be read in /proc, and its children inherit it (P-SESSION-4).
    """
    named = {name.strip() for name in host.get(ENV_ALLOW, "").split(",")}
    named |= {name for name in host if name.startswith("LC_")}
    safe = {name for name in named if not any(s and s in host.get(name, "") for s in secrets)}
    return {name: host[name] for name in sorted({*ALLOWED, *safe}) if name in host}


def spawn(
    command: Sequence[str], environment: Mapping[str, str], file: str, inherited: Sequence[int]
) -> "subprocess.Popen[bytes]":
    """Start a child with three pipes, in a process group of its own. Raises OSError.

    file: what to execute, if it is not the command's first word. inherited: descriptors that the
    child gets besides its pipes.
    """
    # A file that the host has just copied may be busy for a moment: another thread may have forked
    # a child that still holds the descriptor it was written by, as it has not reached its exec yet.
    end = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            child = subprocess.Popen(
                command,
                executable=file or None,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=dict(environment),
                bufsize=0,
                process_group=0,
                pass_fds=inherited,
            )
        except OSError as error:
            if error.errno != errno.ETXTBSY or time.monotonic() > end:
                raise
        else:
            _forbid_core(child.pid)
            return child
        time.sleep(0.001)


def _forbid_core(pid: int) -> None:
    """Have the kernel write no core of the child: the session's secrets would be in it (P-START-5).

    This comes before the host sends any secret. An author who wants a core raises the soft limit in
    the plugin.
    """
    # A pattern that pipes cores to a program ignores every limit but 1, at which the kernel drops
    # the core; a file needs more than 1 byte.
    with contextlib.suppress(OSError, ValueError):  # it has gone, or runs as another user
        hard = resource.prlimit(pid, resource.RLIMIT_CORE)[1]
        resource.prlimit(pid, resource.RLIMIT_CORE, (1 if hard else 0, hard))


def end_descriptor(pid: int) -> int:
    """Return a descriptor that polls as ready once the child has ended. Raises OSError.

    It is a pidfd. Some sandboxes refuse pidfd_open (old seccomp filters of containers) and some
    kernels lack it; then a thread waits for the child, and the descriptor is a pipe's that the
    thread closes.
    """
    try:
        return os.pidfd_open(pid)
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.EACCES, errno.ENOSYS):
            raise
    ready, end = os.pipe()

    def wait() -> None:
        with contextlib.suppress(ChildProcessError):  # SIGCHLD is ignored: it has gone
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        os.close(end)

    try:
        threading.Thread(target=wait, name="end", daemon=True).start()
    except RuntimeError as error:
        os.close(ready)
        os.close(end)
        raise OSError(errno.EAGAIN, str(error)) from error
    return ready


def reap(child: "subprocess.Popen[bytes]") -> str:
    """Wait for the child's end, and say how it ended: "exit status 3", "signal SIGKILL"."""
    try:
        status = os.waitstatus_to_exitcode(os.waitpid(child.pid, 0)[1])
    except ChildProcessError:  # somebody else took the status; Popen.wait() would call it 0
        child.returncode = 0
        return NO_STATUS
    child.returncode = status
    if status >= 0:
        return f"exit status {status}"
    named = -status in signal.Signals.__members__.values()  # some real-time signals have no name
    return f"signal {signal.Signals(-status).name if named else -status}"
