"""Carries out the steps of one vector in one session, and judges how each of them ends.

What is wrong with the plugin is returned as text, or raised as a LabError (FileProblem). Anything
else that is raised is an error of the suite itself: ValueProblem for a vector that cannot be
carried out, another exception for a bug.
"""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import msgspec
from msgspec import UNSET
from msgspec.structs import replace

from transportlab import model
from transportlab.conformance.ending import LOST, Ending, judge, tally, with_texts
from transportlab.conformance.fixture import Fixture
from transportlab.conformance.generators import CONFIG, ValueProblem, evaluate
from transportlab.conformance.patterns import mismatch, shown
from transportlab.conformance.subject import STOP_SECONDS, Program, Session
from transportlab.conformance.vectors import (
    Call,
    Edit,
    Expect,
    File,
    Have,
    Receive,
    Send,
    Start,
    Step,
    Stop,
    Together,
)
from transportlab.conformance.wire import APP, STEP_SECONDS, WIRE_ACTS, WirePlayer
from transportlab.context import Cancellation, Context
from transportlab.errors import PluginError, RpcError, TransportError
from transportlab.methods import METHODS, Method
from transportlab.raw import RawWire

AGAIN_SECONDS = 0.02
"""Pause before a step with `eventually` is repeated."""

NO_ATTRIBUTE = "no_such_method"
"""The attribute of a Backend for a method that is not in the contract: there is none."""


