"""Repeated calls, starts, CPU time and memory."""

import os
import subprocess
import sys
import time
from mmap import PAGESIZE, mmap

import pytest

from transportlab.evidence.run.placement import UNPINNED, Placement
from transportlab.evidence.run.timing import Effort, cpu_seconds, resident, spawn, timed


def test_a_slow_call_is_made_the_least_number_of_times() -> None:
    calls: list[None] = []

    def call() -> None:
        time.sleep(0.01)
        calls.append(None)

    taken = timed(call, Effort(0.0, 3, 100))
    assert len(taken) == 3
    assert len(calls) == 6  # and as often to warm up
    assert min(taken) >= 0.01


def test_a_fast_call_is_made_the_greatest_number_of_times() -> None:
    # The warm-up takes a fifth of the time, so the time is short; 50 calls of nothing take less.
    assert len(timed(lambda: None, Effort(1.0, 1, 50))) == 50


def test_a_program_that_fails_is_no_start() -> None:
    here = Placement(UNPINNED, None, None)
    assert spawn(["/bin/true"], here) > 0
    with pytest.raises(RuntimeError, match="exit status 3"):
        spawn(["/bin/sh", "-c", "exit 3"], here)


def test_cpu_time_of_another_process_is_read() -> None:
    program = "sum(range(3_000_000)); print(flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        used = cpu_seconds(process.pid)
        process.communicate(b"\n")
    assert 0.01 < used < 60


def test_cpu_time_of_this_process_is_its_clock() -> None:
    before = time.process_time()
    assert before <= cpu_seconds(os.getpid()) <= time.process_time()


def test_resident_memory_grows_with_what_is_held() -> None:
    before = resident()
    with mmap(-1, 32 << 20) as held:  # pages of its own: the allocator may have some left over
        for page in range(0, len(held), PAGESIZE):
            held[page] = 1
        assert resident() - before > len(held) // 2
