"""Times many calls in flight on one channel. extra_info has calls a second, the tail at a rate."""

from typing import Any

from bench.common import task_of
from transportlab.evidence.suites.concurrency import measure


def test_concurrency(benchmark: Any, transport: str, codec: str) -> None:
    task = task_of(transport, codec)
    with task.open({"faults": "requests"}) as opened:
        samples = benchmark.pedantic(measure, args=(task, opened), rounds=1)
    for sample in samples:
        middle = sample.values[len(sample.values) // 2]
        benchmark.extra_info[f"{sample.case} {sample.metric}"] = middle
