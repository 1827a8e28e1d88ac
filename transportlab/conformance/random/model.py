"""The model: what each operation must answer, and what it leaves behind, by PROTOCOL.md alone.

It holds the state as lines (state.py), the plans that were made, and the digest that each state has
had. What the contract leaves to a plugin is in terms.py, what is said of differences in verdicts.py
beside it.
"""

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any

from msgspec.structs import replace

from transportlab.conformance.fixture import FOREIGN
from transportlab.conformance.patterns import mismatch, shown
from transportlab.conformance.random import steps
from transportlab.conformance.random.judge import Refused, Want, ordered, unordered
from transportlab.conformance.random.state import (
    Held,
    Line,
    Mark,
    Orphaned,
    Other,
    Runs,
    edited,
    held,
    malformed,
    marked,
    replaced,
    same,
    unmarked,
)
from transportlab.conformance.random.steps import APPS, Wanted
from transportlab.conformance.random.terms import Op, Planned, Terms
from transportlab.conformance.random.verdicts import (
    differing,
    diverged,
    drifted,
    reason,
    verdicts,
)

INVALID = "INVALID_ARGUMENT"
ORDER = ("delete", "update", "create", "skip")
COUNTS = ("deleted", "updated", "created", "skipped")
ORPHAN = ("FAILED_PRECONDITION", "ORPHAN_MARKER")
"""How a store of lines refuses a change after which a lost mark would own another line."""


Jobs = dict[str, list[Held]]


