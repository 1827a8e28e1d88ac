"""Measures what a pin costs before a plugin starts: copy, seal, sum.

    python -m bench.pinned

For the reference script, the reference library, the archive of one file and a program of 20 MB it
prints the time without a pin (modes and owners), of the sum alone, and of everything that a pin
takes. These are medians in ms over half a second of rounds. The files are in the page cache.
"""

import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from sysconfig import get_path

from transportlab.host.trust import admit, file_sum
from transportlab.manifest.pin import PluginPin

SECONDS = 0.5
LARGE = 20_000_000


def files(folder: Path) -> dict[str, Path]:
    """Return the files to measure by name, without those that were not built."""
    large = folder / "cronix-backend-large"
    large.write_bytes(b"\x7fELF" + bytes(LARGE - 4))
    scripts = Path(get_path("scripts"))
    found = {
        "script": scripts / "cronix-backend-echo",
        "library": scripts / "cronix-backend-echo.so",
        "one file": Path(get_path("data"), "share/cronix/plugins/cronix-backend-echo"),
        "20 MB ELF": large,
    }
    return {name: path for name, path in found.items() if path.is_file()}


def milliseconds(action: Callable[[ExitStack], object]) -> float:
    """Return the median time of an action, without undoing it, which a session does at its end."""
    took: list[float] = []
    end = time.perf_counter() + SECONDS
    while (begin := time.perf_counter()) < end or not took:
        with ExitStack() as undo:
            action(undo)
            took.append(time.perf_counter() - begin)
    return median(took) * 1000


def row(path: Path) -> tuple[float, float, float]:
    """Return the milliseconds without a pin, of the sum alone, and of all that a pin takes."""
    pins = {"echo": PluginPin((file_sum("echo", str(path)),))}

    def take(pinned: Mapping[str, PluginPin], undo: ExitStack) -> None:
        admit("echo", str(path), pinned, undo, library=path.suffix == ".so")

    return (
        milliseconds(lambda undo: take({}, undo)),
        milliseconds(lambda _: file_sum("echo", str(path))),
        milliseconds(lambda undo: take(pins, undo)),
    )


def main() -> int:
    """Print the table."""
    print("file          bytes  no pin, ms  sum alone, ms  all of a pin, ms  sum, MB/s")
    with tempfile.TemporaryDirectory(prefix="tl-") as folder:
        for name, path in files(Path(folder)).items():
            size = path.stat().st_size
            free, alone, full = row(path)
            rate = size / alone / 1000
            print(f"{name:9} {size:9} {free:11.3f} {alone:14.3f} {full:17.3f} {rate:10.0f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
