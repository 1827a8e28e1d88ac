"""The plugin on one transport, with one session that stays open from sequence to sequence."""

import contextlib
import threading
from collections.abc import Callable
from functools import partial
from itertools import zip_longest
from queue import Empty, SimpleQueue
from typing import Any, cast

from transportlab.channel import Transport
from transportlab.conformance.ending import Ending
from transportlab.conformance.fixture import FileProblem, Fixture
from transportlab.conformance.patterns import shown
from transportlab.conformance.random.judge import judge
from transportlab.conformance.random.model import Model
from transportlab.conformance.random.steps import APPS, Read, request
from transportlab.conformance.steps import Player
from transportlab.conformance.subject import Program, Subject
from transportlab.conformance.vectors import Call, Vector
from transportlab.errors import LabError
from transportlab.host import HostSession
from transportlab.redact import Redactor

VECTOR = Vector(
    id="random-sequences",
    group="random",
    clauses=("P-READ-1", "P-PLAN-1", "P-APPLY-1", "P-DRIFT-1", "P-PRUNE-1", "P-ADOPT-2"),
    level=3,
    why="Operations one after the other show what no vector has thought of.",
    cause="Something that an earlier operation left behind is not taken into account.",
    steps=(Call("Read"),),
)
"""What stands for all sequences among the results of a run."""

SPARE_SECONDS = 5.0
"""How much longer than its deadline a call in this process may take (P-FFI-6)."""

TAIL = 20
"""Last lines of stderr that a capsule keeps."""


class Stuck(BaseException):
    """Nothing can go on with an arm: a call in this process does not come back, for instance.

    It is no Exception, after which Hypothesis would go on.
    """

    def __init__(self, arm: "Arm", problem: str) -> None:
        super().__init__(problem)
        self.arm, self.problem = arm, problem


class Unclean(LabError):
    """The plugin cannot be brought back to a store without our entries."""


class Caller:
    """A thread that makes one call after another, each of which may be given up."""

    def __init__(self) -> None:
        self._calls: SimpleQueue[Callable[[], Ending] | None] = SimpleQueue()
        self._endings: SimpleQueue[Ending | BaseException] = SimpleQueue()
        threading.Thread(target=self._work, name="caller", daemon=True).start()

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            try:
                self._endings.put(call())
            except BaseException as error:  # it is raised in the thread that called
                self._endings.put(error)

    def call(self, call: Callable[[], Ending], seconds: float) -> Ending:
        """Make a call. Raises Empty if it does not end in time; nothing more can then be called."""
        self._calls.put(call)
        ending = self._endings.get(timeout=seconds)
        if isinstance(ending, BaseException):
            raise ending
        return ending

    def end(self) -> None:
        """End the thread, after the call that it makes."""
        self._calls.put(None)


