"""Times one call at a time: each RPC with one reply, Read and Plan at four sizes."""

from typing import Any

from bench.common import task_of
from transportlab.evidence.run.timing import timed
from transportlab.evidence.suites.unary import cases


def test_unary(benchmark: Any, transport: str, codec: str) -> None:
    """Time Read of ten jobs with pytest-benchmark; extra_info has the medians of all cases."""
    task = task_of(transport, codec)
    with task.open({"faults": "requests"}) as opened:
        calls = cases(opened)
        medians = {}
        for case, call in calls.items():
            taken = sorted(timed(call, task.effort))
            medians[case] = taken[len(taken) // 2]
        benchmark.extra_info["medians"] = medians
        benchmark.pedantic(calls["Read/10"], rounds=200, warmup_rounds=20)
