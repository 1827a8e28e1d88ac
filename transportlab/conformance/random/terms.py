"""What the model knows of a plugin's own terms, and what it remembers of plans.

The contract leaves to a plugin how a schedule reads there and what runs a job. Both are learned
from what Plan answers first, and must stay so.
"""

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from transportlab.conformance.random.state import Held
from transportlab.conformance.random.steps import MEANINGS, Wanted


class Terms:
    """How the plugin writes jobs, learned from what Plan answers.

    in_lines: its entries are cronix's lines, so what runs a job is the same for all its schedules.
    """

    def __init__(self, *, in_lines: bool) -> None:
        self._in_lines = in_lines
        self._schedules: dict[str, str] = {}
        self._commands: dict[tuple[object, ...], str] = {}

    def _key(self, app: str, job: str, index: int, digest: str) -> tuple[object, ...]:
        return (app, job) if self._in_lines else (app, job, index, digest)

    def learn(self, app: str, job: Wanted, entries: Sequence[dict[str, Any]]) -> None:
        """Take a desired job's entries for what they will always be."""
        for index, entry in enumerate(entries):
            self._schedules.setdefault(job.schedules[index], entry["schedule"])
            key = self._key(app, job.name, index, job.hashes[index])
            self._commands.setdefault(key, entry["command"])

    def command(self, app: str, job: str, index: int = 0, digest: str = "") -> str:
        """What runs a job; empty if that is not known yet."""
        return self._commands.get(self._key(app, job, index, digest), "")

    def entries(self, app: str, job: Wanted | None) -> list[Held]:
        """The entries that a desired job becomes; None becomes none."""
        if job is None:
            return []
        return [
            Held(
                app=app,
                job=job.name,
                index=index,
                hash=digest,
                schedule=self._schedules.get(schedule, ""),
                command=self.command(app, job.name, index, digest),
                means=MEANINGS[schedule],
            )
            for index, (schedule, digest) in enumerate(zip(job.schedules, job.hashes, strict=True))
        ]


class Op(Struct, frozen=True):
    """An op of a plan. before and after: see P-PLAN-4; wanted: the desired job."""

    kind: str
    job: str
    before: Sequence[Held] = ()
    after: Sequence[Held] = ()
    wanted: Wanted | None = None

    def pattern(self) -> dict[str, Any]:
        """What the reply must have for it."""
        return {
            "kind": self.kind,
            "job": self.job,
            "before": [entry.pattern() for entry in self.before],
            "after": [entry.pattern() for entry in self.after],
            "desired": self.wanted.message() if self.wanted else None,
        }


class Planned(Struct, frozen=True):
    """A plan that was made, and the state that it was made from."""

    app: str
    ops: Sequence[Op]
    state: tuple[object, ...]
