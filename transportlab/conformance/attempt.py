"""One attempt at one vector: directory, plugin, session, steps, and the check of foreign lines.

Vectors of bytes may share a plugin, which a start each would make slow. After each of them it must
still answer a host's call, and nothing may be left on the wire.
"""

import contextlib
import traceback
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from transportlab import __version__, model
from transportlab.backend import PROTOCOL_VERSIONS
from transportlab.conformance.apps import own_apps, wire_app
from transportlab.conformance.fixture import Fixture
from transportlab.conformance.generators import ValueProblem
from transportlab.conformance.patterns import cut, shown
from transportlab.conformance.result import Failure, Outcome, Status
from transportlab.conformance.steps import Player
from transportlab.conformance.subject import CLOSE_SECONDS, Program, Session
from transportlab.conformance.vectors import Step, Vector
from transportlab.conformance.wire import open_wire
from transportlab.context import Context
from transportlab.errors import LabError, PluginError, RpcError, UsageError
from transportlab.methods import CLOSE_SESSION, METHODS, OPEN_SESSION
from transportlab.raw import RawWire

SHOWN = 600
"""How many characters of a step a failure shows."""

PRUNE_SECONDS = 5.0
"""How long each Prune may take that cleans up."""

PROBE_SECONDS = 5.0
"""How long a plugin that vectors share may take to answer a call after one of them."""

MACHINE = ("E-FOLDER",)
"""Codes of a PluginError that say nothing of the plugin: the machine has no room for its start."""

EXPECTATIONS = ("expect", "outcomes")
"""Members of a step that are not shown with it, because the problem quotes them."""


class Shared:
    """A plugin with an open session, which several vectors use in turn.

    It is started when a vector first needs it, and again after drop(). before: the ids of those
    that it has carried out.
    """

    def __init__(
        self, program: Callable[[Mapping[str, str]], Program], config: Mapping[str, str]
    ) -> None:
        self._program = program
        self._config = config
        self._undo = contextlib.ExitStack()
        self._made: tuple[Session, Fixture, Program] | None = None
        self.before: list[str] = []

    def made(self, vector: Vector) -> tuple[Session, Fixture, Program]:
        """The session, its directory and its program. Raises LabError."""
        if self._made is None:
            with contextlib.ExitStack() as undo:
                fixture = Fixture(vector)
                undo.callback(fixture.remove)
                program = self._program(fixture.config(self._config))
                session = program.session(opens=True)
                undo.enter_context(session)
                self._made = session, fixture, program
                self._undo = undo.pop_all()
        return self._made

    def drop(self) -> None:
        """Stop the plugin, if it runs."""
        self._made = None
        self.before.clear()
        self._undo.close()


