"""Times a whole apply of a real manifest on a crontab. extra_info has its phases, in seconds."""

import time
from typing import Any

from bench.common import task_of
from transportlab.evidence.suites.session import measure


def test_session(benchmark: Any, transport: str, codec: str) -> None:
    task = task_of(transport, codec)
    task.spawned = time.monotonic()
    samples = benchmark.pedantic(measure, args=(task,), rounds=3, warmup_rounds=1)
    phases = ("opened", "plan", "apply", "exit")
    found = {sample.metric: sample.values[0] for sample in samples if sample.metric in phases}
    benchmark.extra_info["phases"] = found
