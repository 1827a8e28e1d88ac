"""Apply as a host carries it out: however it ends, each job is told by how far it came.

A backend that fails says so itself (P-APPLY-5). One that dies, hangs or breaks says nothing; then
the events that arrived until then are what is known, and they need not be all that there were: what
a transport's library still held when the plugin died is lost.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from transportlab import model
from transportlab.backend import Backend
from transportlab.context import Context
from transportlab.errors import Code, LabError, ProtocolViolation, RpcError, cancelled
from transportlab.model import ApplyEventKind, OpKind


@dataclass(frozen=True, slots=True)
class Reached:
    """The jobs of a plan's ops, skips left out, in the plan's order.

    applied: reported done. failed: the backend says that it has failed. unknown: reported begun and
    not done. unreported: nothing was heard of it, and the connection or the wait ended first. What
    is unknown or unreported is carried out whole or not at all (P-APPLY-4). unattempted: the
    backend says so, or its answer came without a word that it was begun.
    """

    applied: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    unreported: tuple[str, ...] = ()
    unattempted: tuple[str, ...] = ()


class ApplyInterrupted(LabError):
    """An Apply that did not come to its end: why, and how far it came. `error` is its cause."""

    def __init__(self, error: LabError, reached: Reached) -> None:
        super().__init__(str(error))
        self.error = error
        self.reached = reached


def carry_out(
    backend: Backend, plan: model.PlanReply, context: Context
) -> Iterator[model.ApplyEvent]:
    """The events of Apply. Raises ApplyInterrupted for whatever LabError ends them.

    So it does for KeyboardInterrupt, which is then its cause.
    """
    course = Course(plan)
    try:
        for event in backend.apply(model.ApplyRequest(plan), context):
            course.take(event)
            yield event
        course.end()
    except LabError as error:
        raise ApplyInterrupted(error, reached(plan, course.seen, error)) from error
    except KeyboardInterrupt as error:
        given_up = cancelled()
        raise ApplyInterrupted(given_up, reached(plan, course.seen, given_up)) from error


def reached(plan: model.PlanReply, seen: dict[int, ApplyEventKind], error: LabError) -> Reached:
    """How far it came by the backend's own word, else by the last event of each op."""
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
    """Whether the stream has ended as the plugin ended it, so that no event of it is missing.

    At a deadline or a cancellation the host does not wait for the plugin (P-DEADLINE-2,
    P-CANCEL-2), which may go on for a while.
    """
    given_up = (Code.DEADLINE_EXCEEDED, Code.CANCELLED)
    return isinstance(error, RpcError) and error.code not in given_up


# The events of an Apply as they come, held against its plan (P-APPLY-3).
#
# A host tells people what was carried out by these events. So a stream that ends well and has
# left something out is no good end, and one that goes on for ever is ended.


class Course:
    """How far an Apply has come. seen has the last event of each op, by its place in the plan."""

    def __init__(self, plan: model.PlanReply) -> None:
        self._ops = plan.ops
        self._finished = False
        self.seen: dict[int, ApplyEventKind] = {}

    def take(self, event: model.ApplyEvent) -> None:
        """The next event. Raises ProtocolViolation."""
        if self._finished:
            raise _broken("an event came after the one that tells the end")
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
        """The stream has ended well. Raises ProtocolViolation."""
        left = [
            op.job
            for index, op in enumerate(self._ops)
            if op.kind is not OpKind.SKIP and self.seen.get(index) is not ApplyEventKind.DONE
        ]
        if left:
            raise _broken(f"it ended well, and not a word that this is done: {', '.join(left)}")
        if not self._finished:
            raise _broken("it ended well without the event that tells the end")


def _broken(problem: str) -> ProtocolViolation:
    return ProtocolViolation(
        f"the events of Apply are not those of its plan (P-APPLY-3): {problem}"
    )
