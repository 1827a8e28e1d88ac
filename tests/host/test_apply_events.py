"""The events of an Apply that are none of its plan's, or too few, or too many."""

import itertools
from collections.abc import Iterable
from pathlib import Path

import pytest

from transportlab import model
from transportlab.context import Context
from transportlab.errors import ProtocolViolation
from transportlab.host import HostOptions, open_backend
from transportlab.host.apply import ApplyInterrupted, Progress, carry_out
from transportlab.manifest.document import load_manifest
from transportlab.manifest.hashing import desired_jobs
from transportlab.model import ApplyEvent, ApplyEventKind, Op, OpKind

MANIFEST = Path(__file__).resolve().parents[2] / "spec" / "manifests" / "one-job.json"
STARTED, DONE, FINISHED = ApplyEventKind.STARTED, ApplyEventKind.DONE, ApplyEventKind.FINISHED
PLAN = model.PlanReply("app", (Op(OpKind.DELETE, "a"), Op(OpKind.CREATE, "b"), Op(job="c")))
END = ApplyEvent(FINISHED)


def of(kind: ApplyEventKind, index: int) -> ApplyEvent:
    return ApplyEvent(kind, index, PLAN.ops[index].kind, PLAN.ops[index].job)


def carried(index: int) -> tuple[ApplyEvent, ApplyEvent]:
    return of(STARTED, index), of(DONE, index)


def follow(events: Iterable[ApplyEvent]) -> Progress:
    progress = Progress(PLAN)
    for event in events:
        progress.take(event)
    progress.end()
    return progress


def problem(events: Iterable[ApplyEvent]) -> str:
    with pytest.raises(ProtocolViolation) as caught:
        follow(events)
    return str(caught.value).partition("(P-APPLY-3): ")[2]


def test_all_events_of_a_plan_are_a_good_end() -> None:
    assert follow((*carried(0), *carried(1), END)).seen == {0: DONE, 1: DONE}


def test_a_good_end_before_all_is_done_is_none() -> None:
    missing = "it ended well and did not report these as done: "
    assert problem([]) == missing + "a, b"
    assert problem([END]) == missing + "a, b"
    assert problem([*carried(0), of(STARTED, 1), END]) == missing + "b"
    assert problem([*carried(0), *carried(1)]).endswith("without the finished event")


def test_events_of_no_op_are_none() -> None:
    for event in (of(DONE, 2), ApplyEvent(DONE, 3), ApplyEvent(DONE, -3, job="a")):
        assert "which is not planned" in problem([event])
    assert problem([ApplyEvent(DONE, 0, job="b")]).startswith('an event is of op 0 and job "b"')


def test_a_stream_without_end_is_ended() -> None:
    assert problem(itertools.repeat(of(STARTED, 0))) == "op 0 (a) is reported started again"
    assert problem([*carried(0), *carried(0)]) == "op 0 (a) is reported started again"
    assert problem([END, END]) == "an event came after the finished event"


def test_a_real_backend_that_leaves_out_what_it_did_has_not_ended_well(
    transport: str, codec: str
) -> None:
    manifest = load_manifest(MANIFEST)
    options = HostOptions(codec=codec, config={"faults": "Apply=events:1"})
    with open_backend("echo", transport, options) as session:
        wanted = model.PlanRequest(manifest.app, desired_jobs(manifest))
        plan = session.backend.plan(wanted, Context())
        with pytest.raises(ApplyInterrupted, match="P-APPLY-3") as caught:
            list(carry_out(session.backend, plan, Context()))
        assert session.backend.read(model.ReadRequest(), Context()) is not None
    assert caught.value.reached.unreported == tuple(op.job for op in plan.ops)
