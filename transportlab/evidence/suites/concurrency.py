"""Many calls in flight: closed loops for throughput, an open loop for the tail.

A thread of a closed loop waits for each reply before its next call, so a slow reply hides the queue
that would have built up behind it. The open loop makes calls at a fixed rate, the same for every
arm, and counts each latency from the moment when the call was due.
"""

import threading
import time
from collections.abc import Callable
from itertools import count

from transportlab import model
from transportlab.context import Context
from transportlab.evidence.arms import STORE
from transportlab.evidence.record import PER_SECOND, Sample
from transportlab.evidence.run.task import Opened, Task
from transportlab.evidence.run.workload import MIDDLE, app, fill

QUESTION = "How many calls a second with several in flight, and how long is the tail at a rate?"
UNIT = "1/s"

IN_FLIGHT = (1, 4, 16, 64)
RATE = 200
"""Calls a second of the open loop. The slowest arm can answer that many while it has a CPU."""

OPEN_THREADS = 32

NEEDS = (STORE,)


def measure(task: Task, opened: Opened) -> list[Sample]:
    """Read of ten jobs, by several threads on one channel."""
    arm, effort, backend = task.arm, task.effort, opened.session.backend
    fill(backend, MIDDLE)
    request = model.ReadRequest(app(MIDDLE))

    def call() -> object:
        return backend.read(request, Context())

    found = []
    for threads in IN_FLIGHT:
        taken, whole = closed_loop(call, threads, 2 * effort.seconds)
        case = f"in-flight/{threads}"
        found.append(arm.many(case, "latency", taken, in_order=False))
        found.append(arm.one(case, "rate", len(taken) / whole, PER_SECOND, len(taken)))
    calls = max(effort.least, round(RATE * 4 * effort.seconds))
    taken = open_loop(call, calls, RATE)
    found.append(arm.many(f"open/{RATE}", "latency", taken, in_order=False))
    return found


def closed_loop(
    call: Callable[[], object], threads: int, seconds: float
) -> tuple[list[float], float]:
    """Latencies of all calls, and the seconds that all of them took together.

    Each thread makes at least one call.
    """
    call()
    end = time.perf_counter() + seconds

    def loop(taken: list[float]) -> None:
        begin = time.perf_counter()
        while begin < end or not taken:
            call()
            taken.append((after := time.perf_counter()) - begin)
            begin = after

    return _in_threads(loop, threads)


def open_loop(
    call: Callable[[], object], calls: int, rate: float, threads: int = OPEN_THREADS
) -> list[float]:
    """Latencies of the calls, each from the moment when it was due.

    That it counts even if no thread was free then. rate: calls a second.
    """
    numbers = count()
    start = time.perf_counter()

    def loop(taken: list[float]) -> None:
        while (number := next(numbers)) < calls:
            due = start + number / rate
            time.sleep(max(0.0, due - time.perf_counter()))
            call()
            taken.append(time.perf_counter() - due)

    return _in_threads(loop, min(threads, calls))[0]


def _in_threads(loop: Callable[[list[float]], None], threads: int) -> tuple[list[float], float]:
    """What the loops of all threads have taken, and the seconds until the last one ended."""
    failures: list[BaseException] = []
    lists: list[list[float]] = [[] for _ in range(threads)]

    def guarded(taken: list[float]) -> None:
        try:
            loop(taken)
        except BaseException as error:  # raised below, in the thread that measures
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