class Model:
    """A store and what it must answer. in_lines: the store is a crontab, which people edit."""

    def __init__(self, *, in_lines: bool) -> None:
        self.in_lines = in_lines
        self.terms = Terms(in_lines=in_lines)
        self.lines: Sequence[Line] = ()
        self.plans: dict[int, Planned] = {}
        self.begin()

    def begin(self) -> None:
        """Begin a sequence: no entries, no plans. What is known of the plugin's terms stays.

        No digest stays: what one sequence has shown, another cannot repeat by itself.
        """
        text = FOREIGN.decode() if self.in_lines else ""
        self.lines = [Other(line) for line in text.splitlines()]
        self.plans, self._made = {}, 0
        self._digests: dict[tuple[str, object], str] = {}
        self._states: dict[tuple[str, str], object] = {}

    def data(self) -> bytes:
        """The bytes of the crontab."""
        return "".join(f"{line.text}\n" for line in self.lines).encode()

    def entries(self, app: str | None = None) -> list[dict[str, object]]:
        """Patterns of the owned entries of an app, or of all."""
        return [entry.pattern() for entry in held(self.lines) if app in (None, entry.app)]

    def edit(self, step: steps.Edit) -> None:
        """Edit the lines by hand."""
        self.lines = edited(self.lines, step, self.terms.command(step.app, step.job))

    def expect(self, step: steps.AnyStep) -> Want:
        """How the step's call must end."""
        return EXPECT[type(step)](self, step)

    def settle(self, step: steps.AnyStep, lines: Sequence[Line] | None, reply: Any) -> int | None:
        """Go on to the state after a call. Returns the number of the plan that it made, if it did.

        reply: of a call that ended well; None of one that did not.
        """
        self.lines = self.lines if lines is None else lines
        if not isinstance(step, steps.Plan):
            return None
        number, self._made = self._made, self._made + 1
        if reply is None:
            return None
        jobs = {job.name: job for job in step.jobs}
        for op in reply["ops"]:
            if op["after"]:
                self.terms.learn(step.app, jobs[op["job"]], op["after"])
        ops = self._ops(step.app, step.jobs)
        self.plans[number] = Planned(step.app, ops, self._state(step.app))
        return number

    # ---- the state

    def _jobs(self, app: str) -> Jobs:
        entries = [entry for entry in held(self.lines) if entry.app == app]
        return {job: list(found) for job, found in groupby(entries, lambda entry: entry.job)}

    def _unmarked(self, app: str) -> dict[str, list[tuple[int, Runs]]]:
        found: dict[str, list[tuple[int, Runs]]] = {}
        for at, line in unmarked(self.lines):
            if line.app == app:
                found.setdefault(line.job, []).append((at, line))
        return found

    def _wanted(self, app: str, jobs: Sequence[Wanted]) -> Jobs:
        return {job.name: self.terms.entries(app, job) for job in jobs}

    def _state(self, app: str) -> tuple[object, ...]:
        return tuple(entry.meaning() for entry in held(self.lines) if entry.app == app)

    def _digest_problem(self, app: str, digest: str) -> str:
        state = self._state(app)
        known = self._digests.setdefault((app, state), digest)
        if known != digest:
            return f"state_digest: expected {known}, as of the same state before, got {digest}"
        other = self._states.setdefault((app, digest), state)
        if other != state:
            return f"state_digest: {digest} was that of another state: {shown(other)}"
        return ""

    # ---- what looks

    def read(self, step: steps.Read) -> Want:
        """See P-READ."""

        def good(reply: Any) -> str:
            got = [e for e in reply["entries"] if step.app is not None or e["app"] in APPS]
            problem = mismatch(self.entries(step.app), got, "entries")
            if problem or not self.in_lines:
                return problem
            marks = [{"text": text} for text in malformed(self.lines)]
            return unordered(marks, reply["malformed"], "malformed")

        return Want("P-READ-1, P-READ-2", good)

    def plan(self, step: steps.Plan) -> Want:
        """See P-PLAN."""
        if steps.is_flawed(step):
            return _flawed(step)
        if not step.jobs and not step.allow_empty:
            return Want("P-PLAN-6", refusals=(Refused(INVALID, "EMPTY_DESIRED"),))
        pattern = {
            "app": step.app,
            "ops": [op.pattern() for op in self._ops(step.app, step.jobs)],
            "state_digest": {"$match": "^[0-9a-f]{64}$"},
        }

        def good(reply: Any) -> str:
            return (
                mismatch(pattern, reply)
                or self._digest_problem(step.app, reply["state_digest"])
                or self._warnings_problem(step, reply["warnings"])
            )

        return Want("P-PLAN-1, P-PLAN-3 to P-PLAN-5, P-PLAN-7", good)

    def _ops(self, app: str, jobs: Sequence[Wanted]) -> list[Op]:
        present, wanted = self._jobs(app), {job.name: job for job in jobs}
        ops = [Op("delete", job, there) for job, there in present.items() if job not in wanted]
        for name, job in wanted.items():
            before, after = present.get(name, []), self.terms.entries(app, job)
            kind = "update" if before else "create"
            unchanged = same(before, after)
            ops.append(Op("skip", name) if unchanged else Op(kind, name, before, after, job))
        return sorted(ops, key=lambda op: (ORDER.index(op.kind), op.job))

    def _warnings_problem(self, step: steps.Plan, warnings: list[dict[str, Any]]) -> str:
        """See P-PLAN-7. Reasons of the plugin's own are its business."""
        desired = {job.name for job in step.jobs}
        expected = [
            {"reason": "RUNS_TWICE" if job in desired else "NOT_MANAGED", "job": job}
            for job, found in self._unmarked(step.app).items()
            for _ in found
        ]
        known = [each for each in warnings if each["reason"] in ("RUNS_TWICE", "NOT_MANAGED")]
        return unordered(expected, known, "warnings")

    def drift(self, step: steps.Drift) -> Want:
        """See P-DRIFT."""
        if steps.is_flawed(step):
            return _flawed(step)
        wanted, present = self._wanted(step.app, step.jobs), self._jobs(step.app)
        items: list[dict[str, Any]] = []
        for job in wanted.keys() | present.keys():
            items += drifted(wanted.get(job, []), present.get(job, []))
        for job, found in self._unmarked(step.app).items():
            usual = {"kind": "foreign", "app": step.app, "job": job, "expected": None}
            items += [usual | {"actual": _line(line)} for _, line in found]

        def key(item: Any) -> tuple[Any, ...]:
            foreign = item["kind"] == "foreign"
            return item["job"], foreign, 0 if foreign else item["index"]

        return Want(
            "P-DRIFT-1, P-DRIFT-2", lambda reply: ordered(items, reply["items"], "items", key)
        )

    def verify(self, step: steps.Verify) -> Want:
        """See P-VERIFY."""
        if steps.is_flawed(step):
            return _flawed(step)
        wanted = self._wanted(step.app, step.jobs)
        items: list[dict[str, Any]] = []
        for job, entries in self._jobs(step.app).items():
            items += [
                {"verdict": verdict, "entry": entry.pattern(), "reason": reason(verdict)}
                for entry, verdict in verdicts(entries, wanted.get(job))
            ]
        for found in self._unmarked(step.app).values():
            usual = {"verdict": "foreign", "reason": reason("foreign")}
            items += [usual | {"entry": _line(line)} for _, line in found]

        def key(item: Any) -> tuple[Any, ...]:
            foreign = item["verdict"] == "foreign"
            return item["entry"]["job"], foreign, 0 if foreign else item["entry"]["index"]

        return Want(
            "P-VERIFY-1, P-VERIFY-2", lambda reply: ordered(items, reply["items"], "items", key)
        )

    # ---- what writes

    def apply(self, step: steps.Apply) -> Want:
        """See P-APPLY."""
        planned = self.plans[step.plan]
        ops, now = step.chosen(planned.ops), self._state(planned.app)
        changed = Refused("ABORTED", "STATE_CHANGED")
        if steps.spoilable(step.spoil, [op.kind for op in ops]) is not None:
            refusals = (Refused(INVALID), changed)[: 1 + (now != planned.state)]
            return Want("P-APPLY-1", refusals=refusals)
        jobs = [op.job for op in ops if op.kind != "skip"]
        changed = replace(changed, lists=([], [], jobs))
        if step.spoil == steps.DIGEST or now != planned.state:
            return Want("P-APPLY-2, P-APPLY-5", refusals=(changed,))
        return self._carried_out(planned.app, ops, jobs)

    def _carried_out(self, app: str, ops: Sequence[Op], jobs: list[str]) -> Want:
        lines, events = self.lines, []
        work = [(number, op) for number, op in enumerate(ops) if op.kind != "skip"]
        for done, (number, op) in enumerate(work):
            event = {"op_index": number, "op_kind": op.kind, "job": op.job}
            events.append({"kind": "started", **event})
            try:
                lines = replaced(lines, {(app, op.job)}, self.terms.entries(app, op.wanted))
            except Orphaned:
                lists = jobs[:done], jobs[done : done + 1], jobs[done + 1 :]
                refused = Refused(*ORPHAN, lists, events, lines)
                return Want("P-APPLY-5", refusals=(refused,))
            events.append({"kind": "done", **event})
        kinds = [op.kind for op in ops]
        counts = {name: kinds.count(kind) for name, kind in zip(COUNTS, ORDER, strict=True)}
        events.append({"kind": "finished", "counts": counts})
        return Want("P-APPLY-3", lambda got: mismatch(events, got, "events"), lines)

    def prune(self, step: steps.Prune) -> Want:
        """See P-PRUNE."""
        if not step.keep and not step.allow_empty:
            return Want("P-PRUNE-2", refusals=(Refused(INVALID, "EMPTY_KEEP"),))
        jobs = self._jobs(step.app)
        gone = [e for job, entries in jobs.items() if job not in step.keep for e in entries]
        try:
            lines = replaced(self.lines, {(entry.app, entry.job) for entry in gone})
        except Orphaned:
            return Want("P-PRUNE-1", refusals=(Refused(*ORPHAN),))
        removed = [entry.pattern() for entry in gone]
        return Want(
            "P-PRUNE-1",
            lambda reply: unordered(removed, reply["removed"], "removed"),
            None if step.dry_run else lines,
        )

    def adopt(self, step: steps.Adopt) -> Want:
        """See P-ADOPT."""
        wanted = self.terms.entries(step.app, step.job)
        owned = self._jobs(step.app).get(step.job.name, [])
        found = self._unmarked(step.app).get(step.job.name, [])
        if owned:
            if same(owned, wanted) and not found:
                return self._adopted("already_managed", owned)
            named = None if found else differing(wanted, owned)
            return Want("P-ADOPT-2", lambda reply: diverged(reply, len(wanted), named))
        if not found:
            return self._adopted("not_found", [])
        marks = self._matched(wanted, found)
        if marks is None:
            return Want("P-ADOPT-2", lambda reply: diverged(reply, len(wanted), None))
        lines = marked(self.lines, dict(marks))
        of = step.app, step.job.name
        entries = [entry for entry in held(lines) if (entry.app, entry.job) == of]
        if not step.dry_run:
            return self._adopted("adopted", entries, lines)
        # What they would be may be told in the words of the line, or of the request.
        return self._adopted("adopted", [replace(entry, schedule="") for entry in entries])

    def _matched(
        self, wanted: Sequence[Held], found: Sequence[tuple[int, Runs]]
    ) -> list[tuple[int, Mark]] | None:
        """The line and the mark of each desired entry; None if they do not go together."""
        left, marks = list(found), []
        for entry in wanted:
            fitting = [each for each in left if each[1].means == entry.means]
            exact = [each for each in fitting if each[1].command == entry.command]
            if not exact:
                return None
            left.remove(exact[0])
            marks.append((exact[0][0], Mark(entry.app, entry.job, entry.index, entry.hash)))
        return None if left else marks

    def _adopted(
        self, outcome: str, entries: Sequence[Held], lines: Sequence[Line] | None = None
    ) -> Want:
        pattern = {"outcome": outcome, "differences": []}
        patterns = [entry.pattern() for entry in entries]

        def good(reply: Any) -> str:
            problem = mismatch(pattern, reply)
            return problem or unordered(patterns, reply["entries"], "entries")

        return Want("P-ADOPT-2, P-ADOPT-3", good, lines)


EXPECT: dict[type[Any], Callable[[Model, Any], Want]] = {
    steps.Read: Model.read,
    steps.Plan: Model.plan,
    steps.Apply: Model.apply,
    steps.Drift: Model.drift,
    steps.Verify: Model.verify,
    steps.Prune: Model.prune,
    steps.Adopt: Model.adopt,
}


def _flawed(step: steps.Plan | steps.Drift | steps.Verify) -> Want:
    return Want("P-PLAN-2", refusals=(Refused(INVALID, steps.FLAWS[step.flaw][1]),))


def _line(line: Runs) -> dict[str, object]:
    """The pattern of an entry without a mark."""
    told = {"schedule": line.schedule, "command": line.command}
    return {"app": line.app, "job": line.job, **told}
