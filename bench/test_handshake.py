"""Times a plugin's life from start to end. extra_info has the last one's phases, in seconds."""

from typing import Any

from bench.common import task_of
from transportlab.evidence.suites.handshake import NEXT, life


def test_handshake(benchmark: Any, transport: str, codec: str) -> None:
    task = task_of(transport, codec)
    samples = benchmark.pedantic(life, args=(task, NEXT), rounds=3, warmup_rounds=1)
    benchmark.extra_info["phases"] = {sample.metric: sample.values[0] for sample in samples}
