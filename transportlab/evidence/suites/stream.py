"""The events of an Apply: how soon the first, how fast the others, what a slow reader costs."""

import time

from transportlab import model
from transportlab.context import Context
from transportlab.evidence.arms import FAULTS
from transportlab.evidence.record import BYTES, PER_SECOND, Sample
from transportlab.evidence.run.task import Opened, Task
from transportlab.evidence.run.timing import resident

QUESTION = "How soon does a stream begin, how fast does it run, what does a slow reader cost?"
UNIT = "s"

EVENTS = 200
STREAMS = 5
"""How many streams are enough: each has EVENTS events."""

SLOW_EVENTS, SLOW_SECONDS = 2000, 0.03
"""How many events the slow reader has to read, and for how long it reads none of them."""

NEEDS = (FAULTS,)


def measure(task: Task, opened: Opened) -> list[Sample]:
    """Whole streams for as long as the effort says, then one whose reader pauses."""
    effort = task.effort
    firsts: list[float] = []
    rates: list[float] = []
    end = time.monotonic() + effort.seconds
    stream(opened, EVENTS)
    least = min(effort.least, STREAMS)
    while len(firsts) < effort.most and (time.monotonic() < end or len(firsts) < least):
        first, whole = stream(opened, EVENTS)
        firsts.append(first)
        rates.append(EVENTS / whole)
    case = f"events/{EVENTS}"
    return [
        task.arm.many(case, "first", firsts),
        task.arm.many(case, "rate", rates, PER_SECOND),
        *slow_reader(task, opened),
    ]


def request(events: int) -> model.ApplyRequest:
    """An Apply that the echo backend answers with that many events and the last one."""
    return model.ApplyRequest(model.PlanReply(app=f"!events:{events}"))


def stream(opened: Opened, events: int) -> tuple[float, float]:
    """Seconds to the first event, and to the end of the stream."""
    begin = time.perf_counter()
    found = opened.session.backend.apply(request(events), Context())
    next(found)
    first = time.perf_counter()
    count = sum(1 for _ in found)
    if count != events:
        raise RuntimeError(f"{count} events after the first, not {events}")
    return first - begin, time.perf_counter() - begin


def slow_reader(task: Task, opened: Opened) -> list[Sample]:
    """By how many bytes each end grows while a stream waits for its reader; at least 0."""
    pids: dict[str, int | str] = {"rss-host": "self"}
    if opened.pid is not None:
        pids["rss-plugin"] = opened.pid
    before = {metric: resident(pid) for metric, pid in pids.items()}
    found = opened.session.backend.apply(request(SLOW_EVENTS), Context())
    next(found)
    time.sleep(SLOW_SECONDS)
    grown = {metric: max(0, resident(pid) - before[metric]) for metric, pid in pids.items()}
    for _ in found:  # read to the end, so that the plugin is idle for whatever comes next
        pass
    return [task.arm.one("slow-reader", metric, size, BYTES) for metric, size in grown.items()]
