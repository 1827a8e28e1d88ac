"""One model, and the arms that must all answer as it says."""

from collections.abc import Sequence

from msgspec import Struct

from transportlab.conformance.random.arms import Arm
from transportlab.conformance.random.judge import judge
from transportlab.conformance.random.model import Model
from transportlab.conformance.random.steps import (
    APPS,
    HASHES,
    JOBS,
    MEANINGS,
    METHODS,
    AnyStep,
    Apply,
    Edit,
    Plan,
    Wanted,
    request,
)
from transportlab.errors import LabError


class Trouble(Struct, frozen=True):
    """What is wrong on an arm, at the last of some steps. clauses: which are broken."""

    arm: Arm
    problem: str
    clauses: str = ""


class Play:
    """Plays steps on some arms at once.

    schedules: those that the plugin can express. can: the capabilities of all arms.
    """

    def __init__(self, arms: Sequence[Arm], *, in_lines: bool) -> None:
        self.arms = arms
        self.model = Model(in_lines=in_lines)
        self.schedules: tuple[str, ...] = ()
        self.can = set(arms[0].capabilities).intersection(*(arm.capabilities for arm in arms))

    def begin(self) -> Trouble | None:
        """Begin a sequence."""
        self.model.begin()
        for arm in self.arms:
            try:
                arm.begin(self.model)
            except LabError as error:
                return Trouble(arm, str(error))
        return None

    def learn(self) -> tuple[list[AnyStep], Trouble | None]:
        """Find out which schedules the plugin can express, and how it writes jobs.

        Returns the steps that were played, the last of which may have failed.
        """
        played: list[AnyStep] = []
        if trouble := self.begin():
            return played, trouble
        if "plan" not in self.can:
            return played, None
        for schedule in MEANINGS:
            step = Plan(APPS[0], (_wanted(JOBS[0], schedule),))
            if self._refuses(step):
                continue
            played.append(step)
            self.schedules += (schedule,)
            if trouble := self.step(step):
                return played, trouble
        if self.schedules:
            jobs = tuple(_wanted(job, self.schedules[0]) for job in JOBS)
            for app in APPS:
                step = Plan(app, jobs)
                played.append(step)
                if trouble := self.step(step):
                    return played, trouble
        return played, None

    def _refuses(self, step: Plan) -> bool:
        """Whether the plugin cannot express the schedule (P-PLAN-2)."""
        error = self.arms[0].call("Plan", request(step)).error
        return error is not None and (error["code"], error["path"]) == (
            "INVALID_ARGUMENT",
            "jobs/0/job/schedules/0",
        )

    def step(self, step: AnyStep) -> Trouble | None:
        """Play a step on all arms. Returns what is wrong, None if nothing. Raises Stuck."""
        if isinstance(step, Edit):
            self.model.edit(step)
            problems = [(arm, arm.write(self.model)) for arm in self.arms]
            return next((Trouble(arm, problem) for arm, problem in problems if problem), None)
        if isinstance(step, Apply) and step.plan not in self.model.plans:
            return None  # that Plan was refused
        return self._call(step)

    def _call(self, step: AnyStep) -> Trouble | None:
        want = self.model.expect(step)
        replies, states = [], []
        for arm in self.arms:
            plan = arm.plans[step.plan] if isinstance(step, Apply) else None
            ending = arm.call(METHODS[type(step)], request(step, plan))
            problem, lines = judge(want, ending)
            if problem:
                return Trouble(arm, problem, want.clauses)
            replies.append(ending.reply)
            states.append(lines)
            if lines is not states[0]:
                return Trouble(arm, f"another end than on {self.arms[0].name}", want.clauses)
        number = self.model.settle(step, states[0], replies[0])
        for arm, reply in zip(self.arms, replies, strict=True):
            if number is not None:
                arm.plans[number] = reply
            if problem := arm.left(self.model):
                return Trouble(arm, problem, want.clauses)
        return None


def _wanted(job: str, schedule: str) -> Wanted:
    return Wanted(job, (schedule,), HASHES[:1])
