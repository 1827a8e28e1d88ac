"""What the lab's own layers cost: RemoteBackend against the same call by the library alone.

Side by side: one plugin, the two arms in turn in random order, a pair a round. The unit is the
plugin start; the ratio of one start is that of the medians of its rounds, and what is printed is
the median of the starts' ratios with their range. pytest-benchmark carries the times of the
RemoteBackend arm of the last start and, in extra_info, all ratios. The bound of 1.15 is printed,
never enforced.
"""

import random
import time
from collections.abc import Callable
from importlib import import_module
from statistics import median
from typing import Any

import pytest

from bench.results import RATIOS
from transportlab import methods, model
from transportlab.context import Context
from transportlab.host import HostOptions, HostSession, open_backend

STARTS, WARM_UP, ROUNDS, JOBS = 7, 50, 300, 10
BOUND = 1.15

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


def arms(session: HostSession, transport: str, name: str) -> tuple[Call, Call]:
    """The call by the library alone, and by RemoteBackend."""
    method, request = methods.METHODS[name], REQUESTS[name]
    floor = import_module(f"transports.{transport}.floor")
    raw: Call = floor.raw_call(session.channel.inner, method, request)
    operation = getattr(session.backend, method.attribute)
    return raw, lambda: operation(request, Context())


def ratio(raw: Call, remote: Call, chance: random.Random) -> float:
    """Median of RemoteBackend's seconds over median of the library's, of paired rounds."""
    seconds: dict[Call, list[float]] = {raw: [], remote: []}
    for number in range(WARM_UP + ROUNDS):
        for arm in chance.sample((raw, remote), 2):
            begin = time.perf_counter()
            arm()
            if number >= WARM_UP:
                seconds[arm].append(time.perf_counter() - begin)
    return median(seconds[remote]) / median(seconds[raw])


@pytest.mark.parametrize("rpc", REQUESTS)
def test_overhead(benchmark: Any, transport: str, codec: str, rpc: str) -> None:
    """One RPC at 10 jobs over one transport and codec."""
    chance, ratios = random.Random(f"{transport} {codec} {rpc}"), []
    for start in range(STARTS):
        with open_backend("echo", transport, HostOptions(codec=codec)) as session:
            plan = session.backend.plan(REQUESTS["Plan"], Context())
            list(session.backend.apply(model.ApplyRequest(plan), Context()))
            raw, remote = arms(session, transport, rpc)
            ratios.append(ratio(raw, remote, chance))
            if start == STARTS - 1:
                benchmark.pedantic(remote, rounds=ROUNDS, warmup_rounds=WARM_UP)
    benchmark.extra_info["ratios"] = ratios
    middle = median(ratios)
    RATIOS.append(
        f"{transport:8} {codec:9} {rpc:16} {middle:.3f} [{min(ratios):.3f} .. {max(ratios):.3f}]"
        f" of {STARTS} starts{'' if middle <= BOUND else '  OVER THE BOUND'}"
    )
