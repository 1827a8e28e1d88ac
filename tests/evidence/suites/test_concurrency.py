import threading
import time

import pytest

from transportlab.evidence.suites.concurrency import closed_loop, open_loop


def test_more_calls_in_flight_are_really_at_once() -> None:
    together = threading.Barrier(4, timeout=60)
    calls = iter(range(1))

    def call() -> None:
        if next(calls, None) is None:  # the first one is the warm-up, and alone
            together.wait()

    taken, whole = closed_loop(call, 4, 0.0)
    assert len(taken) == 4
    assert whole > 0


def test_an_open_loop_counts_from_the_moment_a_call_was_due() -> None:
    taken = open_loop(lambda: time.sleep(0.02), 5, 1000, threads=1)
    # One thread, calls of 20 ms due every millisecond: the last has waited for all before it.
    assert sorted(taken) == taken
    assert taken[-1] >= 0.09


def test_what_fails_in_a_thread_is_raised() -> None:
    def fails() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        open_loop(fails, 3, 1000)
