"""Carries out a plan: checks the whole of it before the first write, then one transaction per op.

Theory of operation. A plan comes back from a host, which may have kept it for long, changed it or
made it up. So Apply trusts none of it and checks in two steps, before anything is written:

1. The plan by itself (_check_plan): no job twice, each op with the members of its kind, and `after`
   just what the store makes of `desired` now. A plan that Plan would never have made is refused
   with INVALID_ARGUMENT (P-APPLY-1).
2. The plan against the state (_check_state), inside a transaction: the digest of the state is the
   plan's, and each op's `before` is what is there. Another digest means that the state has changed
   since: ABORTED, plan again (P-APPLY-2). An equal digest with another `before` means that the plan
   was not made from this state: INVALID_ARGUMENT.

Then each op has a transaction of its own. One transaction for all ops would be simpler, but a DONE
event promises that its op is durable, the call can be cancelled between ops, and other writers
should not wait for a long plan. The price is that others may write between ops. So each op compares
its own job's entries again, inside its transaction, and ends the call with ABORTED if they differ.

The first error ends the call; what is done stays done (P-APPLY-5). The error then names each job of
an op that is no skip, once: in `applied`, `failed` or `unattempted`. `failed` is the op that was
under way. There is none if the call was cancelled or late between ops, or while it waited for the
next transaction.
"""

from collections.abc import Iterator

from msgspec.structs import replace

from transportlab import model
from transportlab.context import Context
from transportlab.errors import Code, RpcError, invalid_argument
from transportlab.model import ApplyEvent, ApplyEventKind, ErrorDetails, Op, OpKind
from transportlab.store.base import Meaning, Store, by_job
from transportlab.store.reconcile import check_app, checked_express, same, state_digest

_MEMBERS = {
    OpKind.DELETE: (True, False, False),
    OpKind.UPDATE: (True, True, True),
    OpKind.CREATE: (False, True, True),
    OpKind.SKIP: (False, False, False),
}
"""Whether an op of each kind has before, after and desired (P-PLAN-4)."""


class ApplyRun:
    """One Apply call."""

    def __init__(self, store: Store, plan: model.PlanReply, context: Context) -> None:
        self._store = store
        self._plan = plan
        self._context = context
        self._work = [(i, op) for i, op in enumerate(plan.ops) if op.kind is not OpKind.SKIP]
        self._done = 0

    def events(self) -> Iterator[ApplyEvent]:
        """Check the plan, then do one op after the other.

        Yields STARTED and DONE for each op that is no skip, and FINISHED at the end. Raises
        RpcError, with applied, failed and unattempted in its details once the plan is well formed.
        """
        self._check_plan()
        try:
            meaning = self._check_state()
        except RpcError as error:
            raise self._failure(error, attempted=False) from None
        for position, op in self._work:
            self._between_ops()
            yield ApplyEvent(ApplyEventKind.STARTED, position, op.kind, op.job)
            self._do(op, meaning)
            self._done += 1
            yield ApplyEvent(ApplyEventKind.DONE, position, op.kind, op.job)
        yield ApplyEvent(ApplyEventKind.FINISHED, counts=self._counts())

    def _counts(self) -> model.Counts:
        kinds = [op.kind for op in self._plan.ops]
        order = (OpKind.DELETE, OpKind.UPDATE, OpKind.CREATE, OpKind.SKIP)
        return model.Counts(*map(kinds.count, order))

    def _check_plan(self) -> None:
        """Raise INVALID_ARGUMENT for a plan that Plan would never have made."""
        seen: set[str] = set()
        if self._plan.ops:
            check_app(self._plan.app, "plan/app")
        for position, op in enumerate(self._plan.ops):
            path = f"plan/ops/{position}"
            if op.job in seen:
                problem = f'job "{op.job}" is there twice'
                raise invalid_argument(f"{path}/job", problem, reason="DUPLICATE_JOB", got=op.job)
            seen.add(op.job)
            _check_members(op, path)
            if op.desired is not None:
                self._check_after(op, op.desired, path)

    def _check_after(self, op: Op, desired: model.DesiredJob, path: str) -> None:
        if desired.job.name != op.job:
            raise invalid_argument(
                f"{path}/desired/job/name",
                "the op is for another job",
                reason="PLAN_MISMATCH",
                expected=op.job,
                got=desired.job.name,
            )
        after = checked_express(self._store.express, self._plan.app, desired, f"{path}/desired")
        if not same(op.after, after, str):  # it is written as it came
            raise invalid_argument(
                f"{path}/after",
                "the entries are not those of the desired job",
                reason="PLAN_MISMATCH",
                expected=str([(entry.schedule, entry.hash) for entry in after]),
                got=str([(entry.schedule, entry.hash) for entry in op.after]),
            )

    def _check_state(self) -> Meaning:
        """Raise ABORTED unless the state is what the plan was made from. Returns the Meaning."""
        with self._store.transaction(self._context) as transaction:
            snapshot = transaction.snapshot()
        owned, meaning = snapshot.owned, snapshot.meaning
        digest = state_digest(owned, self._plan.app, meaning)
        if digest != self._plan.state_digest:
            raise _changed("plan/state_digest", self._plan.state_digest, digest)
        present = by_job(owned, self._plan.app)
        for position, op in self._work:
            if not same(op.before, present.get(op.job, ()), meaning):
                raise invalid_argument(
                    f"plan/ops/{position}/before",
                    "the entries are not those of the state that the plan names",
                    reason="PLAN_MISMATCH",
                )
        return meaning

    def _between_ops(self) -> None:
        try:
            self._context.check()
        except RpcError as error:
            raise self._failure(error, attempted=False) from None

    def _do(self, op: Op, meaning: Meaning) -> None:
        try:
            with self._store.transaction(self._context) as transaction:
                present = transaction.owned(self._plan.app, op.job)
                if not same(op.before, present, meaning):
                    raise _changed(f"{self._plan.app}.{op.job}", "as planned", "changed since")
                transaction.replace(present, op.after, op.desired)
        except RpcError as error:
            # A call that ends while it waits for the store has not tried the op.
            waiting = error.code in (Code.CANCELLED, Code.DEADLINE_EXCEEDED)
            raise self._failure(error, attempted=not waiting) from error

    def _failure(self, error: RpcError, *, attempted: bool) -> RpcError:
        jobs = tuple(op.job for _, op in self._work)
        split = self._done + attempted
        details = replace(
            error.details,
            applied=jobs[: self._done],
            failed=jobs[self._done : split],
            unattempted=jobs[split:],
        )
        return RpcError(error.code, error.message, details)


def _check_members(op: Op, path: str) -> None:
    members = {"before": op.before, "after": op.after, "desired": op.desired}
    for (name, value), wanted in zip(members.items(), _MEMBERS[op.kind], strict=True):
        if bool(value) != wanted:
            raise invalid_argument(
                f"{path}/{name}",
                f"an op that is {op.kind} {'has' if wanted else 'does not have'} this member",
                reason="PLAN_MISMATCH",
            )


def _changed(path: str, expected: str, got: str) -> RpcError:
    return RpcError(
        Code.ABORTED,
        "the entries have changed since the plan was made",
        ErrorDetails("STATE_CHANGED", path, expected, got, action="plan again"),
    )