class Arm:
    """A transport with a codec. seconds: the deadline of each call."""

    def __init__(self, subject: Subject, transport: Transport, codec: str, seconds: float) -> None:
        self.transport, self.codec = transport, codec
        self.name = f"{transport.name}-{codec}"
        self.redactor = Redactor(subject.secrets)
        self.plans: dict[int, dict[str, Any]] = {}
        self.calls: list[dict[str, Any]] | None = None
        self.capabilities: tuple[str, ...] = ()
        self._subject, self._seconds = subject, seconds
        self._in_lines = "crontab-file" in subject.features()
        self._undo = contextlib.ExitStack()
        self._session: HostSession | None = None
        self._lost = False
        self._caller: Caller | None = None

    def open(self) -> None:
        """Start the plugin in a fresh directory. Raises LabError."""
        self.close()
        subject = self._subject
        with contextlib.ExitStack() as undo:
            fixture = Fixture(VECTOR)
            undo.callback(fixture.remove)
            config = fixture.config({**subject.config, **subject.secrets})
            program = Program(subject.plugin, self.transport, self.codec, config, subject.secrets)
            # Nothing is attached to, so the suite starts it.
            session = undo.enter_context(cast("HostSession", program.session(opens=True)))
            self._player = Player(session, fixture, program)
            self._session, self._fixture, self._lost = session, fixture, False
            self.capabilities = session.info.capabilities
            self._undo = undo.pop_all()

    def close(self) -> None:
        """Stop the plugin, if it runs."""
        self._session = None
        if self._caller is not None:
            self._caller.end()
            self._caller = None
        self._undo.close()

    def begin(self, model: Model) -> None:
        """Go back to the model's state, in which there are no entries of ours. Raises LabError."""
        self.plans = {}
        if self._session is None or self._lost or self._clean(model):
            self.open()
            if problem := self._clean(model):
                raise Unclean(f"the store cannot be cleared: {problem}")

    def _clean(self, model: Model) -> str:
        """Remove what an earlier sequence has left. Returns what is in the way."""
        if self._in_lines:
            return self.write(model)
        if "prune" in self.capabilities:
            for app in APPS:
                ending = self.call("Prune", {"app": app, "allow_empty": True})
                if ending.error is not None or ending.lost:
                    return f"Prune: expected a good end, got {ending.text()}"
        return self.left(model)

    def tail(self) -> list[str]:
        """The last lines of the plugin's stderr."""
        process = None if self._session is None else self._session.process
        return [] if process is None else list(process.tail)[-TAIL:]

    def call(self, method: str, message: dict[str, Any]) -> Ending:
        """Make a call within its bound. Raises Stuck."""
        step = Call(method, message, timeout=self._seconds)
        if self.transport.traits.isolated:
            ending = self._player.ending(step)
        else:
            ending = self._within(self._seconds + SPARE_SECONDS, step)
        self._lost = self._lost or bool(ending.lost)  # begin() starts another
        if self.calls is not None:
            told = {"method": method, "request": message, "ending": ending.plain()}
            self.calls.append(self.redactor.value(told))
        return ending

    def _within(self, seconds: float, step: Call) -> Ending:
        """Make a call in the arm's thread. Raises Stuck, and leaves the thread behind."""
        if self._caller is None:
            self._caller = Caller()
        try:
            return self._caller.call(partial(self._player.ending, step), seconds)
        except Empty:
            self._caller.end()
            self._caller = None
            # The end of the session would wait for the call.
            self._undo.pop_all()
            self._undo.callback(self._fixture.remove)
            self._session = None
            raise Stuck(self, f"{step.method}: no end within {seconds:g} s") from None

    def write(self, model: Model) -> str:
        """Write the crontab, as an editor does. Returns what is in the way."""
        try:
            self._fixture.write(model.data())
        except FileProblem as problem:
            return str(problem)
        return ""

    def left(self, model: Model) -> str:
        """How the state differs from the model's; empty if it does not."""
        if self._in_lines:
            return self._file_problem(model.data())
        if "read" not in self.capabilities:
            return ""
        apps = (None,) if "fresh-store" in self._subject.features() else APPS
        for app in apps:
            step = Read(app)
            problem, _ = judge(model.expect(step), self.call("Read", request(step)))
            if problem:
                return f"Read after it: {problem}"
        return ""

    def _file_problem(self, wanted: bytes) -> str:
        try:
            data = self._fixture.read()
        except FileProblem as problem:
            return str(problem)
        return "" if data == wanted else f"the file: {_difference(wanted, data)}"


def _difference(wanted: bytes, data: bytes) -> str:
    """The first line in which two files differ."""
    pairs = zip_longest(wanted.split(b"\n"), data.split(b"\n"))
    found = ((n, *lines) for n, lines in enumerate(pairs, 1) if lines[0] != lines[1])
    number, line, got = next(found)
    return f"line {number}: expected {_shown(line)}, got {_shown(got)}"


def _shown(line: bytes | None) -> str:
    return "the end of the file" if line is None else shown(line)
