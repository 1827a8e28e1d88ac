"""What all tests share: patience, what is measured, and the proof that nothing is left behind."""

import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from sysconfig import get_path
from typing import Any

import pytest
from _pytest.mark import ParameterSet
from hypothesis import HealthCheck, settings
from msgspec import Struct
from msgspec.structs import replace

from tests.processes import children
from transportlab.channel import EndpointKind
from transportlab.conformance import arm as conformance_arm
from transportlab.conformance import subject as conformance_subject
from transportlab.host import HostOptions, HostSession
from transportlab.registry import load_transport, transport_names
from transportlab.sdk.program import ENV_TRANSPORT

pytest_plugins = ["tests.command"]

PATIENCE = 60.0
"""Seconds for a handshake, for OpenSession and for a vector where a test gives no bound of its own.

The usual bounds of 5 and 10 s would let the load of the machine decide tests of something else.
"""

COVERAGE_NAMES = "COVERAGE_FILE,COVERAGE_PROCESS_CONFIG,COVERAGE_PROCESS_START"


def pytest_configure() -> None:
    """Widen the bounds before any test module is read: some make options when they are imported."""
    _widen(HostSession, HostOptions, "handshake", "open")
    _widen(conformance_arm.Arm, conformance_arm.Options, "timeout")
    conformance_subject.HANDSHAKE_SECONDS = PATIENCE
    # Hypothesis has bounds as well: 200 ms for an example, and 1 s for the making of some.
    patient = [HealthCheck.too_slow]
    settings.register_profile("patient", deadline=None, suppress_health_check=patient)
    settings.load_profile("patient")


def _widen(user: Any, kind: type[Struct], *bounds: str) -> None:
    """Have user, whose last argument is such options, take PATIENCE for bounds left as usual."""
    init, defaults = user.__init__, kind()

    def patient(*arguments: Any) -> None:
        options = arguments[-1]
        usual = [n for n in bounds if getattr(options, n) == getattr(defaults, n)]
        init(*arguments[:-1], replace(options, **dict.fromkeys(usual, PATIENCE)))

    user.__init__ = patient


@pytest.fixture(autouse=True, scope="session")
def _plugins_are_measured() -> None:
    """Let coverage's variables through to plugin processes, by the operator's own way."""
    os.environ["CRONIX_PLUGIN_ENV"] = COVERAGE_NAMES + ",PYTHONPATH,TL_TEST"


class _Popen(subprocess.Popen[Any]):
    """A process without coverage, unless it is a plugin.

    Coverage makes the start of each process half as long again. What the other processes run is
    shown by tests that run it in their own process.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        env = os.environ if options.get("env") is None else options["env"]
        if ENV_TRANSPORT not in env:
            env = {name: env[name] for name in env if not name.startswith("COVERAGE")}
        super().__init__(*arguments, **(options | {"env": env}))


@pytest.fixture(autouse=True, scope="session")
def _other_processes_are_not_measured() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(subprocess, "Popen", _Popen)
        yield


@pytest.fixture(autouse=True, scope="session")
def _temporary_files_of_this_run() -> Iterator[None]:
    """Temporary files go where no other run puts its own. The path is short, as sockets need."""
    before = tempfile.tempdir
    with tempfile.TemporaryDirectory(prefix="tl-", dir="/tmp") as folder:
        tempfile.tempdir = folder
        yield
        tempfile.tempdir = before


def reachable(wanted: Mapping[str, object]) -> list[ParameterSet]:
    """Every transport that has these traits, with each of its codecs, as parameters.

    What cannot run here says why. Codecs have tests of their own, so all but a transport's usual
    one are slow.
    """
    cases = []
    for name in transport_names():
        traits = load_transport(name).traits
        if any(getattr(traits, trait) != value for trait, value in wanted.items()):
            continue
        needs_library = traits.endpoint is EndpointKind.LIBRARY
        missing = needs_library and not Path(get_path("scripts"), "cronix-backend-echo.so").exists()
        reason = "not run: the libraries were not built (no C compiler)"
        marks = [pytest.mark.skipif(missing, reason=reason)]
        for codec in traits.codecs:
            cases.append(pytest.param(name, codec, id=f"{name}-{codec}", marks=marks))
            marks = [*marks, pytest.mark.slow]
    return cases


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes (transport, codec) runs over all of them, or those with its traits."""
    if {"transport", "codec"} <= set(metafunc.fixturenames):
        mark = metafunc.definition.get_closest_marker("traits")
        arms = reachable(mark.kwargs if mark else {})
        metafunc.parametrize(("transport", "codec"), arms)


DESELECTED = pytest.StashKey[int]()


def pytest_deselected(items: list[pytest.Item]) -> None:
    """Count what `-m "not slow"` leaves out."""
    items[0].config.stash[DESELECTED] = len(items)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand the count on, as it is known only where tests are collected: in xdist's workers."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["deselected"] = session.config.stash.get(DESELECTED, 0)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take the count of a worker; it is the same in all of them."""
    node.config.stash[DESELECTED] = getattr(node, "workeroutput", {}).get("deselected", 0)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say what has not been run, beside the tests that were skipped."""
    if count := config.stash.get(DESELECTED, 0):
        chosen = f"-m {config.option.markexpr!r} -k {config.option.keyword!r}"
        terminalreporter.write_line(f"NOT RUN [{count}]: not selected by {chosen}")


@pytest.fixture
def heeded_signals() -> Iterator[None]:
    """Signals have their usual effect on this process and on what it starts.

    A background job of a shell ignores SIGINT, and one of nohup SIGHUP; both hand that on.
    """
    interrupt = signal.signal(signal.SIGINT, signal.default_int_handler)
    hangup = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGINT, interrupt)
    signal.signal(signal.SIGHUP, hangup)


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    """Each test ends with the child processes and the private directories that it began with."""
    before, folders = children(), _folders()
    yield
    assert children() <= before
    assert _folders() <= folders


def _folders() -> set[Path]:
    return set(Path(tempfile.gettempdir()).glob("cronix-*"))
