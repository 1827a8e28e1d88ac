"""Runs vectors for hosts over transports, and returns a Report, as the suite of plugins does.

An arm is one transport; the host chooses the codec. A vector is "unsupported" on a transport that
it is not about, and for a command that has no place for what it sets; it is "not run" where the
machine lacks what it needs. A host that cannot do a plain read fails each vector that starts no
plugin, whatever the vector expects.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from resource import RLIMIT_CORE, getrlimit, setrlimit
from signal import SIG_DFL, SIG_IGN, SIGHUP, SIGINT, SIGTERM, getsignal, signal

from msgspec import Struct

from transportlab.channel import EndpointKind
from transportlab.conformance.host.attempt import Attempt
from transportlab.conformance.host.command import Template
from transportlab.conformance.host.place import WIRES, compiler
from transportlab.conformance.host.vectors import Expect, HostVector
from transportlab.conformance.result import ArmResult, Outcome, Report, Status
from transportlab.errors import UsageError
from transportlab.registry import load_transport, not_installed, transport_names

PLAIN = HostVector(
    id="a-plain-read",
    clauses=("P-READ-1",),
    level=0,
    why="A host that starts no plugin passes all that is about what must not run.",
    cause="The command is not the host's, or a word of it is wrong.",
    expect=Expect(record={"methods": ["OpenSession", "Read", "CloseSession"]}),
)
"""What a host is tried with before the vectors, as they prove little of one that cannot do it."""

PROCESSES = (EndpointKind.SOCKET, EndpointKind.STDIO)


class HostOptions(Struct, frozen=True):
    """How to run.

    jobs: how many vectors at once. on_arm, on_result: called as an arm, and as a vector on an arm,
    has ended.
    """

    jobs: int = 1
    on_arm: Callable[[ArmResult], None] = lambda _: None
    on_result: Callable[[ArmResult, Outcome], None] = lambda _arm, _outcome: None


def host_transports() -> list[str]:
    """The transports that the scripted plugin speaks."""
    return [name for name in transport_names(*PROCESSES) if (WIRES / name / "scripted.py").exists()]


def run_host(
    template: Template,
    vectors: Sequence[HostVector],
    transports: Sequence[str] = (),
    options: HostOptions | None = None,
) -> Report:
    """Put a host's command through the vectors on each transport.

    Raises UsageError for a transport that the scripted plugin does not speak.
    """
    options = options or HostOptions()
    known = host_transports()
    for name in transports:
        if name not in known:
            raise UsageError(
                f'no scripted plugin for "{name}"; there is one for {", ".join(known)}'
            )
    with _heeding():
        arms = [_arm(template, vectors, name, options) for name in transports or known]
    return Report(tuple(vectors), tuple(arms), ())


@contextmanager
def _heeding() -> Iterator[None]:
    """Ignore no signal and allow cores meanwhile, as a host inherits both.

    `nohup` and `&` ignore signals. Without cores nobody sees whether a host forbids them.
    """
    soft, hard = getrlimit(RLIMIT_CORE)
    setrlimit(RLIMIT_CORE, (hard, hard))
    ignored = [s for s in (SIGINT, SIGTERM, SIGHUP) if getsignal(s) is SIG_IGN]
    for number in ignored:
        signal(number, SIG_DFL)
    try:
        yield
    finally:
        setrlimit(RLIMIT_CORE, (soft, hard))
        for number in ignored:
            signal(number, SIG_IGN)


def _arm(
    template: Template, vectors: Sequence[HostVector], name: str, options: HostOptions
) -> ArmResult:
    arm = ArmResult(name, "", wire=True)
    absent = not_installed(load_transport(name), None)
    failure = None if absent else Attempt(PLAIN, template, name).outcome().failure
    unable = failure.problem if failure is not None else ""

    def tried(vector: HostVector) -> Outcome:
        for status, reasons in (
            (Status.UNSUPPORTED, _unsupported(vector, template, name)),
            (Status.NOT_RUN, [absent] if absent else _lacking(vector)),
        ):
            if found := ", ".join(reasons):
                return Outcome(vector, status, reason=found)
        try:
            return Attempt(vector, template, name, unable).outcome()
        except Exception as error:  # the suite's own failure says nothing of the host
            problem = f"{type(error).__name__}: {error}"
            return Outcome(vector, Status.HARNESS_ERROR, reason=problem)

    with ThreadPoolExecutor(options.jobs) as pool:
        for outcome in pool.map(tried, vectors):
            arm.outcomes.append(outcome)
            options.on_result(arm, outcome)
    options.on_arm(arm)
    return arm


def _unsupported(vector: HostVector, template: Template, transport: str) -> Iterator[str]:
    if vector.transports and transport not in vector.transports:
        yield f"is about {' and '.join(vector.transports)}"
    command = vector.command
    wanted = {
        "config": command.config,
        "secret": command.secrets,
        "timeout": command.timeout,
        "handshake": command.handshake,
        "log": command.log,
    }
    for name, value in wanted.items():
        if value and name not in template.places:
            yield f"the command has no place for {{{name}}}"


def _lacking(vector: HostVector) -> Iterator[str]:
    there = {
        "compiler": bool(compiler()),
        "cores": getrlimit(RLIMIT_CORE)[1] != 0,
        "root": os.geteuid() == 0,
        "user": os.geteuid() != 0,
    }
    words = {
        "compiler": "a C compiler",
        "cores": "a limit that allows cores (ulimit -H -c)",
        "root": "to run as root",
        "user": "to run as a user",
    }
    for need in vector.needs:
        if not there[need]:
            yield f"needs {words[need]}"
