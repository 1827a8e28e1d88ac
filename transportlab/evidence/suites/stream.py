"""The events of an Apply: the first, the others, and what a slow reader costs."""

import time

from transportlab import model
from transportlab.context import Context
from transportlab.evidence.run.session import Opened, Run
from transportlab.evidence.run.timing import BYTES, PER_SECOND, Sample, many, one, resident

QUESTION = "How soon does a stream begin, how fast does it run, what does a slow reader cost?"
UNIT = "s"

EVENTS = 200
SLOW_EVENTS, SLOW_SECONDS = 2000, 0.03
"""What the slow reader has before it, and how long it leaves that unread."""


def measure(run: Run, opened: Opened) -> list[Sample]:
    """Whole streams for as long as the effort says; then one whose reader stops after an event."""
    firsts: list[float] = []
    rates: list[float] = []
    end = time.monotonic() + run.effort.seconds
    stream(opened, EVENTS)
    while len(firsts) < run.effort.most and (
        time.monotonic() < end or len(firsts) < run.effort.least
    ):
        first, whole = stream(opened, EVENTS)
        firsts.append(first)
        rates.append(EVENTS / whole)
    case = f"events/{EVENTS}"
    return [
        many(case, "first", firsts),
        many(case, "rate", rates, PER_SECOND),
        *slow_reader(opened),
    ]


def request(events: int) -> model.ApplyRequest:
    """An Apply that the echo backend answers with so many events and the last."""
    return model.ApplyRequest(model.PlanReply(app=f"!events:{events}"))


def stream(opened: Opened, events: int) -> tuple[float, float]:
    """Seconds to the first event and to the end."""
    begin = time.perf_counter()
    found = opened.session.backend.apply(request(events), Context())
    next(found)
    first = time.perf_counter()
    count = sum(1 for _ in found)
    if count != events:
        raise RuntimeError(f"{count} events after the first, not {events}")
    return first - begin, time.perf_counter() - begin


def slow_reader(opened: Opened) -> list[Sample]:
    """How much both ends grow while a stream waits for its reader, in bytes, never below 0."""
    pids: dict[str, int | str] = {"rss-host": "self"}
    if opened.pid is not None:
        pids["rss-plugin"] = opened.pid
    before = {metric: resident(pid) for metric, pid in pids.items()}
    found = opened.session.backend.apply(request(SLOW_EVENTS), Context())
    next(found)
    time.sleep(SLOW_SECONDS)
    grown = {metric: max(0, resident(pid) - before[metric]) for metric, pid in pids.items()}
    for _ in found:  # to its end, so that what follows finds the plugin idle
        pass
    return [one("slow-reader", metric, size, BYTES) for metric, size in grown.items()]
