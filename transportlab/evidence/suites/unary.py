"""Each RPC with one reply, one call at a time: Read and Plan at four sizes, the others at one."""

import time
from collections.abc import Callable

from transportlab.context import Context
from transportlab.evidence.run.session import Opened, Run
from transportlab.evidence.run.timing import Sample, cpu_seconds, many, one, timed
from transportlab.evidence.run.workload import MIDDLE, SIZES, fill, requests

QUESTION = "How long does one call take, by RPC and by number of jobs?"
UNIT = "s"

AT_EACH_SIZE = ("Read", "Plan")
WITH_CPU = (f"Read/{MIDDLE}", f"Plan/{MIDDLE}")


def measure(run: Run, opened: Opened) -> list[Sample]:
    """The latency of each case, and for two of them the CPU time of a call at both ends."""
    found = []
    for case, call in cases(opened).items():
        host, plugin = time.process_time(), _plugin_cpu(opened)
        taken = timed(call, run.effort)
        found.append(many(case, "latency", taken))
        if case in WITH_CPU:
            # The few calls of the warm-up are in it as well, a sixth of the whole.
            calls = len(taken) * 1.2
            found.append(one(case, "cpu-host", (time.process_time() - host) / calls, n=len(taken)))
            if opened.pid is not None:
                used = (_plugin_cpu(opened) - plugin) / calls
                found.append(one(case, "cpu-plugin", used, n=len(taken)))
    return found


def _plugin_cpu(opened: Opened) -> float:
    return 0.0 if opened.pid is None else cpu_seconds(opened.pid)


def cases(opened: Opened) -> dict[str, Callable[[], object]]:
    """A call of each case, by RPC/jobs; the backend holds what they ask for."""
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
