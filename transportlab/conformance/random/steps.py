"""The steps of a sequence: plain data, so that a capsule can hold them and people can read them.

A step says what is asked. What must come back follows from the steps before it: see model.py.
"""

import copy
from collections.abc import Callable, Sequence
from typing import Any

from msgspec import Struct

from transportlab.conformance.generators import DEFAULT_JOB

APPS = ("tl-random", "tl-random-2")
"""No other program's, so that a store may be shared. One begins with the other's name."""

JOBS = ("a", "a-b", "b")

HASHES = ("a1", "b2", "c3f0")

MEANINGS = {
    "0 3 * * *": "every night",
    "*/15 * * * *": "every quarter",
    "@hourly": "every hour",
    "30 4 * * mon": "every Monday",
    "0,15,30,45 * * * *": "every quarter",
    "0 * * * *": "every hour",
    "30 4 * * 1": "every Monday",
}
"""Schedules, with when they fire; the last three say it in other words."""


class Wanted(Struct, frozen=True, forbid_unknown_fields=True):
    """A desired job: its schedules, and the hash of each."""

    name: str
    schedules: tuple[str, ...]
    hashes: tuple[str, ...]

    def message(self) -> dict[str, Any]:
        """It as a DesiredJob."""
        job = {**DEFAULT_JOB, "name": self.name, "schedules": list(self.schedules)}
        return {"job": job, "hashes": list(self.hashes)}


class Step(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="do"):
    """Any step. What has its default is left out where it is written."""


class Read(Step, frozen=True, tag="read"):
    """Read one app, or all."""

    app: str | None = None


class Plan(Step, frozen=True, tag="plan"):
    """Plan. flaw: what is wrong with the request, one of FLAWS."""

    app: str
    jobs: tuple[Wanted, ...] = ()
    allow_empty: bool = False
    flaw: str = ""


class Apply(Step, frozen=True, tag="apply"):
    """Apply a plan, however old it is.

    plan: which of the Plan steps made it, from 0. If that was refused, nothing is done.
    without: positions of ops that the host leaves out. turned: the others go in reverse order.
    spoil: what the host then changes, one of SPOILS or "digest".
    """

    plan: int
    without: tuple[int, ...] = ()
    turned: bool = False
    spoil: str = ""

    def chosen(self, ops: Sequence[Any]) -> list[Any]:
        """The ops that are sent, in their order."""
        kept = [op for number, op in enumerate(ops) if number not in self.without]
        return kept[::-1] if self.turned else kept


class Drift(Step, frozen=True, tag="drift"):
    """Drift. flaw: see Plan."""

    app: str
    jobs: tuple[Wanted, ...] = ()
    flaw: str = ""


class Verify(Step, frozen=True, tag="verify-ownership"):
    """VerifyOwnership. flaw: see Plan."""

    app: str
    jobs: tuple[Wanted, ...] = ()
    flaw: str = ""


class Prune(Step, frozen=True, tag="prune"):
    """Prune."""

    app: str
    keep: tuple[str, ...] = ()
    dry_run: bool = False
    allow_empty: bool = False


class Adopt(Step, frozen=True, tag="adopt"):
    """Adopt."""

    app: str
    job: Wanted
    dry_run: bool = False


class Edit(Step, frozen=True, tag="edit"):
    """An edit of the crontab by hand.

    kind: one of state.EDITS. at: which of the lines that it can be done to, counted round and
    round; if there is none, nothing is done. The other members are of what is put in.
    """

    kind: str
    at: int = 0
    app: str = APPS[0]
    job: str = JOBS[0]
    schedule: str = "0 3 * * *"
    hash: str = HASHES[0]


AnyStep = Read | Plan | Apply | Drift | Verify | Prune | Adopt | Edit

