"""An arm: one transport with one codec, and how it carries out a vector.

1. Can anything run here? If a library of the transport is not installed, or the lab's own plugin
   is not built, every vector is "not run", with the reason.
2. Does the arm support what the vector requires? The vector's needs are compared with the
   transport's traits, the codec, and the plugin's kind, features and capabilities. If one of them
   is not met, the vector is "unsupported", with the reason. A plugin is asked for its capabilities
   once, in a session of its own. If that does not open, vectors above OPENING_LEVEL fail without
   an attempt; those of that level run, because they show what is wrong. If the plugin writes no
   handshake line at all, none runs, as each would only wait as long again.
3. An Attempt carries the vector out: a fresh directory, a fresh plugin, app names of its own, one
   session, the steps one by one. So no vector depends on another, and each can be repeated alone.
   If the plugin does not offer a fresh store, what the vector makes there is pruned before and
   after. Vectors of bytes that leave the plugin in order share one, as long as none fails. If the
   plugin's author has started it (attach.py), all vectors share that one.

The attempt runs in a thread of its own, so that every vector ends:

    Options.timeout   bounds the attempt. After it the plugin is killed and the vector fails, with
                      the step that it was in.
    KILL_SECONDS      bounds the wait for the thread to end after that. A thread that still runs is
                      left behind: that is a backend in this process which ignores its Context.

No transport is named here: what an arm can run follows from traits and capabilities alone.
"""

import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import redirect_stderr
from functools import cached_property, partial
from io import StringIO

import msgspec
from msgspec.structs import replace

from transportlab.backend import CAPABILITIES
from transportlab.channel import EndpointKind, Transport
from transportlab.conformance.attempt import PROBE_SECONDS, Attempt, Shared, lost
from transportlab.conformance.crew import Task
from transportlab.conformance.fixture import Fixture
from transportlab.conformance.result import (
    NO_SESSION,
    ArmResult,
    Captured,
    Failure,
    Outcome,
    Status,
)
from transportlab.conformance.subject import HANDSHAKE_SECONDS, STOP_SECONDS, Program, Subject
from transportlab.conformance.transcript import Transcript
from transportlab.conformance.vectors import Call, Have, Send, Together, Vector
from transportlab.conformance.wire import STEP_SECONDS
from transportlab.context import Cancellation
from transportlab.errors import LabError, PluginError, RpcError
from transportlab.host.discovery import find
from transportlab.methods import METHODS
from transportlab.redact import Redactor
from transportlab.registry import lacks, not_built, not_installed, transport_module

KILL_SECONDS = 12.0
"""How long to wait for a vector's thread after its plugin was killed.

A kill does not end the start of a plugin, which has bounds of its own: handshake (5 s), stop (4 s).
"""

LEAST_BOUND = min(STEP_SECONDS, HANDSHAKE_SECONDS, PROBE_SECONDS, STOP_SECONDS / 2)
"""What fails sooner was not ended by a bound of the suite."""

_TIMED = re.compile(rb'"(timeout|cancel_after|silent)":-?0*[1-9.]|!(sleep|block|events):')
"""What a vector has whose steps are about time."""

OPENING_LEVEL = 0
"""Vectors of this level run even if the plugin opens no session."""


_NAMED = re.compile(r"(?<=['/])\w+")
"""What may name a method in a step of bytes: a path ends in it, and in JSON it is a text."""


class Options(msgspec.Struct, frozen=True):
    """How to run.

    codec: only this one; None for all of each transport.
    timeout: bounds one vector, in seconds.
    on_arm, on_result: called as an arm, and as a vector on an arm, has ended.
    captures: whether each outcome gets what passed between the suite and the plugin.
    trace: called with each line of that as it happens.
    jobs: how many vectors run at once.
    """

    codec: str | None = None
    timeout: float = 10.0
    on_arm: Callable[[ArmResult], None] | None = None
    on_result: Callable[[ArmResult, Outcome], None] | None = None
    captures: bool = False
    trace: Callable[[str], None] | None = None
    jobs: int = 1


