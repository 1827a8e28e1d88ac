"""The differential oracle: one vector over several arms must give equal replies.

The arm without a wire says what the backend answers. An arm that differs from it has a binding that
is wrong; where both fail, the backend is. Which of two is right nobody needs to know for that.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stderr
from dataclasses import dataclass, field, replace
from io import StringIO

from transportlab.channel import EndpointKind, Transport
from transportlab.conformance.attempt import Attempt
from transportlab.conformance.fixture import Fixture, Program
from transportlab.conformance.patterns import mismatch
from transportlab.conformance.result import (
    ArmResult,
    Disagreement,
    Failure,
    Outcome,
    Report,
    Status,
)
from transportlab.conformance.vectors import FEATURES, Call, Have, Together, Vector, load_vectors
from transportlab.errors import LabError, PluginError, UsageError
from transportlab.host.discovery import LIBRARY_SUFFIX, find
from transportlab.redact import Redactor
from transportlab.registry import load_transport, not_built, not_installed, transport_names


def disagreements(arms: Sequence[ArmResult]) -> tuple[Disagreement, ...]:
    """Where passing arms differ; as a side effect each failure gets its blame."""
    base = next((arm for arm in arms if not arm.wire), None)
    if base is None:
        return ()
    known = {outcome.vector.id: outcome for outcome in base.outcomes}
    found: list[Disagreement] = []
    for arm in arms:
        if arm is not base:
            found += _of_arm(arm, known)
    for outcome in base.outcomes:
        _blame(outcome, outcome)
    return tuple(found)


def _of_arm(arm: ArmResult, known: Mapping[str, Outcome]) -> list[Disagreement]:
    found = []
    for outcome in arm.outcomes:
        base = known[outcome.vector.id]
        _blame(outcome, base)
        if outcome.status is base.status is Status.PASS:
            problem = mismatch({"$is": list(base.transcript)}, list(outcome.transcript))
            if problem:
                where = _first(base.transcript, outcome.transcript)
                found.append(Disagreement(outcome.vector, arm.transport, arm.codec, where))
    return found


def _first(wanted: Sequence[object], got: Sequence[object]) -> str:
    """The first reply that differs: the list as a whole would be too long to read."""
    for number, (left, right) in enumerate(zip(wanted, got, strict=False), 1):
        if problem := mismatch({"$is": left}, right, f"reply {number}"):
            return problem
    return f"{len(wanted)} replies without a wire, {len(got)} here"


def _blame(outcome: Outcome, base: Outcome) -> None:
    if outcome.failure is None:
        return
    if base.status is Status.PASS:
        outcome.failure = replace(outcome.failure, blame="binding")
    elif base.status is Status.FAIL:
        outcome.failure = replace(outcome.failure, blame="backend")


# Runs vectors over arms: each vector in a fresh plugin, bounded in time, reported as it ends.
#
# An arm is a transport with a codec. Which vectors an arm can run is told by the transport's
# traits and the plugin's capabilities, never by a name.

KILL_SECONDS = 12.0
"""How long a vector that is past its time may take to let go once its plugin has been ended."""

OPENING_LEVEL = 0
"""The level of the vectors that are run even if the plugin opens no session: they say why."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What is tested: a plugin by name or path, its config, and which features it offers.

    In config {dir} and {file} stand for a fresh directory and a file in it, per vector. faulty is
    the plugin for vectors that need faults, the same one if it is empty.
    """

    plugin: str = "crontab"
    config: Mapping[str, str] = field(default_factory=lambda: {"path": "{file}"})
    offers: frozenset[str] = frozenset(FEATURES)
    faulty: str = "echo"
    reference: bool = True
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)

    def of(self, vector: Vector) -> tuple[str, Mapping[str, str]]:
        """The plugin for a vector, and its config's template."""
        if "faults" in vector.needs.features and self.faulty:
            return self.faulty, dict(vector.config)
        return self.plugin, {**self.config, **vector.config}


@dataclass(frozen=True, slots=True)
class Options:
    """codec None is all of a transport's; timeout in seconds bounds one vector."""

    codec: str | None = None
    timeout: float = 10.0
    on_arm: Callable[[ArmResult], None] | None = None
    on_result: Callable[[ArmResult, Outcome], None] | None = None


def run_matrix(
    transports: Sequence[str] | None = None,
    vectors: Sequence[Vector] | None = None,
    subject: Subject | None = None,
    options: Options | None = None,
) -> Report:
    """Run the vectors (all) over the transports (all) with each codec. Raises UsageError."""
    vectors = load_vectors() if vectors is None else vectors
    if not vectors:
        raise UsageError("no vector is selected")
    subject, options = subject or Subject(), options or Options()
    arms = []
    for transport in map(load_transport, transports or transport_names()):
        codecs = [c for c in transport.traits.codecs if options.codec in (None, c)]
        arms += [Arm(transport, codec, subject, options) for codec in codecs]
    if not arms:
        raise UsageError(f'no transport among those has the codec "{options.codec}"')
    results = [arm.run(vectors) for arm in arms]
    return Report(tuple(vectors), tuple(results), disagreements(results))