METHODS: dict[type[Any], str] = {
    Read: "Read",
    Plan: "Plan",
    Apply: "Apply",
    Drift: "Drift",
    Verify: "VerifyOwnership",
    Prune: "Prune",
    Adopt: "Adopt",
}
"""The RPC that a step calls."""


def request(step: AnyStep, plan: dict[str, Any] | None = None) -> dict[str, Any]:
    """The message that a step sends. plan: the reply that Apply takes back."""
    if isinstance(step, Apply):
        sent = copy.deepcopy(plan or {})
        sent["ops"] = step.chosen(sent["ops"])
        _spoil(sent, step.spoil)
        return {"plan": sent}
    if isinstance(step, Adopt):
        return {"app": step.app, "job": step.job.message(), "dry_run": step.dry_run}
    names = [name for name in step.__struct_fields__ if name not in ("jobs", "flaw")]
    sent = {name: getattr(step, name) for name in names}
    if isinstance(step, Plan | Drift | Verify):
        sent["jobs"] = [job.message() for job in step.jobs]
        if is_flawed(step):
            FLAWS[step.flaw][0](sent)
    return sent


def is_flawed(step: Plan | Drift | Verify) -> bool:
    """Whether the request is wrong. Without a job there is nothing that could be."""
    return bool(step.flaw and step.jobs)


def _no_name(sent: dict[str, Any]) -> None:
    sent["app"] = "No name"


def _no_job_name(sent: dict[str, Any]) -> None:
    sent["jobs"][0]["job"]["name"] = "A"


def _twice(sent: dict[str, Any]) -> None:
    sent["jobs"].append(sent["jobs"][0])


def _no_hash(sent: dict[str, Any]) -> None:
    sent["jobs"][0]["hashes"][0] = "xyz"


def _too_many_hashes(sent: dict[str, Any]) -> None:
    sent["jobs"][0]["hashes"].append(HASHES[0])


def _no_schedule(sent: dict[str, Any]) -> None:
    sent["jobs"][0]["job"]["schedules"] = sent["jobs"][0]["hashes"] = []


FLAWS: dict[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "app": (_no_name, "INVALID_NAME"),
    "name": (_no_job_name, "INVALID_NAME"),
    "twice": (_twice, "DUPLICATE_JOB"),
    "hash": (_no_hash, "INVALID_HASH"),
    "hashes": (_too_many_hashes, "HASH_COUNT"),
    "schedules": (_no_schedule, "SCHEDULE_COUNT"),
}
"""What can be wrong with desired jobs: how it gets into the request, and the reason (P-PLAN-2)."""

DIGEST = "digest"
"""The spoil that makes the plan one of another state."""

OTHER_KIND = {"create": "update", "update": "create", "delete": "update", "skip": "delete"}

NO_HASH = "0"
"""Not in HASHES."""

SPOILS: dict[str, tuple[str, ...]] = {
    "twice": ("create", "update", "delete", "skip"),
    "kind": ("create", "update", "delete", "skip"),
    "after": ("create", "update"),
    "name": ("create", "update"),
    "before": ("update", "delete"),
}
"""What a host can do to a plan that Plan would never have made so, and to which kinds of op."""


def spoilable(spoil: str, kinds: Sequence[str]) -> int | None:
    """The position of the op that is spoilt, among ops of these kinds; None if there is none."""
    fitting = (n for n, kind in enumerate(kinds) if kind in SPOILS.get(spoil, ()))
    return next(fitting, None)


def _spoil(plan: dict[str, Any], spoil: str) -> None:
    if spoil == DIGEST:
        plan["state_digest"] = NO_HASH * 64
    at = spoilable(spoil, [op["kind"] for op in plan["ops"]])
    if at is None:
        return
    op = plan["ops"][at]
    if spoil == "twice":
        plan["ops"].append(op)
    elif spoil == "kind":
        op["kind"] = OTHER_KIND[op["kind"]]
    elif spoil == "name":
        op["job"] = "zz"
    else:
        op[spoil][0]["hash"] = NO_HASH
