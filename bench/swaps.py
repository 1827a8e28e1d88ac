"""The second process of bench/swapper.py: exchanges a plugin's file for another as fast as it can.

python -m bench.swaps WAY FOLDER FILE
"""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import cycle
from pathlib import Path


class Swapped:
    """A plugin's right file and its wrong one, equally long, and the path for either."""

    def __init__(self, folder: Path, file: str) -> None:
        self.folder, self.file = folder, file
        self.mark = folder / "mark"
        self.right, self.wrong = folder / "right" / file, folder / "wrong" / file

    def finish(self) -> str:
        """Make both files equally long and executable. Returns the right one's sum."""
        size = max(self.right.stat().st_size, self.wrong.stat().st_size)
        for path in (self.right, self.wrong):
            data = path.read_bytes()
            path.write_bytes(data + (b"\0" if data[:1] == b"\x7f" else b"\n") * (size - len(data)))
            path.chmod(0o755)
        return hashlib.sha256(self.right.read_bytes()).hexdigest()

    @property
    def path(self) -> Path:
        """The plugin's path, through the link `now`."""
        return self.folder / "now" / self.file

    def place(self, way: str) -> None:
        """Put the right file at the path, ready to be swapped in that way."""
        now = self.folder / "now"
        if now.is_symlink():
            now.unlink()
        shutil.rmtree(now, ignore_errors=True)
        if way == "directory":
            now.symlink_to(self.right.parent)
            return
        now.mkdir()
        shutil.copy(self.right, self.path)

    def wrong_runs(self) -> int:
        """Return how often the wrong bytes have run since the last call."""
        with suppress(FileNotFoundError):
            count = self.mark.stat().st_size
            self.mark.unlink()
            return count
        return 0


def by_rename(swapped: Swapped, target: Path) -> None:
    """Rename another file over the plugin's."""
    spare = swapped.folder / "spare"
    os.link(target, spare)
    spare.replace(swapped.path)


def by_link(swapped: Swapped, target: Path) -> None:
    """Make the plugin's path a link that leads elsewhere."""
    spare = swapped.folder / "spare"
    spare.symlink_to(target)
    spare.replace(swapped.path)


def by_directory(swapped: Swapped, target: Path) -> None:
    """Make the plugin's directory a link that leads elsewhere."""
    spare = swapped.folder / "spare"
    spare.symlink_to(target.parent)
    spare.replace(swapped.folder / "now")


def by_writing(swapped: Swapped, target: Path) -> None:
    """Write into the plugin's own file."""
    with suppress(OSError):  # a program that runs from the path cannot be written (ETXTBSY)
        file = os.open(swapped.path, os.O_WRONLY)
        os.write(file, target.read_bytes())
        os.close(file)


WAYS: dict[str, Callable[[Swapped, Path], None]] = {
    "rename": by_rename,
    "link": by_link,
    "directory": by_directory,
    "write": by_writing,
}


def run_on(which: int) -> None:
    """Bind this process to one processor: 0 is the first that it may use, -1 the last.

    If swapper and host shared a processor, the swapper would only swap while the host waits for
    something, and never between two of the host's steps.
    """
    os.sched_setaffinity(0, {sorted(os.sched_getaffinity(0))[which]})


def swap(way: str, folder: str, file: str) -> None:
    """Swap until the first process kills this one, or is gone."""
    swapped = Swapped(Path(folder), file)
    parent = os.getppid()
    run_on(-1)
    WAYS[way](swapped, swapped.wrong)
    print("begun", flush=True)
    for target in cycle((swapped.right, swapped.wrong)):
        WAYS[way](swapped, target)
        if os.getppid() != parent:
            return


@contextmanager
def swapping(way: str, swapped: Swapped) -> Iterator[None]:
    """Have the plugin's file swapped meanwhile."""
    swapped.place(way)
    command = [sys.executable, "-m", "bench.swaps", way, str(swapped.folder), swapped.file]
    root = Path(__file__).resolve().parents[1]
    allowed = os.sched_getaffinity(0)
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE) as process:
        try:
            if process.stdout is None or not process.stdout.readline():
                raise RuntimeError("the swapper has ended")
            run_on(0)
            yield
        finally:
            os.sched_setaffinity(0, allowed)
            process.kill()
    (swapped.folder / "spare").unlink(missing_ok=True)  # nobody makes it again now


if __name__ == "__main__":
    swap(*sys.argv[1:4])
