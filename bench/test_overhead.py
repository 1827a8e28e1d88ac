"""Measures what the lab's layers cost: RemoteBackend against the same call by the library alone.

The arms are measured side by side: one plugin, one call of each arm a round, in random order. The
unit is the start of a plugin, which all RPCs share. A start's ratio is that of the medians of its
rounds; what is printed is the median of the starts' ratios, with their range. pytest-benchmark has
the times of a Read by RemoteBackend in the last start, and all ratios in extra_info. The bound is
printed, not enforced.
"""

from random import Random
from statistics import median
from typing import Any

from bench.common import RATIOS
from bench.overhead import BOUND, REMOTE, ROUNDS, WARM_UP, arms, medians
from transportlab.evidence.run.workload import MIDDLE, fill, requests
from transportlab.host import HostOptions, open_backend

STARTS = 7


def test_overhead(benchmark: Any, transport: str, codec: str) -> None:
    """Measure each RPC at 10 jobs over one transport and codec. pytest-benchmark times Read."""
    draw = Random(f"{transport} {codec}")
    options = HostOptions(codec=codec, config={"log": "none"})
    found: dict[str, list[dict[str, float]]] = {rpc: [] for rpc in requests(MIDDLE)}
    for start in range(STARTS):
        with open_backend("echo", transport, options) as session:
            fill(session.backend, MIDDLE)
            for rpc, starts in found.items():
                starts.append(medians(arms(session, transport, codec, rpc, MIDDLE), draw))
            if start == STARTS - 1:
                read = arms(session, transport, codec, "Read", MIDDLE)[REMOTE]
                benchmark.pedantic(read, rounds=ROUNDS, warmup_rounds=WARM_UP)
    ratios = {
        rpc: {
            arm: [start[REMOTE] / start[arm] for start in starts]
            for arm in starts[0]
            if arm != REMOTE
        }
        for rpc, starts in found.items()
    }
    benchmark.extra_info["ratios"] = ratios
    for rpc, by_arm in ratios.items():
        cells = "".join(f"  {arm} {_cell(values)}" for arm, values in by_arm.items())
        RATIOS.append(f"{transport:8} {codec:9} {rpc:15}{cells}")


def _cell(ratios: list[float]) -> str:
    middle = median(ratios)
    over = "!" if middle > BOUND else " "
    return f"{middle:.3f}{over}[{min(ratios):.3f} .. {max(ratios):.3f}]"
