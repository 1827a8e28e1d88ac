"""How far an Apply came, told by the backend itself or by the events that arrived."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from transportlab import model
from transportlab.context import Context
from transportlab.errors import (
    Code,
    ConnectionLost,
    LabError,
    RpcError,
    cancelled,
    deadline_exceeded,
)
from transportlab.host import HostOptions, open_backend
from transportlab.host.apply import ApplyInterrupted, Reached, carry_out
from transportlab.manifest.document import load_manifest
from transportlab.manifest.hashing import desired_jobs
from transportlab.model import ApplyEvent, ApplyEventKind, OpKind

MANIFEST = Path(__file__).resolve().parents[2] / "spec" / "manifests" / "several-schedules.json"
STARTED, DONE = ApplyEventKind.STARTED, ApplyEventKind.DONE
PLAN = model.PlanReply(
    "app",
    (
        model.Op(OpKind.DELETE, "a"),
        model.Op(OpKind.UPDATE, "b"),
        model.Op(OpKind.CREATE, "c"),
        model.Op(OpKind.SKIP, "d"),
    ),
)


def event(kind: ApplyEventKind, index: int) -> ApplyEvent:
    op = PLAN.ops[index]
    return ApplyEvent(kind, index, op.kind, op.job)


class Ends:
    """A backend whose Apply gives some events and then fails."""

    def __init__(self, error: LabError, *events: tuple[ApplyEventKind, int]) -> None:
        self._error = error
        self._events = events

    def apply(self, request: model.ApplyRequest, context: Context) -> Iterator[ApplyEvent]:
        for kind, index in self._events:
            yield event(kind, index)
        raise self._error


def how_far(error: LabError, *events: tuple[ApplyEventKind, int]) -> Reached:
    with pytest.raises(ApplyInterrupted) as caught:
        list(carry_out(Ends(error, *events), PLAN, Context()))  # type: ignore[arg-type]  # apply alone
    assert caught.value.error is error
    return caught.value.reached


GIVEN_UP = [ConnectionLost("gone"), deadline_exceeded(), cancelled()]


@pytest.mark.parametrize("error", GIVEN_UP, ids=["lost", "deadline", "cancelled"])
def test_what_was_not_heard_of_when_the_plugin_fell_silent_may_have_been_done(
    error: LabError,
) -> None:
    assert how_far(error) == Reached(unreported=("a", "b", "c"))
    assert how_far(error, (STARTED, 0)) == Reached(unknown=("a",), unreported=("b", "c"))
    events = ((STARTED, 0), (DONE, 0), (STARTED, 1))
    assert how_far(error, *events) == Reached(("a",), (), ("b",), ("c",))


def test_the_backends_own_word_counts_more_than_the_events() -> None:
    details = model.ErrorDetails(applied=("a", "b"), failed=("c",))
    error = RpcError(Code.RESOURCE_EXHAUSTED, "full", details)
    assert how_far(error, (STARTED, 0)) == Reached(("a", "b"), ("c",))


def test_an_error_without_a_word_of_the_jobs_goes_by_the_events() -> None:
    panic = RpcError(Code.INTERNAL, "the backend failed", model.ErrorDetails("PANIC"))
    assert how_far(panic, (STARTED, 0)) == Reached(unknown=("a",), unattempted=("b", "c"))


def test_an_apply_that_ends_well_gives_its_events(transport: str, codec: str) -> None:
    manifest = load_manifest(MANIFEST)
    with open_backend("echo", transport, HostOptions(codec=codec)) as session:
        wanted = model.PlanRequest(manifest.app, desired_jobs(manifest))
        plan = session.backend.plan(wanted, Context())
        events = list(carry_out(session.backend, plan, Context()))
        assert events[-1].kind is ApplyEventKind.FINISHED
        stale = replace(plan, state_digest="0" * 64)
        with pytest.raises(ApplyInterrupted) as caught:
            list(carry_out(session.backend, stale, Context()))
    assert caught.value.reached.unattempted == tuple(op.job for op in plan.ops)
