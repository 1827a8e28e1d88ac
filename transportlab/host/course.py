"""The events of an Apply as they come, held against its plan (P-APPLY-3).

A host tells people what was carried out by these events. So a stream that ends well and has left
something out is no good end, and one that goes on for ever is ended.
"""

from transportlab import model
from transportlab.errors import ProtocolViolation
from transportlab.model import ApplyEventKind, OpKind


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
