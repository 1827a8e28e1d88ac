"""What the kernel shows of processes."""

from contextlib import suppress
from pathlib import Path


def children(pid: int | str = "self") -> set[int]:
    """The numbers of a process's children that are alive or not yet reaped."""
    found: set[int] = set()
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(OSError):  # a thread may end while its folder is read
            found |= {int(child) for child in (task / "children").read_text().split()}
    return found
