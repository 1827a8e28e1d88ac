"""The start of a plugin's process: its pipes, its group, and nothing else of the host's.

And what became of it, once it has ended.
"""

import errno
import os
import signal
import subprocess
import threading
import time
from collections.abc import Collection, Mapping, Sequence

BUSY_SECONDS = 1.0
"""How long a start waits for a file that is open for writing somewhere (ETXTBSY)."""

NO_STATUS = "a status that the host did not get (it ignores SIGCHLD, or waits for any child)"


def spawn(
    command: Sequence[str], environment: Mapping[str, str], file: str, inherited: Sequence[int]
) -> "subprocess.Popen[bytes]":
    """The child process. Raises OSError.

    A copy that was just made may for a moment be open for writing in a child that another thread
    has forked and that has not got to its exec yet.
    """
    end = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            return subprocess.Popen(
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
        time.sleep(0.001)


def start_thread(thread: threading.Thread) -> None:
    """Start it. Raises OSError where there is no room for one more, as for a process."""
    try:
        thread.start()
    except RuntimeError as error:
        raise OSError(errno.EAGAIN, str(error)) from error


def reap(child: "subprocess.Popen[bytes]") -> str:
    """How a process has ended, in words: "exit status 3", "signal SIGKILL". Waits for its end."""
    try:
        status = os.waitstatus_to_exitcode(os.waitpid(child.pid, 0)[1])
    except ChildProcessError:  # Popen.wait() would make status 0 of it
        child.returncode = 0
        return NO_STATUS
    child.returncode = status
    if status >= 0:
        return f"exit status {status}"
    named = -status in signal.Signals.__members__.values()  # not all of the real-time ones are
    return f"signal {signal.Signals(-status).name if named else -status}"


# What a plugin has of the host's environment: a list of names, and what the operator adds.

ALLOWED = ("HOME", "LANG", "LOGNAME", "PATH", "SHELL", "TMPDIR", "TZ", "USER")
"""What a plugin inherits of the host's environment, with LC_* and what ENV_ALLOW names."""

ENV_ALLOW = "CRONIX_PLUGIN_ENV"
"""Names, separated by commas, that the operator lets through as well."""


def plugin_environment(host: Mapping[str, str], secrets: Collection[str] = ()) -> dict[str, str]:
    """The allow-listed part of the host's environment (P-START-2).

    A variable that holds one of the secrets is left out, even if the operator has named it: a
    plugin's environment can be read in /proc, and goes on to what the plugin starts (P-SESSION-4).
    """
    extra = [name.strip() for name in host.get(ENV_ALLOW, "").split(",")]
    names = {*ALLOWED, *extra, *(name for name in host if name.startswith("LC_"))}
    found = {name: host[name] for name in sorted(names) if name in host}
    told = {name for name in found if any(s and s in found[name] for s in secrets)}
    return {name: value for name, value in found.items() if name in ALLOWED or name not in told}
