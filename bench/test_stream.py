"""Times the stream of an Apply's events. extra_info has the time to the first one."""

from statistics import median
from typing import Any

from bench.common import task_of
from transportlab.evidence.suites.stream import EVENTS, stream


def test_stream(benchmark: Any, transport: str, codec: str) -> None:
    firsts = []
    with task_of(transport, codec).open({"faults": "requests"}) as opened:
        benchmark.pedantic(
            lambda: firsts.append(stream(opened, EVENTS)[0]), rounds=10, warmup_rounds=2
        )
    benchmark.extra_info["events"] = EVENTS
    benchmark.extra_info["first"] = median(firsts)
