"""What is there of a plugin: processes, descriptors and threads of the host, files.

A process belongs to a run if it carries the run's mark in its environment, which its children
inherit wherever they go.
"""

import os
import signal
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

ENV_MARK = "TL_MARK"
"""Names the run, in the environment of its host and of all that comes of it."""

BALLAST = "ballast"
"""Name of the file, beside the crontab, with which a fault fills the disk."""

SETTLE_SECONDS = 1.0
"""How long what is ending may take until it counts as left behind."""


@dataclass(frozen=True, slots=True)
class Census:
    """What there is at a moment.

    processes: the numbers of the marked ones, and of this one's children, reaped or not. fds and
    threads of this process, those of libraries among them. files under the temporary directory.
    """

    processes: frozenset[int]
    fds: int
    threads: int
    files: frozenset[str]

    def since(self, before: "Census") -> dict[str, int]:
        """What there is more, by kind; nothing is left out but zeros."""
        more = {
            "process": len(self.processes - before.processes),
            "descriptor": self.fds - before.fds,
            "thread": self.threads - before.threads,
            "files": len(self.files - before.files),
        }
        return {kind: number for kind, number in more.items() if number > 0}


def marked(mark: str) -> frozenset[int]:
    """The living processes with the mark, this one left out."""
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
    """This process's children; one that has ended and was not reaped has lost its mark."""
    found: set[int] = set()
    for task in Path("/proc/self/task").iterdir():
        with suppress(OSError):  # a thread may end while its folder is read
            found |= {int(pid) for pid in (task / "children").read_text().split()}
    return frozenset(found)


def files() -> frozenset[str]:
    """What lies below the directory for temporary files, but the fault's own ballast."""
    return frozenset(
        str(path) for path in Path(tempfile.gettempdir()).rglob("*") if path.name != BALLAST
    )


def census(mark: str) -> Census:
    """Now."""
    fds, threads = (len(os.listdir(f"/proc/self/{kind}")) for kind in ("fd", "task"))
    return Census(marked(mark) | children(), fds, threads, files())


def settled(before: Census, mark: str) -> Census:
    """The census once nothing is left since the one before, or after SETTLE_SECONDS."""
    end = time.monotonic() + SETTLE_SECONDS
    while (now := census(mark)).since(before) and time.monotonic() < end:
        time.sleep(0.01)
    return now


def clear(before: Census, now: Census) -> None:
    """End the processes that are left, so that one run is not the next one's."""
    for pid in now.processes - before.processes:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
