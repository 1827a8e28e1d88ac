"""What the suites call with."""

import pytest

from transportlab import model
from transportlab.context import Context
from transportlab.evidence.run.task import Task
from transportlab.evidence.run.workload import app, fill, jobs, messages


def test_the_backend_holds_what_the_calls_ask_for(direct: Task) -> None:
    with direct.open({"faults": "requests"}) as opened:
        backend = opened.session.backend
        fill(backend, 100)
        fill(backend, 100)
        assert len(backend.read(model.ReadRequest(app(100)), Context()).entries) == 100
        plan = backend.plan(model.PlanRequest(app(100), jobs(100)), Context())
        assert {op.kind for op in plan.ops} == {model.OpKind.SKIP}


def test_messages_are_of_every_type_of_the_operations(capfd: pytest.CaptureFixture[str]) -> None:
    kinds = {type(message).__name__ for message in messages(10)}
    rpcs = ("OpenSession", "Read", "Plan", "Drift", "Prune", "Adopt", "VerifyOwnership")
    assert {f"{rpc}{end}" for rpc in rpcs for end in ("Request", "Reply")} <= kinds
    assert {"ApplyRequest", "ApplyEvent"} <= kinds
    assert capfd.readouterr().err == ""
