"""Many calls in flight: closed loops for throughput, an open loop for the tail.

A closed loop waits for a slow reply before it makes the next call, and so hides the queue behind
it. The open loop makes calls at a fixed rate, the same for every arm, and counts from the moment at
which a call was due.
"""

import threading
import time
from collections.abc import Callable
from itertools import count

from transportlab import model
from transportlab.context import Context
from transportlab.evidence.run.session import Opened, Run
from transportlab.evidence.run.timing import PER_SECOND, Sample, many, one
from transportlab.evidence.run.workload import MIDDLE, app, fill

QUESTION = "How many calls a second with several in flight, and how long is the tail at a rate?"
UNIT = "1/s"

IN_FLIGHT = (1, 4, 16, 64)
RATE = 200
"""Calls a second of the open loop: what the slowest arm can answer while it has a CPU."""

OPEN_THREADS = 32


def measure(run: Run, opened: Opened) -> list[Sample]:
    """Read of ten jobs, by several threads on one channel."""
    backend = opened.session.backend
    fill(backend, MIDDLE)
    request = model.ReadRequest(app(MIDDLE))

    def call() -> object:
        return backend.read(request, Context())

    seconds = 2 * run.effort.seconds
    found = []
    for threads in IN_FLIGHT:
        taken, whole = closed_loop(call, threads, seconds)
        case = f"in-flight/{threads}"
        found.append(many(case, "latency", taken))
        found.append(one(case, "rate", len(taken) / whole, PER_SECOND, len(taken)))
    calls = max(run.effort.least, round(RATE * 4 * run.effort.seconds))
    found.append(many(f"open/{RATE}", "latency", open_loop(call, calls, RATE)))
    return found


def closed_loop(
    call: Callable[[], object], threads: int, seconds: float
) -> tuple[list[float], float]:
    """Latencies of all calls, and the seconds in which they were made. One a thread at least."""
    call()
    end = time.perf_counter() + seconds

    def loop(taken: list[float]) -> None:
        begin = time.perf_counter()
        while begin < end or not taken:
            call()
            taken.append((after := time.perf_counter()) - begin)
            begin = after

    return _in_threads(loop, threads)


def open_loop(call: Callable[[], object], calls: int, rate: float) -> list[float]:
    """Latencies from the moment each call was due, also if no thread was free to make it then."""
    numbers = count()
    start = time.perf_counter()

    def loop(taken: list[float]) -> None:
        while (number := next(numbers)) < calls:
            due = start + number / rate
            time.sleep(max(0.0, due - time.perf_counter()))
            call()
            taken.append(time.perf_counter() - due)

    return _in_threads(loop, min(OPEN_THREADS, calls))[0]


def _in_threads(loop: Callable[[list[float]], None], threads: int) -> tuple[list[float], float]:
    """What the loops of so many threads have taken, and the seconds that all of it took."""
    failures: list[BaseException] = []
    lists: list[list[float]] = [[] for _ in range(threads)]

    def guarded(taken: list[float]) -> None:
        try:
            loop(taken)
        except BaseException as error:  # raised again where somebody can see it
            failures.append(error)

    running = [threading.Thread(target=guarded, args=(taken,)) for taken in lists]
    begin = time.perf_counter()
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    whole = time.perf_counter() - begin
    if failures:
        raise failures[0]
    return [value for taken in lists for value in taken], whole
