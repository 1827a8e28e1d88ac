"""Draws sequences of steps, and shrinks one that fails: a state machine of Hypothesis.

Nothing else imports Hypothesis, so it need not be installed to play a capsule again. What a rule
draws becomes a step of plain data; the machine itself knows nothing of stores.
"""

import tempfile
import time
from collections.abc import Callable, Sequence
from typing import ClassVar

import msgspec
from hypothesis import HealthCheck, Phase, Verbosity, seed, settings
from hypothesis import strategies as st
from hypothesis.configuration import set_hypothesis_home_dir
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    initialize,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from transportlab.conformance.random import steps
from transportlab.conformance.random.arms import Stuck
from transportlab.conformance.random.play import Play, Trouble
from transportlab.conformance.random.state import EDITS
from transportlab.conformance.random.steps import APPS, FLAWS, HASHES, JOBS, SPOILS, AnyStep, Wanted

STEPS = 15
"""Most steps of a sequence: enough for three plans that are applied and looked at."""

SHRINK_SECONDS = 60.0
"""How long a failure is shrunk. By then it is small, unless each try takes seconds."""

Drawn = tuple[str, list[tuple[int, str]]]
"""A desired job: its name, then the number of each schedule, and its hash."""


Plans = MultipleResults[int] | int
"""What a rule adds to the plans: one, or none."""


class Found(Exception):
    """A step ended as it must not."""


class Hunt(msgspec.Struct):
    """How a hunt goes: what was tried, and the shortest sequence that failed.

    sequence: the number of the first that failed. stuck: nothing more can be tried. on_sequence:
    called as a sequence begins, with its number.
    """

    sequences: int = 0
    steps: int = 0
    sequence: int = 0
    shortest: Sequence[AnyStep] = ()
    trouble: Trouble | None = None
    stuck: bool = False
    on_sequence: Callable[[int], None] = lambda _: None
    _until: float = 0.0

    def over(self) -> bool:
        """Whether the time to shrink is up."""
        return self.trouble is not None and time.monotonic() > self._until

    def found(self, failed: Sequence[AnyStep], trouble: Trouble) -> None:
        """Keep a sequence that failed, if it is the shortest."""
        if self.trouble is None:
            self.sequence, self._until = self.sequences, time.monotonic() + SHRINK_SECONDS
        elif _size(failed) >= _size(self.shortest):
            return
        self.shortest, self.trouble = tuple(failed), trouble


def _size(sequence: Sequence[AnyStep]) -> tuple[int, int]:
    return len(sequence), len(msgspec.json.encode(sequence))


def often(usual: str, others: Sequence[str]) -> st.SearchStrategy[str]:
    """The usual word half of the time."""
    return st.sampled_from([usual] * len(others) + sorted(others))


APP = st.sampled_from(APPS)
ENTRIES = st.lists(
    st.tuples(st.integers(0, len(steps.MEANINGS) - 1), st.sampled_from(HASHES)),
    min_size=1,
    max_size=3,
)
JOB = st.tuples(st.sampled_from(JOBS), ENTRIES)
DESIRED = st.lists(JOB, max_size=3, unique_by=lambda job: job[0])
FLAW = often("", [*FLAWS])
SPOIL = often("", [*SPOILS, steps.DIGEST])
LIKE = st.sampled_from(["", "same", "fewer", "moved"])
"""What to do with the desired jobs that an app was asked for last.

Take others; take the same, as chance seldom draws them twice; leave out the first of them; give
them other schedules, their hashes as they were.
"""

YES = st.booleans()
PUT_IN = sorted(kind for kind in EDITS if kind.startswith("add-"))
CHANGED = sorted(EDITS.keys() - set(PUT_IN))


