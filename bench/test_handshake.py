"""A plugin's life from start to end; its phases are in extra_info, in seconds, of the last one."""

from typing import Any

from bench.opened import task_of
from transportlab.evidence.suites.handshake import NEXT, life


def test_handshake(benchmark: Any, transport: str, codec: str) -> None:
    task = task_of(transport, codec)
    samples = benchmark.pedantic(life, args=(task, NEXT), rounds=3, warmup_rounds=1)
    benchmark.extra_info["phases"] = {sample.metric: sample.values[0] for sample in samples}
