"""What a run leaves behind: processes, descriptors and threads of the host, files.

A process belongs to a run if it has the run's mark in its environment. Its children inherit that
wherever they go.
"""

import os
import signal
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from transportlab.backends.crontab import LOCK

ENV_MARK = "TL_MARK"
"""The variable with the run's mark, in the environment of its host and of what that starts."""

BALLAST = "ballast"
"""The file beside the crontab with which a fault fills the disk."""

SETTLE_SECONDS = 1.0
"""How long something may take to end before it counts as left behind."""


@dataclass(frozen=True, slots=True)
class Census:
    """What there is at a moment.

    processes: the marked ones, and this one's children, reaped or not.
    fds, threads: of this process, also those that libraries have opened or started.
    files: under the directory for temporary files.
    """

    processes: frozenset[int]
    fds: int
    threads: int
    files: frozenset[str]

    def since(self, before: "Census") -> dict[str, int]:
        """Return how many more there are of each kind, without zeros."""
        more = {
            "process": len(self.processes - before.processes),
            "descriptor": self.fds - before.fds,
            "thread": self.threads - before.threads,
            "files": len(self.files - before.files),
        }
        return {kind: number for kind, number in more.items() if number > 0}


def marked(mark: str) -> frozenset[int]:
    """Return the living processes with the mark, but not this one."""
    wanted = f"{ENV_MARK}={mark}".encode()
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                has = wanted in (entry / "environ").read_bytes().split(b"\0")
                alive = (entry / "stat").read_bytes().rpartition(b")")[2].split()[0] != b"Z"
            except OSError:  # it has gone, or is another user's
                continue
            if has and alive:
                found.add(int(entry.name))
    return frozenset(found)


def children() -> frozenset[int]:
    """Return this process's children. One that ended but was not reaped has lost its mark."""
    found: set[int] = set()
    for task in Path("/proc/self/task").iterdir():
        with suppress(OSError):  # a thread may end while its folder is read
            found |= {int(pid) for pid in (task / "children").read_text().split()}
    return frozenset(found)


def files() -> frozenset[str]:
    """Return what is under the directory for temporary files.

    Left out are the fault's ballast, and cronix's lock file, which is meant to stay.
    """
    found = Path(tempfile.gettempdir()).rglob("*")
    return frozenset(
        str(path) for path in found if path.name != BALLAST and not path.name.endswith(LOCK)
    )


def census(mark: str) -> Census:
    """Count what there is now."""
    fds, threads = (len(os.listdir(f"/proc/self/{kind}")) for kind in ("fd", "task"))
    return Census(marked(mark) | children(), fds, threads, files())


def settled(before: Census, mark: str) -> Census:
    """Return a census as soon as nothing is left since `before`, or after SETTLE_SECONDS."""
    end = time.monotonic() + SETTLE_SECONDS
    while (now := census(mark)).since(before) and time.monotonic() < end:
        time.sleep(0.01)
    return now


def clear(before: Census, now: Census) -> None:
    """Kill the processes that are left, so that one run does not disturb the next."""
    for pid in now.processes - before.processes:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
