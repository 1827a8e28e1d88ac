"""Small resources that a fault can use up: a disk of a few pages, a group with little memory."""

import os
import shutil
import subprocess
from pathlib import Path

SIZE = "16k"
"""Size of the file system: room for the crontab, for its next version, and for little else."""

MEMORY = 48 << 20
"""Limit of the group, in bytes. Pages that a plugin took before it joined do not count."""

GROUPS = Path("/sys/fs/cgroup")


def own_mounts() -> list[str] | None:
    """Return the command that gives a process a mount namespace; None if it is not allowed here."""
    found = shutil.which("unshare")
    if found is None:
        return None
    wanted = [found, "--user", "--map-root-user", "--mount"]
    tried = subprocess.run([*wanted, "true"], capture_output=True, check=False)
    return wanted if tried.returncode == 0 else None


def small_disk(folder: str) -> None:
    """Mount a small file system there. It goes with the namespace."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", folder]
    subprocess.run(command, check=True)


class MemoryGroup:
    """A memory control group with a limit. `path` is empty if there can be none here."""

    def __init__(self, name: str) -> None:
        self.path = ""
        self.kind = "RLIMIT_AS: no control group can be made here"
        for parent, limit in ((GROUPS / "memory", "memory.limit_in_bytes"), (GROUPS, "memory.max")):
            made = parent / f"{name}-{os.getpid()}"
            try:
                made.mkdir()
            except OSError:
                continue
            try:
                (made / limit).write_text(str(MEMORY))
            except OSError:
                made.rmdir()
                continue
            self.path, self.kind = str(made), f"a memory control group of {MEMORY >> 20} MiB"
            return

    def remove(self) -> None:
        """Remove the group, whose processes have been killed."""
        if self.path:
            os.rmdir(self.path)
            self.path = ""