class Attempt:
    """One vector, with a plugin of its own or the shared one.

    run() goes in a thread and sets outcome; kill() comes from another thread, if that takes too
    long. number and doing tell which step it is in; ended, whether run() is through. program makes
    the Program from a config.
    prunes: whether the store may be one that others use too, so that clean() is to be called before
    and after. shared: the plugin to use, if it is not the vector's own.
    """

    def __init__(
        self,
        vector: Vector,
        program: Callable[[Mapping[str, str]], Program],
        config: Mapping[str, str],
        *,
        prunes: bool = False,
        shared: Shared | None = None,
    ) -> None:
        self._vector = vector
        self._own, apps = own_apps(vector)
        self._apps = apps if prunes else ()
        self._program = program
        self._config = config
        self._session: Session | None = None
        self._shared = shared
        self._killed = False
        self.ended = False
        self.number = 0
        self.doing = "start the plugin"
        self.outcome = Outcome(vector, Status.HARNESS_ERROR, reason="the vector did not run")

    def run(self) -> None:
        """Carry the vector out and set outcome. Never raises."""
        try:
            self._run()
        except Exception:  # a bug in the suite: the other vectors go on
            self._error(traceback.format_exc(limit=-4))
        finally:
            self.ended = True

    def _error(self, text: str) -> None:
        self.outcome = Outcome(self._vector, Status.HARNESS_ERROR, reason=text)

    def _run(self) -> None:
        try:
            if self._shared is None:
                self._run_alone()
            else:
                self._run_shared(*self._shared.made(self._vector))
        except (ValueProblem, UsageError) as error:
            self._error(f"step {self.number}: {error}")
        except LabError as error:
            failure = Failure(self.number, self.doing, str(error))
            self.outcome = lost(self._vector, failure, error)

    def _run_alone(self) -> None:
        fixture = Fixture(self._vector)
        try:
            program = self._program(fixture.config(self._config))
            with program.session() as session, self._wire(session, program) as wire:
                self._session = session
                if self._killed:
                    return
                if self._vector.opens:
                    self.doing = "OpenSession"
                    request = model.OpenSessionRequest(
                        __version__, PROTOCOL_VERSIONS, program.config
                    )
                    session.channel.unary(OPEN_SESSION, request, Context())
                if self._play(session, fixture, program, wire):
                    with contextlib.suppress(LabError):
                        bounded = Context(timeout=program.within(CLOSE_SECONDS))
                        session.channel.unary(CLOSE_SESSION, model.CloseSessionRequest(), bounded)
        finally:
            fixture.remove()

    def _run_shared(self, session: Session, fixture: Fixture, program: Program) -> None:
        self._session = session
        with self._wire(session, program) as wire:
            if not self._play(session, fixture, program, wire) or wire is None:
                return
            self.doing = "call Read, as a host does, after all that"
            if left := wire.left():
                self._failed(f"more has come than was asked for: {shown(left)}")
                return
        with contextlib.suppress(RpcError):  # an error is an answer, too
            bounded = Context(timeout=program.within(PROBE_SECONDS))
            session.channel.unary(METHODS["Read"], model.ReadRequest("web"), bounded)

    @contextlib.contextmanager
    def _wire(self, session: Session, program: Program) -> Iterator[RawWire | None]:
        if not self._vector.transport:
            yield None
            return
        wire = open_wire(program.transport, program.met(session))
        try:
            yield wire
        finally:
            wire.close()

    def clean(self) -> None:
        """Remove the entries of the vector's apps, in a session of its own, if it prunes.

        What keeps it from that is told by the vectors of Prune.
        """
        if not self._apps:
            return
        fixture = Fixture(self._vector)
        program = self._program(fixture.config(self._config))
        with contextlib.suppress(LabError), program.session(opens=True) as session:
            for app in self._apps:
                request = model.PruneRequest(app, allow_empty=True)
                bounded = Context(timeout=program.within(PRUNE_SECONDS))
                session.channel.unary(METHODS["Prune"], request, bounded)
        fixture.remove()

    def _failed(self, problem: str) -> None:
        failure = Failure(self.number, self.doing, problem)
        self.outcome = Outcome(self._vector, Status.FAIL, failure=failure)

    def _play(
        self, session: Session, fixture: Fixture, program: Program, wire: RawWire | None
    ) -> bool:
        """Carry the steps out. Returns whether all went well."""
        patience = max(program.patience, self._vector.patience)
        program = msgspec.structs.replace(program, patience=patience)
        player = Player(session, fixture, program, wire_app(self._vector), wire)
        for number, step in enumerate(self._own.steps, 1):
            if self._killed:  # during the start
                return False
            self.number = number
            self.doing = describe(step)
            if problem := player.play(step):
                self._failed(problem)
                return False
        if fixture.harmed():
            self.doing = "look at the lines that the plugin does not own"
            self._failed("a line that is not the plugin's was changed, removed or added")
            return False
        self.outcome = Outcome(self._vector, Status.PASS, transcript=tuple(player.endings))
        return True

    def kill(self) -> None:
        """End the plugin, or without a process its channel, so that run() returns."""
        self._killed = True
        session = self._session
        if session is None:
            return  # a start has bounds of its own
        if session.process is not None:
            session.process.stop(CLOSE_SECONDS)
        else:
            session.channel.close()


def lost(vector: Vector, failure: Failure, error: LabError) -> Outcome:
    """The outcome of a vector that an error ended: the plugin's failure, unless the machine's."""
    if isinstance(error, PluginError) and error.code in MACHINE:
        return Outcome(vector, Status.NOT_RUN, reason=failure.problem)
    return Outcome(vector, Status.FAIL, failure=failure)


def describe(step: Step) -> str:
    """A step as its vector has it: JSON without members that have their default."""
    members: dict[str, Any] = msgspec.to_builtins(step)
    usual = {f.name: f for f in msgspec.structs.fields(step) if not f.required}
    for name, member in usual.items():
        if name in EXPECTATIONS or getattr(step, name) == member.default:
            members.pop(name, None)
    text = msgspec.json.encode(members).decode()
    return cut(text, SHOWN)