class Sequences(RuleBasedStateMachine):
    """One sequence. A subclass names the play and the hunt."""

    play: ClassVar[Play]
    hunt: ClassVar[Hunt]
    plans: Bundle[int] = Bundle("plans")

    def __init__(self) -> None:
        super().__init__()
        self._steps: list[AnyStep] = []
        self._made = 0
        self._last: dict[str, tuple[Wanted, ...]] = {}
        self.hunt.sequences += 1
        self.hunt.on_sequence(self.hunt.sequences)
        if not self.hunt.over() and (trouble := self.play.begin()):
            raise Stuck(trouble.arm, trouble.problem)

    def _do(self, step: AnyStep) -> None:
        if self.hunt.over():
            return
        self._steps.append(step)
        self.hunt.steps += 1
        try:
            trouble = self.play.step(step)
        except Stuck as stuck:
            self.hunt.found(self._steps, Trouble(stuck.arm, stuck.problem))
            raise
        if trouble is not None:
            self.hunt.found(self._steps, trouble)
            raise Found

    def _plan(self, step: steps.Plan) -> int:
        number, self._made = self._made, self._made + 1
        self._last[step.app] = step.jobs
        self._do(step)
        return number

    def _job(self, drawn: Drawn) -> Wanted:
        known = self.play.schedules
        schedules = tuple(known[number % len(known)] for number, _ in drawn[1])
        return Wanted(drawn[0], schedules, tuple(digest for _, digest in drawn[1]))

    def _jobs(self, app: str, drawn: list[Drawn], like: str) -> tuple[Wanted, ...]:
        """The desired jobs that were drawn, or those before, as LIKE has it."""
        last = self._last.get(app, ())
        if not like or not last:
            return tuple(map(self._job, drawn))
        if like == "moved":
            return tuple(map(self._moved, last))
        return last[1:] if like == "fewer" else last

    def _moved(self, job: Wanted) -> Wanted:
        known = self.play.schedules
        moved = (known[(known.index(each) + 1) % len(known)] for each in job.schedules)
        return msgspec.structs.replace(job, schedules=tuple(moved))

    def _have(self, app: str, desired: tuple[Wanted, ...]) -> int:
        number = self._plan(steps.Plan(app, desired, allow_empty=True))
        self._do(steps.Apply(number))
        return number

    def _can(self, *capabilities: str) -> bool:
        return self.play.can.issuperset(capabilities)

    @initialize(target=plans, jobs=st.tuples(DESIRED, DESIRED))
    def start(self, jobs: tuple[list[Drawn], list[Drawn]]) -> Plans:
        """Begin with entries in both apps: chance alone would seldom have any."""
        numbers = []
        for app, drawn in zip(APPS, jobs, strict=True):
            if drawn and self._can("plan", "apply"):
                numbers.append(self._have(app, tuple(map(self._job, drawn))))
        return multiple(*numbers)

    @precondition(lambda self: self._can("plan"))
    @rule(target=plans, app=APP, jobs=DESIRED, allow_empty=YES, flaw=FLAW)
    def plan(self, app: str, jobs: list[Drawn], allow_empty: bool, flaw: str) -> Plans:
        """Plan, and keep the plan for later."""
        desired = tuple(map(self._job, jobs))
        number = self._plan(steps.Plan(app, desired, allow_empty, flaw))
        return number if number in self.play.model.plans else multiple()

    @precondition(lambda self: self._can("plan", "apply"))
    @rule(
        plan=plans,
        without=st.lists(st.integers(0, 3), max_size=2, unique=True),
        turned=YES,
        spoil=SPOIL,
    )
    def apply(self, plan: int, without: list[int], turned: bool, spoil: str) -> None:
        """Apply a plan that was kept."""
        self._do(steps.Apply(plan, tuple(without), turned, spoil))

    @precondition(lambda self: self._can("plan", "apply"))
    @rule(target=plans, app=APP, jobs=DESIRED, like=LIKE)
    def have(self, app: str, jobs: list[Drawn], like: str) -> Plans:
        """Plan, apply that, and keep the plan."""
        return self._have(app, self._jobs(app, jobs, like))

    @precondition(lambda self: self._can("read"))
    @rule(app=st.sampled_from([None, *APPS]))
    def read(self, app: str | None) -> None:
        """Read one app, or all."""
        self._do(steps.Read(app))

    @precondition(lambda self: self._can("drift"))
    @rule(app=APP, jobs=DESIRED, like=LIKE, flaw=FLAW)
    def drift(self, app: str, jobs: list[Drawn], like: str, flaw: str) -> None:
        """Drift."""
        self._do(steps.Drift(app, self._jobs(app, jobs, like), flaw))

    @precondition(lambda self: self._can("verify-ownership"))
    @rule(app=APP, jobs=DESIRED, like=LIKE, flaw=FLAW)
    def verify(self, app: str, jobs: list[Drawn], like: str, flaw: str) -> None:
        """VerifyOwnership."""
        self._do(steps.Verify(app, self._jobs(app, jobs, like), flaw))

    @precondition(lambda self: self._can("prune"))
    @rule(
        app=APP,
        keep=st.lists(st.sampled_from([*JOBS, "gone"]), max_size=3),
        dry_run=YES,
        allow_empty=YES,
    )
    def prune(self, app: str, keep: list[str], dry_run: bool, allow_empty: bool) -> None:
        """Prune."""
        self._do(steps.Prune(app, tuple(keep), dry_run, allow_empty))

    @precondition(lambda self: self._can("adopt"))
    @rule(app=APP, job=JOB, like=LIKE, dry_run=YES)
    def adopt(self, app: str, job: Drawn, like: str, dry_run: bool) -> None:
        """Adopt."""
        wanted = self._job(job)
        if like:
            wanted = next((w for w in self._last.get(app, ()) if w.name == wanted.name), wanted)
        self._do(steps.Adopt(app, wanted, dry_run))

    @precondition(lambda self: self.play.model.in_lines and self._can("plan"))
    @rule(
        kind=st.sampled_from(CHANGED),
        at=st.integers(0, 9),
        schedule=st.integers(0, len(steps.MEANINGS) - 1),
        digest=st.sampled_from(HASHES),
    )
    def edit(self, kind: str, at: int, schedule: int, digest: str) -> None:
        """Change a line that cronix has to do with."""
        word = list(steps.MEANINGS)[schedule]
        self._do(steps.Edit(kind, at, schedule=word, hash=digest))

    @precondition(lambda self: self.play.model.in_lines and self._can("plan"))
    @rule(kind=st.sampled_from(PUT_IN), at=st.integers(0, 20), app=APP, job=JOB)
    def put_in(self, kind: str, at: int, app: str, job: Drawn) -> None:
        """Put a line in."""
        wanted = self._job(job)
        words = wanted.name, wanted.schedules[0], wanted.hashes[0]
        self._do(steps.Edit(kind, at, app, *words))


def hunt(
    play: Play, sequences: int, number: int, on_sequence: Callable[[int], None] = lambda _: None
) -> Hunt:
    """Try so many sequences. number: the seed. The play has learned its terms."""
    found = Hunt(on_sequence=on_sequence)

    class Machine(Sequences):
        """This hunt's own."""

    Machine.play, Machine.hunt = play, found
    how = settings(
        max_examples=sequences,
        stateful_step_count=STEPS,
        database=None,
        deadline=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
        verbosity=Verbosity.quiet,
        report_multiple_bugs=False,
        print_blob=False,
    )
    with tempfile.TemporaryDirectory(prefix="tl-random-") as folder:
        set_hypothesis_home_dir(folder)  # else it makes one where the command runs
        try:
            run_state_machine_as_test(seed(number)(Machine), settings=how)
        except Stuck as stuck:
            found.stuck = True
            if found.trouble is None:
                found.found((), Trouble(stuck.arm, stuck.problem))
        except Exception:
            if found.trouble is None:
                raise  # a bug of the suite
        finally:
            set_hypothesis_home_dir(None)
    return found
