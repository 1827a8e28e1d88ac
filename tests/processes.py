"""What the kernel shows of processes, and limits of this one."""

import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def children(pid: int | str = "self") -> set[int]:
    """The numbers of a process's children that are alive or not yet reaped."""
    found: set[int] = set()
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(OSError):  # a thread may end while its folder is read
            found |= {int(child) for child in (task / "children").read_text().split()}
    return found


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """No file of this process gets longer than so many bytes.

    Python would cut the bytecode that it keeps of a module, without an error, and no process could
    import that module any more.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    writes, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        sys.dont_write_bytecode = writes
