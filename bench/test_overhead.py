"""Measures what the lab's layers cost: RemoteBackend against the same call by the library alone.

There are two forms of the raw call. `library` is the transport's library with the codec's own form
of a message (with protobuf: a message made beforehand, and the reply left as it is). `carriage` has
the lab's codec on both sides, so the ratio to it leaves out what the dataclasses cost. With JSON
the two are the same, as msgspec has no form of its own.

The arms are measured side by side: one plugin, one call of each arm a round, in random order. The
unit is the start of a plugin, which all RPCs share. A start's ratio is that of the medians of its
rounds; what is printed is the median of the starts' ratios, with their range. pytest-benchmark has
the times of a Read by RemoteBackend in the last start, and all ratios in extra_info. The bound of
1.15 is printed, not enforced.
"""

import random
import time
from collections.abc import Callable
from importlib import import_module
from statistics import median
from typing import Any

from bench.common import RATIOS
from transportlab import methods, model
from transportlab.codecs import load_codec
from transportlab.context import Context
from transportlab.host import HostOptions, HostSession, open_backend

STARTS, WARM_UP, ROUNDS, JOBS = 7, 20, 60, 10
BOUND = 1.15
REMOTE = "RemoteBackend"

APP = "bench"
DESIRED = tuple(
    model.DesiredJob(
        model.Job(
            f"job-{number}",
            (f"{number} * * * *",),
            "UTC",
            model.HttpRequest(
                "POST", f"https://billing.internal/jobs/{number}", {"x-id": "1"}, "{}"
            ),
            model.Policy(timeout_seconds=60, retries=model.Retries(3, 1, 60)),
            model.Auth(("billing:token",)),
        ),
        (f"{number:016x}",),
    )
    for number in range(JOBS)
)
REQUESTS: dict[str, Any] = {
    "Read": model.ReadRequest(APP),
    "Plan": model.PlanRequest(APP, DESIRED),
    "Drift": model.DriftRequest(APP, DESIRED),
    "Prune": model.PruneRequest(APP, tuple(d.job.name for d in DESIRED), dry_run=True),
    "Adopt": model.AdoptRequest(APP, DESIRED[0], dry_run=True),
    "VerifyOwnership": model.VerifyOwnershipRequest(APP, DESIRED),
}

Call = Callable[[], object]


def arms(session: HostSession, transport: str, codec: str, name: str) -> dict[str, Call]:
    """Return the call by the library, by the library with the lab's codec, and by RemoteBackend."""
    method, request = methods.METHODS[name], REQUESTS[name]
    floor = import_module(f"transports.{transport}.floor")
    channel, spoken = session.wire, load_codec(codec)
    operation = getattr(session.backend, method.attribute)
    pairs = {
        "library": spoken.alone(request, method.reply),
        "carriage": spoken.pair(request, method.reply),
    }
    raw = {arm: floor.raw_call(channel, method, request, pair) for arm, pair in pairs.items()}
    return {**raw, REMOTE: lambda: operation(request, Context())}


def medians(calls: dict[str, Call], chance: random.Random) -> dict[str, float]:
    """Return the median seconds of each arm. A round has one call of each, in random order."""
    seconds: dict[str, list[float]] = {arm: [] for arm in calls}
    for number in range(WARM_UP + ROUNDS):
        for arm in chance.sample(list(calls), len(calls)):
            begin = time.perf_counter()
            calls[arm]()
            if number >= WARM_UP:
                seconds[arm].append(time.perf_counter() - begin)
    return {arm: median(values) for arm, values in seconds.items()}


def test_overhead(benchmark: Any, transport: str, codec: str) -> None:
    """Measure each RPC at 10 jobs over one transport and codec. pytest-benchmark times Read."""
    chance = random.Random(f"{transport} {codec}")
    found: dict[str, list[dict[str, float]]] = {rpc: [] for rpc in REQUESTS}
    for start in range(STARTS):
        with open_backend("echo", transport, HostOptions(codec=codec)) as session:
            plan = session.backend.plan(REQUESTS["Plan"], Context())
            list(session.backend.apply(model.ApplyRequest(plan), Context()))
            for rpc, starts in found.items():
                starts.append(medians(arms(session, transport, codec, rpc), chance))
            if start == STARTS - 1:
                read = arms(session, transport, codec, "Read")[REMOTE]
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
