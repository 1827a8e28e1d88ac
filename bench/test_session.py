"""Times a whole apply of a real manifest on a crontab, by the command."""

from typing import Any

from bench.common import task_of
from transportlab.evidence.suites.session import measure


def test_session(benchmark: Any, transport: str, codec: str) -> None:
    task = task_of(transport, codec)
    samples = benchmark.pedantic(measure, args=(task,), rounds=3, warmup_rounds=1)
    benchmark.extra_info["seconds"] = {s.case: s.value for s in samples if s.metric == "total"}
