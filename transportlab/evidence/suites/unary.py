"""Each RPC with one reply, one call at a time: Read and Plan at four sizes, the others at one."""

import time
from collections.abc import Callable

from transportlab.context import Context
from transportlab.evidence.arms import STORE
from transportlab.evidence.record import Sample
from transportlab.evidence.run.bench import bench
from transportlab.evidence.run.task import Opened, Task
from transportlab.evidence.run.timing import cpu_seconds, timed
from transportlab.evidence.run.workload import MIDDLE, SIZES, fill, requests

QUESTION = "How long does one call take, by RPC and by number of jobs?"
UNIT = "s"

AT_EACH_SIZE = ("Read", "Plan")
WITH_CPU = (f"Read/{MIDDLE}", f"Plan/{MIDDLE}")
HOST_CALLS = 200
"""How many calls another host makes, if the effort allows so many."""

NEEDS = (STORE,)


def measure(task: Task, opened: Opened) -> list[Sample]:
    """The latency of each case, and for two of them the CPU time of a call at both ends."""
    arm, found = task.arm, []
    for case, call in cases(opened).items():
        host, plugin = time.process_time(), _plugin_cpu(opened)
        taken = timed(call, task.effort)
        found.append(arm.many(case, "latency", taken))
        if case in WITH_CPU:
            # The calls of the warm-up are included: a fifth of the time, so a fifth more calls.
            calls, n = len(taken) * 1.2, len(taken)
            found.append(arm.one(case, "cpu-host", (time.process_time() - host) / calls, n=n))
            if opened.pid is not None:
                used = _plugin_cpu(opened) - plugin
                found.append(arm.one(case, "cpu-plugin", used / calls, n=n))
    return found


def measure_host(task: Task) -> list[Sample]:
    """The latency of a Read of the middle size, by another host."""
    calls = min(task.effort.most, HOST_CALLS)
    (told,) = bench(task, size=MIDDLE, calls=max(task.effort.least, calls))
    return [task.arm.many(f"Read/{MIDDLE}", "latency", told["calls"])]


def _plugin_cpu(opened: Opened) -> float:
    return 0.0 if opened.pid is None else cpu_seconds(opened.pid)


def cases(opened: Opened) -> dict[str, Callable[[], object]]:
    """A call by case, which is RPC/jobs. The backend is filled with what the calls ask for."""
    backend = opened.session.backend
    found: dict[str, Callable[[], object]] = {}
    for size in SIZES:
        fill(backend, size)
        for name, (method, request) in requests(size).items():
            if size == MIDDLE or name in AT_EACH_SIZE:
                found[f"{name}/{size}"] = _call(getattr(backend, method.attribute), request)
    return found


def _call(operation: Callable[..., object], request: object) -> Callable[[], object]:
    return lambda: operation(request, Context())
