"""Times opaque bytes there and back, by a transport with its codec."""

from typing import Any

import pytest

from bench.common import task_of
from transportlab.evidence.suites.carriage import echo_call

SIZES = (0, 16 * 1024, 4 * 1024 * 1024)


@pytest.mark.parametrize("size", SIZES)
def test_carriage(benchmark: Any, transport: str, codec: str, size: int) -> None:
    with task_of(transport, codec).open({"faults": "requests"}) as opened:
        rounds = 5 if size > 1 << 20 else 100
        benchmark.pedantic(echo_call(opened, size), rounds=rounds, warmup_rounds=1)
