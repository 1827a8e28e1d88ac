"""Quantiles, timing, CPU time and memory."""

import os
import subprocess
import sys
import time

import pytest

from transportlab.evidence.run.timing import (
    BYTES,
    QUANTILE_KIND,
    Effort,
    cpu_seconds,
    many,
    one,
    quantiles,
    resident,
    rounded,
    timed,
)


def test_quantiles_are_every_five_percent() -> None:
    assert quantiles(range(101)) == [float(step) for step in range(0, 101, 5)]


def test_quantiles_between_values_are_interpolated() -> None:
    assert quantiles([3, 1])[10] == 2.0
    assert quantiles([1, 3])[5] == 1.5


def test_one_value_has_all_quantiles_equal() -> None:
    assert quantiles([7.5]) == [7.5] * 21


@pytest.mark.parametrize(
    ("value", "kept"), [(0.000123456, 0.0001235), (123456.0, 123500.0), (0, 0)]
)
def test_four_significant_digits_are_kept(value: float, kept: float) -> None:
    assert rounded(value) == kept


def test_a_sample_tells_how_many_calls_are_behind_it() -> None:
    found = many("Read/1", "latency", [0.1, 0.2, 0.3])
    assert (found.n, found.kind, found.values[10]) == (3, QUANTILE_KIND, 0.2)
    assert one("x", "rss-host", 2048, BYTES).values == [2048.0]


def test_what_was_seen_once_is_one_value() -> None:
    assert many("bytes/16777216", "latency", [0.25]) == one("bytes/16777216", "latency", 0.25)


def test_a_slow_call_is_made_the_least_number_of_times() -> None:
    calls: list[None] = []

    def call() -> None:
        time.sleep(0.01)
        calls.append(None)

    taken = timed(call, Effort(0.0, 3, 100))
    assert len(taken) == 3
    assert len(calls) == 4  # and once to warm up
    assert min(taken) >= 0.01


def test_a_fast_call_is_made_the_greatest_number_of_times() -> None:
    # The warm-up takes a fifth of the time, so a short one; 50 calls of nothing take less.
    assert len(timed(lambda: None, Effort(1.0, 1, 50))) == 50


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
    held = b"x" * (32 << 20)
    assert resident() - before > len(held) // 2