class Arm:
    """One transport with one codec."""

    def __init__(self, transport: Transport, codec: str, subject: Subject, options: Options):
        self._transport, self._codec = transport, codec
        self._subject, self._options = subject, options
        self._redactor = Redactor(subject.secrets)

    def run(self, vectors: Sequence[Vector]) -> ArmResult:
        """All vectors, in order."""
        transport, codec = self._transport, self._codec
        result = ArmResult(transport.name, codec, wire=transport.traits.wire)
        absent = self._absent()
        known: dict[str, Sequence[str] | str] = {}
        for vector in vectors:
            plugin, _ = self._subject.of(vector)
            if not absent and plugin not in known:
                known[plugin] = self._capabilities(vector)
            outcome = self._outcome(vector, absent, known.get(plugin, ""))
            result.outcomes.append(outcome)
            if self._options.on_result is not None:
                self._options.on_result(result, outcome)
        if self._options.on_arm is not None:
            self._options.on_arm(result)
        return result

    def _absent(self) -> str:
        """Why nothing can run on this arm; empty if it can."""
        traits = self._transport.traits
        if lacking := not_installed(self._transport):
            return lacking
        try:
            library = traits.endpoint is EndpointKind.LIBRARY
            if library and self._subject.reference:
                find(self._subject.plugin, library=True)
        except PluginError as error:
            return f"{not_built(self._transport)} ({error.problem})"
        return ""

    def _foreign(self) -> str:
        """Why the subject cannot be reached on this transport; empty if it can."""
        if self._subject.reference:
            return ""
        kind = self._transport.traits.endpoint
        is_library = self._subject.plugin.endswith(LIBRARY_SUFFIX)
        if kind is EndpointKind.OBJECT:
            return "the plugin is a file, the transport takes objects of this process"
        if is_library != (kind is EndpointKind.LIBRARY):
            return "the plugin is a library" if is_library else "the plugin is a program"
        return ""

    def _capabilities(self, vector: Vector) -> Sequence[str] | str:
        """What the vector's plugin can do, or why no session could be opened to ask it."""
        if self._foreign():
            return ()
        fixture = Fixture(vector)
        plugin, template = self._subject.of(vector)
        if plugin == self._subject.plugin:
            template = self._subject.config
        config = fixture.config({k: v for k, v in template.items() if k != "faults"})
        try:
            with self._program(plugin, config).session(opens=True) as session:
                return session.info.capabilities
        except LabError as error:
            return str(error)
        finally:
            fixture.remove()

    def _program(self, plugin: str, config: Mapping[str, str]) -> Program:
        secrets = self._subject.secrets if plugin == self._subject.plugin else {}
        config = {**config, **secrets}
        return Program(plugin, self._transport, self._codec, config, secrets)

    def _outcome(self, vector: Vector, absent: str, known: Sequence[str] | str) -> Outcome:
        if absent:
            return Outcome(vector, Status.NOT_RUN, reason=absent)
        reason = self._foreign() or self._unsupported(vector, known)
        if reason:
            return Outcome(vector, Status.UNSUPPORTED, reason=reason)
        if isinstance(known, str) and vector.level > OPENING_LEVEL:
            return Outcome(vector, Status.NOT_RUN, reason=f"no session opens: {known}")
        if self._transport.traits.isolated:
            return self._attempt(vector)
        with redirect_stderr(StringIO()):  # a backend in this process logs where we do
            return self._attempt(vector)

    def _unsupported(self, vector: Vector, known: Sequence[str] | str) -> str:
        """What the vector needs and this arm does not have, by what each declares."""
        needs, traits = vector.needs, self._transport.traits
        lacking = [f"trait {n} {v}" for n, v in needs.traits.items() if getattr(traits, n) != v]
        lacking += [f"feature {n}" for n in needs.features if n not in self._subject.offers]
        if needs.codecs and self._codec not in needs.codecs:
            lacking.append(f"codec {' or '.join(needs.codecs)}")
        if not isinstance(known, str):
            wanted = {*needs.capabilities, *_capabilities(vector)}
            lacking += [f"capability {name}" for name in sorted(wanted - set(known))]
        return f"needs {', '.join(lacking)}" if lacking else ""

    def _attempt(self, vector: Vector) -> Outcome:
        """The vector in a thread of its own, so that a hang is a failure."""
        plugin, template = self._subject.of(vector)
        attempt = Attempt(vector, lambda config: self._program(plugin, config), template)
        thread = threading.Thread(target=attempt.run, name=vector.id, daemon=True)
        begin = time.monotonic()
        thread.start()
        thread.join(self._options.timeout)
        hangs = thread.is_alive()
        if hangs:
            attempt.kill()
            thread.join(KILL_SECONDS)
        outcome = self._redactor.value(attempt.outcome)
        if hangs:
            problem = f"no end within {self._options.timeout:g} s; the session was killed"
            failure = Failure(attempt.number, attempt.doing, problem)
            outcome = Outcome(vector, Status.FAIL, failure=failure)
        outcome.seconds = time.monotonic() - begin
        return outcome


def _capabilities(vector: Vector) -> set[str]:
    """Those of the RPCs that the vector expects to be there."""
    words = {"Read": "read", "Plan": "plan", "Apply": "apply", "Drift": "drift", "Prune": "prune"}
    words |= {"Adopt": "adopt", "VerifyOwnership": "verify-ownership"}
    found: set[str] = set()
    for step in vector.steps:
        for part in step.steps if isinstance(step, Together) else (step,):
            if isinstance(part, Have):
                found |= {"plan", "apply"}
            elif isinstance(part, Call) and part.method in words:
                found.add(words[part.method])
    return found