class Arm:
    """One transport with one codec, for one subject. result: what told() fills.

    outcome() may be called in any order and as often as one likes; close() at the end. stop: ends
    what runs.
    """

    def __init__(
        self,
        transport: Transport,
        codec: str,
        subject: Subject,
        stop: Cancellation,
        options: Options,
    ) -> None:
        self._transport, self._codec = transport, codec
        self._subject, self._options, self._stop = subject, options, stop
        self._redactor = Redactor(subject.secrets)
        self._transcript: Transcript | None = None
        if options.captures or options.trace is not None:
            self._transcript = Transcript(subject.secrets, options.trace)
        self._shared: dict[str, Shared] = {}
        self._probed: Captured | None = None
        self._known: dict[str, Sequence[str] | LabError] = {}
        self._asking = threading.Lock()
        self._asked: Counter[str] = Counter()
        self.result = ArmResult(transport.name, codec, wire=transport.traits.wire)

    def told(self, outcome: Outcome) -> None:
        """Add an outcome to the result."""
        self.result.outcomes.append(outcome)
        if self._options.on_result is not None:
            self._options.on_result(self.result, outcome)

    def task(self, vector: Vector) -> Task[Outcome]:
        """The vector as a task, with what it may share with others; see the module."""
        keys: set[Hashable] = set()
        if not self._transport.traits.isolated:
            keys.add("this process")
        if vector.shares:
            keys.add((self.result.name, self._subject.of(vector)[0]))
        if self._transcript is not None:
            keys.add(self.result.name)
        if self._used:
            keys.add(vector.id)
        return Task(partial(self.outcome, vector), frozenset(keys), partial(self._doubts, vector))

    def _doubts(self, vector: Vector, outcome: Outcome) -> bool:
        """Whether what ran beside it may have made it fail, and a second try is a fair one."""
        if outcome.status is not Status.FAIL:
            return False
        if outcome.untried:
            self._ask_again(vector)
            return True
        if vector.shares:  # a second try would have another history
            return False
        late = outcome.seconds >= min(LEAST_BOUND, self._options.timeout)
        timed = _TIMED.search(msgspec.json.encode(vector))
        return bool(late or timed or self._used)

    def _ask_again(self, vector: Vector) -> None:
        """Forget that no session opens, if the plugin was asked but once, beside others."""
        plugin, _ = self._subject.of(vector)
        with self._asking:
            if self._asked[plugin] == 1:
                self._known.pop(plugin, None)

    @property
    def _used(self) -> bool:
        """Whether the store may be one that others use, too."""
        attached = self._subject.attached
        if attached is not None:
            return not attached.own
        return "fresh-store" not in self._subject.features()

    def takes(self, vector: Vector) -> bool:
        """Whether the vector is not of another transport's wire."""
        return vector.transport in ("", self._transport.name)

    def close(self) -> None:
        """Stop the plugins that vectors share."""
        for shared in self._shared.values():
            shared.drop()

    def outcome(self, vector: Vector) -> Outcome:
        """How the vector ends here."""
        plugin, _ = self._subject.of(vector)
        if not self._absent:
            with self._asking:
                if plugin not in self._known:
                    self._asked[plugin] += 1
                    self._known[plugin] = self._capabilities(vector)
        return self._outcome(vector, self._absent, self._known.get(plugin, ()))

    @cached_property
    def _absent(self) -> str:
        """Why nothing can run on this arm; empty if something can."""
        if lacking := not_installed(self._transport, self._codec):
            return lacking
        library = self._transport.traits.endpoint is EndpointKind.LIBRARY
        if library and self._subject.reference:
            try:
                find(self._subject.plugin, library=True)
            except PluginError as error:
                return f"{not_built(self._transport)} ({error.problem})"
        return ""

    def _capabilities(self, vector: Vector) -> Sequence[str] | LabError:
        """What the vector's plugin declares that it can do; or why no session opens to ask it."""
        if self._subject.unreachable(self._transport):
            return ()
        if (attached := self._subject.attached) is not None:
            return CAPABILITIES if attached.own else self._declared(vector)
        fixture = Fixture(vector)
        plugin, template = self._subject.of(vector)
        if plugin == self._subject.plugin:
            template = self._subject.config
        config = fixture.config({k: v for k, v in template.items() if k != "faults"})
        self._begin(f"{plugin}, to learn what it can do")
        try:
            with self._program(plugin, config).session(opens=True) as session:
                return session.info.capabilities
        except LabError as error:
            if self._transcript is not None:
                self._probed = self._transcript.captured()
            return self._redactor.error(error)
        finally:
            fixture.remove()

    def _begin(self, what: str) -> None:
        """Begin the transcript of a vector, or of something else."""
        if self._transcript is not None:
            self._transcript.begin(f"{self._transport.name}-{self._codec} {what}")

    def _declared(self, vector: Vector) -> Sequence[str] | LabError:
        """What the plugin that vectors share declares that it can do."""
        try:
            return self._sharing(vector).made(vector)[0].info.capabilities
        except LabError as error:
            return self._redactor.error(error)

    def _sharing(self, vector: Vector) -> Shared:
        """The plugin that the vector shares with others."""
        plugin, template = self._subject.of(vector)
        return self._shared.setdefault(plugin, Shared(partial(self._program, plugin), template))

    def _program(self, plugin: str, config: Mapping[str, str]) -> Program:
        subject = self._subject
        secrets = subject.secrets if plugin == subject.plugin else {}
        return Program(
            plugin,
            self._transport,
            self._codec,
            {**config, **secrets},
            secrets,
            self._transcript,
            subject.attached,
            subject.patience,
            self._stop,
        )

    def _outcome(self, vector: Vector, absent: str, known: Sequence[str] | LabError) -> Outcome:
        """absent: see _absent; known: see _capabilities()."""
        if absent:
            return Outcome(vector, Status.NOT_RUN, reason=absent)
        reason = self._subject.unreachable(self._transport) or self._unsupported(vector, known)
        if reason:
            return Outcome(vector, Status.UNSUPPORTED, reason=reason)
        attached = self._subject.attached
        refused = "" if attached is None else attached.refuses(vector)
        if refused := refused or (self._wire_lacks() if vector.transport else ""):
            return Outcome(vector, Status.NOT_RUN, reason=refused)
        if isinstance(known, LabError) and (vector.level > OPENING_LEVEL or _silent(known)):
            outcome = lost(vector, Failure(0, NO_SESSION, f"no session opens: {known}"), known)
            outcome.captured = self._probed
            return outcome
        prunes = self._used and not isinstance(known, LabError) and "prune" in known
        if self._transport.traits.isolated:
            return self._attempt(vector, prunes=prunes)
        with redirect_stderr(StringIO()):  # a backend in this process writes its log there
            return self._attempt(vector, prunes=prunes)

    def _wire_lacks(self) -> str:
        """Which libraries of the transport's raw wire are not installed; empty if none."""
        raw = transport_module(self._transport.name, "raw")
        missing = [name for name in raw.REQUIRES if lacks(name)] if raw else []
        return f"no {', '.join(missing)}; pip install 'transportlab[wire]'" if missing else ""

    def _unsupported(self, vector: Vector, known: Sequence[str] | LabError) -> str:
        """What the vector requires and this arm does not support; empty if nothing."""
        needs, traits = vector.needs, self._transport.traits
        lacking = [f"trait {n} {v}" for n, v in needs.traits.items() if getattr(traits, n) != v]
        lacking += [f"feature {n}" for n in needs.features if n not in self._subject.features()]
        if needs.codecs and self._codec not in needs.codecs:
            lacking.append(f"codec {' or '.join(needs.codecs)}")
        if self._codec != traits.codecs[0] and _refuses_codec(known):
            lacking.append(f"codec {self._codec}, which the plugin does not have")
        if not isinstance(known, LabError):
            wanted = {*needs.capabilities, *_capabilities(vector)}
            lacking += [f"capability {name}" for name in sorted(wanted - set(known))]
        return f"needs {', '.join(lacking)}" if lacking else ""

    def _attempt(self, vector: Vector, *, prunes: bool) -> Outcome:
        """Carry the vector out within the bounds; see the module."""
        plugin, template = self._subject.of(vector)
        program = partial(self._program, plugin)
        attached = self._subject.attached
        shares = vector.shares if attached is None else not attached.own
        shared = self._sharing(vector) if shares else None
        attempt = Attempt(vector, program, template, prunes=prunes, shared=shared)
        timeout = max(self._options.timeout, self._subject.patience, 2 * vector.patience)
        news = threading.Event()

        def run() -> None:
            attempt.run()
            news.set()

        thread = threading.Thread(target=run, name=vector.id, daemon=True)
        attempt.clean()
        self._begin(vector.id)
        begin = time.monotonic()
        thread.start()
        forget = self._stop.on_cancel(news.set)
        news.wait(timeout)
        forget()
        if hangs := not attempt.ended:
            attempt.kill()
            thread.join(KILL_SECONDS)
        outcome = self._redactor.value(attempt.outcome)
        if hangs:
            problem = f"no end within {timeout:g} s; the session was killed"
            failure = Failure(attempt.number, attempt.doing, problem)
            outcome = Outcome(vector, Status.FAIL, failure=failure)
        if self._transcript is not None:
            before = tuple(shared.before) if shared is not None else ()
            outcome.captured = replace(self._transcript.captured(), before=before)
        if shared is not None:
            shared.before.append(vector.id)
        if attached is not None and outcome.status is not Status.PASS:
            attached.look()
        elif shared is not None and outcome.status is not Status.PASS:
            shared.drop()
        outcome.seconds = time.monotonic() - begin
        attempt.clean()
        return outcome


def _silent(error: LabError) -> bool:
    """Whether the plugin writes no line: each vector would only wait for it once more."""
    return isinstance(error, PluginError) and error.code == "E-HANDSHAKE-TIMEOUT"


def _refuses_codec(known: Sequence[str] | LabError) -> bool:
    """Whether the plugin does not have a codec that it need not have (P-GRPC-2)."""
    return isinstance(known, RpcError) and known.details.reason == "UNKNOWN_CODEC"


def _capabilities(vector: Vector) -> set[str]:
    """The capabilities of the RPCs that the vector calls, also by bytes."""
    found: set[str] = set()
    for step in vector.steps:
        for part in step.steps if isinstance(step, Together) else (step,):
            if isinstance(part, Have):
                found |= {"plan", "apply"}
            elif isinstance(part, Call | Send):
                found |= {METHODS[name].capability for name in _called(part) if name in METHODS}
    return found - {""}


def _called(step: Call | Send) -> Sequence[str]:
    """Names in a step, of which some are methods that it calls."""
    if isinstance(step, Call):
        return [step.method]
    return _NAMED.findall(msgspec.json.encode(step).decode())