class Player:
    """Plays the steps of one vector.

    app: an app name of the vector's own. wire: the plugin's raw one, for a vector of bytes.
    scope: what was saved, see generators.Scope. endings: what the oracle compares.
    """

    def __init__(
        self,
        session: Session,
        fixture: Fixture,
        program: Program,
        app: str = "",
        wire: RawWire | None = None,
    ) -> None:
        self._session = session
        self._fixture = fixture
        self._program = program
        self.scope: dict[str, Any] = {CONFIG: program.config, APP: app}
        seconds = program.within(STEP_SECONDS)
        self._wire = None if wire is None else WirePlayer(wire, self.scope, seconds)
        self._files = {"start": fixture.read()}
        self.endings: list[Any] = []

    def play(self, step: Step) -> str:
        """Carry a step out. Returns what is wrong with how it ended, empty if nothing."""
        return ACTS[type(step)](self, step)

    # ---- calls

    def call(self, step: Call) -> str:
        """Make the call, repeatedly if the step says so."""
        expect = self._expected(step.expect)
        ending = self.ending(step)
        while problem := judge(expect, ending):
            if ending.lost or not step.eventually:
                break
            time.sleep(AGAIN_SECONDS)
            ending = self.ending(step)
        if step.save:
            self.scope[step.save] = (
                list(ending.events or ()) if ending.reply is None else ending.reply
            )
        if step.compare and not step.eventually:
            self.endings.append(ending.plain())
        return problem

    def _expected(self, expect: Expect) -> Expect:
        members = {name: getattr(expect, name) for name in ("reply", "events", "error")}
        found = {n: evaluate(v, self.scope) for n, v in members.items() if v is not UNSET}
        return msgspec.structs.replace(expect, **found) if found else expect

    def ending(self, step: Call) -> Ending:
        """Make the call once."""
        method, request = _message(step, evaluate(step.request, self.scope))
        events: list[Any] | None = [] if method.streams else None
        try:
            with (
                _switch(step) as switch,
                self._program.calling(self._session, step.secret) as channel,
            ):
                context = Context(timeout=step.timeout, cancellation=switch)
                if events is None:
                    reply = channel.unary(method, request, context)
                    return Ending(reply=self._plain(reply))
                stream: Any = channel.stream(method, request, context)
                for event in stream:
                    events.append(self._plain(event))
                    if len(events) == step.cancel_at_event:
                        switch.cancel()
                    if len(events) == step.abandon_at_event:
                        stream.close()
            return Ending(events=events)
        except RpcError as error:
            return Ending(events=events, error=self._plain_error(error))
        except (TransportError, PluginError) as error:
            return Ending(events=events, lost=str(error))

    def _plain(self, message: object) -> Any:
        return with_texts(msgspec.to_builtins(message), self._fixture.neutral)

    def _plain_error(self, error: RpcError) -> Any:
        details = msgspec.to_builtins(error.details)
        whole = {"code": error.code.name, "message": error.message, **details}
        return with_texts(whole, self._fixture.neutral)

    def have(self, step: Have) -> str:
        """Plan and Apply, repeatedly if the step says so."""
        while (problem := self._have(step)) and step.eventually and LOST not in problem:
            time.sleep(AGAIN_SECONDS)
        return problem

    def _have(self, step: Have) -> str:
        request = {"app": step.app, "jobs": step.jobs, "allow_empty": True}
        plan = self.ending(Call("Plan", request))
        if plan.error or plan.lost:
            return f"Plan: expected a good end, got {plan.text()}"
        applied = self.ending(Call("Apply", {"plan": plan.reply}))
        if applied.error or applied.lost:
            return f"Apply: expected a good end, got {applied.text()}"
        return ""

    def together(self, step: Together) -> str:
        """Run the steps concurrently, and judge each by its own expectation or by the outcomes."""
        steps = [inner for inner in step.steps for _ in range(step.times)]
        alternatives = [
            msgspec.structs.replace(a, expect=self._expected(a.expect)) for a in step.outcomes
        ]
        gate = threading.Barrier(len(steps))

        def run(inner: Call | Have | Stop) -> str | Ending:
            gate.wait()
            if alternatives and isinstance(inner, Call):
                return self.ending(inner)
            return self.play(inner)

        before = len(self.endings)
        with ThreadPoolExecutor(len(steps)) as pool:
            found = list(pool.map(run, steps))
        del self.endings[before:]  # their order differs from run to run
        problems = [item for item in found if isinstance(item, str) and item]
        endings = [item for item in found if isinstance(item, Ending)]
        return "; ".join(problems[:3]) or tally(alternatives, endings)

    # ---- the file

    def edit(self, step: Edit) -> str:
        """Edit the file as an operator would."""
        data = self._fixture.read()
        old, new = (evaluate(text, self.scope).encode() for text in (step.old, step.new))
        if data.count(old) != 1:
            return f"the file: expected {old!r} once, got {shown(data)}"
        self._fixture.write(data.replace(old, new))
        return ""

    def file(self, step: File) -> str:
        """Compare the file with what the step says of it."""
        data = self._fixture.read()
        if step.save:
            self._files[step.save] = data
        wanted = self._files[step.same] if step.same else data
        if step.text is not UNSET:
            wanted = evaluate(step.text, self.scope).encode()
        if data != wanted:
            return f"the file: expected {shown(wanted, 900)}, got {shown(data, 900)}"
        lines = data.decode("utf-8", "backslashreplace").split("\n")
        gone = [line for line in step.has if line not in lines]
        there = [line for line in step.lacks if line in lines]
        if gone or there:
            return f"the file: expected lines {gone}, and no lines {there}, got {shown(data, 900)}"
        return ""

    # ---- the wire and the process

    def bytes(self, step: Send | Receive) -> str:
        """Write to the plugin's wire, or read from it."""
        if self._wire is None:
            raise ValueProblem("bytes need a vector in the folder of a transport")
        return WIRE_ACTS[type(step)](self._wire, step)

    def start(self, step: Start) -> str:
        """Start the program a second time, by hand."""
        found = self._program.start(step)
        return mismatch(evaluate(step.expect, self.scope), found)

    def stop(self, step: Stop) -> str:
        """Close the plugin's stdin, and wait until its process has ended."""
        process = self._session.process
        if process is None:
            raise ValueProblem("stop: there is no process; the vector needs the trait isolated")
        process.stop(STOP_SECONDS)
        return mismatch(step.exit, process.exit, "exit")


ACTS: dict[type, Callable[[Player, Any], str]] = {
    Call: Player.call,
    Have: Player.have,
    Edit: Player.edit,
    File: Player.file,
    Together: Player.together,
    Start: Player.start,
    Stop: Player.stop,
    Send: Player.bytes,
    Receive: Player.bytes,
}


def _message(step: Call, value: Any) -> tuple[Any, Any]:
    """The method of a call, and its request made from the vector's value."""
    method: Any = METHODS.get(step.method) or Method(  # some vectors call what is not there
        step.method, NO_ATTRIBUTE, model.ReadRequest, model.ReadReply
    )
    if step.raw:
        return replace(method, request=dict), value
    try:
        return method, msgspec.convert(value, method.request)
    except msgspec.ValidationError as error:
        raise ValueProblem(f"{step.method}: no request: {error}") from error


@contextmanager
def _switch(step: Call) -> Iterator[Cancellation]:
    """The call's Cancellation: cancelled before the call, or after some time, as the step says."""
    switch = Cancellation()
    if step.cancel_after is None:
        if step.cancel_at_event == 0:
            switch.cancel()
        yield switch
        return
    timer = threading.Timer(step.cancel_after, switch.cancel)
    timer.daemon = True
    timer.start()
    try:
        yield switch
    finally:
        timer.cancel()
        timer.join()
