"""The clocks: repeated calls, a program from start to end, CPU time and memory of a process.

Everything here returns plain numbers; Arm.one() and Arm.many() make samples of them.
"""

import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from transportlab.evidence.run.placement import Placement

WARM = 5
"""Calls of a warm-up at least; fewer if no more than that are measured."""


class Effort(msgspec.Struct, frozen=True):
    """How long one case of a suite is measured.

    Calls are repeated for `seconds`, but at least `least` and at most `most` times, after a warm-up
    of a fifth of that time and at least WARM calls. largest: the largest payload, in bytes.
    """

    seconds: float
    least: int
    most: int
    largest: int = 1 << 24


def timed(call: Callable[[], object], effort: Effort) -> list[float]:
    """Seconds of each call, one after the other, without those of the warm-up."""
    clock = time.perf_counter
    warm = clock() + effort.seconds / 5
    for _ in range(min(WARM, effort.least)):
        call()
    while clock() < warm:
        call()
    taken: list[float] = []
    end = clock() + effort.seconds
    begin = clock()
    while len(taken) < effort.most and (begin < end or len(taken) < effort.least):
        call()
        done = clock()
        taken.append(done - begin)
        begin = clock()
    return taken


def spawn(command: Sequence[str], placement: Placement) -> float:
    """Seconds from the start of a program to its end. Raises RuntimeError if it fails.

    It runs as a host runs a plugin: in a process group of its own, on the plugin's CPUs.
    """
    begin = time.monotonic()
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, process_group=0) as process:
        placement.pin_plugin(process.pid)
        if process.wait() != 0:
            raise RuntimeError(f"exit status {process.returncode}")
    return time.monotonic() - begin


def cpu_seconds(pid: int) -> float:
    """CPU seconds that a running process has used, in all its threads, past ones included."""
    # The id of another process's CPU clock, as clock_getcpuclockid(3) computes it.
    return time.clock_gettime(~pid << 3 | 2)


def resident(pid: int | str = "self") -> int:
    """Resident memory of a process, in bytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return 1024 * int(next(line.split()[1] for line in lines if line.startswith("VmRSS")))


class Memory(msgspec.Struct, frozen=True):
    """Memory of a process, in bytes.

    resident: all its pages. unique: those that no other process has (unique set size), which is
    what its end would free. proportional: each page divided by the processes that share it.
    """

    resident: int
    unique: int
    proportional: int


def memory(pid: int | str = "self") -> Memory:
    """The memory of a process."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    pages = {name: 1024 * int(size) for name, size, *_ in map(str.split, lines[1:])}
    unique = pages["Private_Clean:"] + pages["Private_Dirty:"]
    return Memory(pages["Rss:"], unique, pages["Pss:"])
