"""What the suites call with: jobs of the kinds that people write, and the requests made of them.

Everything follows from a job's number, so every run calls with the same bytes.
"""

from contextlib import redirect_stderr
from io import StringIO
from typing import Any

import msgspec

from transportlab import methods, model
from transportlab.backend import Backend
from transportlab.backends.echo import PLUGIN
from transportlab.context import Context
from transportlab.sdk.session import PluginSession

SIZES = (1, 10, 100, 256)
"""How many jobs an app has. A manifest may have 256 at most."""

MIDDLE = 10


def app(size: int) -> str:
    """The name of the app that has that many jobs."""
    return f"bench-{size}"


def jobs(size: int) -> tuple[model.DesiredJob, ...]:
    """That many jobs, each with one schedule."""
    return tuple(_job(number) for number in range(size))


def manifest(size: int) -> dict[str, Any]:
    """The same jobs as the manifest of that app, in plain values."""
    found = [msgspec.to_builtins(desired.job) for desired in jobs(size)]
    for job in found:
        if not job["auth"].get("secret_refs"):  # a manifest has some or does not say
            del job["auth"]
    return {"version": 1, "app": app(size), "jobs": found}


def _job(number: int) -> model.DesiredJob:
    header = {"X-Tenant": f"tenant-{number % 7}", "Accept": "application/json"}
    return model.DesiredJob(
        model.Job(
            f"invoice-sync-{number:03d}",
            (f"{number * 7 % 60} {number % 24} * * *",),
            ("UTC", "Europe/Amsterdam", "America/New_York")[number % 3],
            model.HttpRequest(
                "POST",
                f"https://billing.internal/api/v1/scheduled/{number}",
                header if number % 3 == 0 else {},
                '{"shard":1,"dry_run":false}' if number % 4 == 0 else "",
            ),
            model.Policy(timeout_seconds=60, retries=model.Retries(3, 1, 60)),
            model.Auth(("BILLING_TOKEN",) if number % 7 == 0 else ()),
        ),
        (f"{number * 0x9E3779B97F4A7C15 % 2**64:016x}",),
    )


def fill(backend: Backend, size: int) -> None:
    """Apply the app of that size to the backend."""
    plan = backend.plan(model.PlanRequest(app(size), jobs(size)), Context())
    for _ in backend.apply(model.ApplyRequest(plan), Context()):
        pass


def requests(size: int) -> dict[str, tuple[methods.AnyMethod, object]]:
    """A request of each RPC that changes nothing, by the RPC's name."""
    desired = jobs(size)
    made = {
        "Read": model.ReadRequest(app(size)),
        "Plan": model.PlanRequest(app(size), desired),
        "Drift": model.DriftRequest(app(size), desired),
        "Prune": model.PruneRequest(app(size), tuple(d.job.name for d in desired), dry_run=True),
        "Adopt": model.AdoptRequest(app(size), desired[0], dry_run=True),
        "VerifyOwnership": model.VerifyOwnershipRequest(app(size), desired),
    }
    return {name: (methods.METHODS[name], request) for name, request in made.items()}


def messages(size: int) -> list[object]:
    """One message of each type that is sent, for an app of that size."""
    with redirect_stderr(StringIO()):  # where the backend in this process logs
        return _messages(PluginSession(PLUGIN), size)


def _messages(backend: Backend, size: int) -> list[object]:
    context = Context()
    opening = model.OpenSessionRequest("1.0.0", (1,), {"faults": "requests"}, ("read", "apply"))
    found: list[object] = [opening, backend.open_session(opening, context)]
    plan = backend.plan(model.PlanRequest(app(size), jobs(size)), context)
    apply = model.ApplyRequest(plan)
    found += [apply, list(backend.apply(apply, context))[-2]]
    for method, request in requests(size).values():
        found += [request, getattr(backend, method.attribute)(request, context)]
    return found
