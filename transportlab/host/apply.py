"""Carries out an Apply and says for each job how far it came, however the Apply ends.

A backend that fails says so itself (P-APPLY-5). One that dies, hangs or breaks says nothing. Then
the events that arrived are all that is known. There may have been more: what a transport's library
still held when the plugin died is lost.
"""

from collections.abc import Iterator

import msgspec

from transportlab import model
from transportlab.backend import Backend
from transportlab.context import Context
from transportlab.errors import Code, LabError, ProtocolViolation, RpcError, cancelled
from transportlab.model import ApplyEventKind, OpKind


class Reached(msgspec.Struct, frozen=True):
    """The jobs of a plan's ops, without skips, in the plan's order.

    applied: reported done. failed: the backend says that the op failed. unknown: reported started
    and not done. unreported: no event came, and the connection or the wait ended before an answer.
    An unknown or unreported op was carried out whole or not at all (P-APPLY-4). unattempted: the
    backend says so, or it answered without an event that the op was started.
    """

    applied: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    unreported: tuple[str, ...] = ()
    unattempted: tuple[str, ...] = ()


class ApplyInterrupted(LabError):
    """An Apply that did not end well: `error` says why, `reached` how far it came."""

    def __init__(self, error: LabError, reached: Reached) -> None:
        super().__init__(str(error))
        self.error = error
        self.reached = reached


def carry_out(
    backend: Backend, plan: model.PlanReply, context: Context
) -> Iterator[model.ApplyEvent]:
    """Yield the events of Apply, each checked against the plan.

    Raises ApplyInterrupted for any LabError and for KeyboardInterrupt, which is then its __cause__.
    """
    progress = Progress(plan)
    try:
        for event in backend.apply(model.ApplyRequest(plan), context):
            progress.take(event)
            yield event
        progress.end()
    except LabError as error:
        raise ApplyInterrupted(error, reached(plan, progress.seen, error)) from error
    except KeyboardInterrupt as error:
        given_up = cancelled()
        raise ApplyInterrupted(given_up, reached(plan, progress.seen, given_up)) from error


def reached(plan: model.PlanReply, seen: dict[int, ApplyEventKind], error: LabError) -> Reached:
    """How far the Apply came: by the backend's own words, else by the last event of each op."""
    if isinstance(error, RpcError):
        said = error.details
        if said.applied or said.failed or said.unattempted:
            return Reached(said.applied, said.failed, unattempted=said.unattempted)
    jobs: dict[ApplyEventKind | None, list[str]] = {}
    for index, op in enumerate(plan.ops):
        if op.kind is not OpKind.SKIP:
            jobs.setdefault(seen.get(index), []).append(op.job)
    silent = tuple(jobs.get(None, ()))
    answered = has_answered(error)
    return Reached(
        applied=tuple(jobs.get(ApplyEventKind.DONE, ())),
        unknown=tuple(jobs.get(ApplyEventKind.STARTED, ())),
        unreported=() if answered else silent,
        unattempted=silent if answered else (),
    )


def has_answered(error: LabError) -> bool:
    """Whether the plugin itself ended the stream, so that no event is missing.

    At a deadline or a cancellation the host does not wait for the plugin, which may go on for a
    while (P-DEADLINE-2, P-CANCEL-2).
    """
    given_up = (Code.DEADLINE_EXCEEDED, Code.CANCELLED)
    return isinstance(error, RpcError) and error.code not in given_up


class Progress:
    """Checks the events of an Apply against its plan as they come (P-APPLY-3).

    These events are how a host tells people what was carried out. So a stream that ends well but
    leaves an op out is a violation, and one that goes on for ever is ended. seen has the last event
    of each op, by the op's index in the plan.
    """

    def __init__(self, plan: model.PlanReply) -> None:
        self._ops = plan.ops
        self._finished = False
        self.seen: dict[int, ApplyEventKind] = {}

    def take(self, event: model.ApplyEvent) -> None:
        """Take the next event. Raises ProtocolViolation."""
        if self._finished:
            raise _broken("an event came after the finished event")
        if event.kind is ApplyEventKind.FINISHED:
            self._finished = True
            return
        index = event.op_index
        op = self._ops[index] if 0 <= index < len(self._ops) else model.Op(OpKind.SKIP)
        if op.kind is OpKind.SKIP or event.job != op.job:
            raise _broken(f'an event is of op {index} and job "{event.job}", which is not planned')
        if self.seen.get(index) in (ApplyEventKind.DONE, event.kind):
            raise _broken(f"op {index} ({op.job}) is reported {event.kind} again")
        self.seen[index] = event.kind

    def end(self) -> None:
        """Check that all is reported, as the stream has ended well. Raises ProtocolViolation."""
        left = [
            op.job
            for index, op in enumerate(self._ops)
            if op.kind is not OpKind.SKIP and self.seen.get(index) is not ApplyEventKind.DONE
        ]
        if left:
            raise _broken(f"it ended well and did not report these as done: {', '.join(left)}")
        if not self._finished:
            raise _broken("it ended well without the finished event")


def _broken(problem: str) -> ProtocolViolation:
    return ProtocolViolation(
        f"the events of Apply are not those of its plan (P-APPLY-3): {problem}"
    )
