"""A stream of events by an Apply, to its end; the time to the first is in extra_info."""

from statistics import median
from typing import Any

from bench.opened import task_of
from transportlab.evidence.suites.stream import EVENTS, stream


def test_stream(benchmark: Any, transport: str, codec: str) -> None:
    firsts = []
    with task_of(transport, codec).open("echo", {"faults": "requests"}) as opened:
        benchmark.pedantic(
            lambda: firsts.append(stream(opened, EVENTS)[0]), rounds=10, warmup_rounds=2
        )
    benchmark.extra_info["events"] = EVENTS
    benchmark.extra_info["first"] = median(firsts)
