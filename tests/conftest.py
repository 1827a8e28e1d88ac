"""What all tests share: the plugins' environment, and the proof that nothing is left behind."""

import os
import signal
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from sysconfig import get_path

import pytest
from _pytest.mark import ParameterSet

from transportlab.channel import EndpointKind
from transportlab.registry import load_transport, transport_names

COVERAGE_NAMES = "COVERAGE_FILE,COVERAGE_PROCESS_CONFIG,COVERAGE_PROCESS_START"


@pytest.fixture(autouse=True, scope="session")
def _plugins_are_measured() -> None:
    """Let coverage's variables through to plugin processes, by the operator's own way."""
    os.environ["CRONIX_PLUGIN_ENV"] = COVERAGE_NAMES + ",PYTHONPATH,TL_TEST"


@pytest.fixture(autouse=True, scope="session")
def _temporary_files_of_this_run() -> Iterator[None]:
    """Temporary files go where no other run on this machine puts its own; the path is short, as
    sockets need."""
    before = tempfile.tempdir
    with tempfile.TemporaryDirectory(prefix="tl-", dir="/tmp") as folder:
        tempfile.tempdir = folder
        yield
        tempfile.tempdir = before


def reachable() -> list[ParameterSet]:
    """Every transport with each of its codecs, as parameters; what cannot run here says why."""
    cases = []
    for name in transport_names():
        traits = load_transport(name).traits
        needs_library = traits.endpoint is EndpointKind.LIBRARY
        missing = needs_library and not Path(get_path("scripts"), "cronix-backend-echo.so").exists()
        reason = "not run: the libraries were not built (no C compiler)"
        marks = [pytest.mark.skipif(missing, reason=reason)]
        cases += [
            pytest.param(name, codec, id=f"{name}-{codec}", marks=marks) for codec in traits.codecs
        ]
    return cases


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes (transport, codec) runs over all of them."""
    if {"transport", "codec"} <= set(metafunc.fixturenames):
        metafunc.parametrize(("transport", "codec"), reachable())


@pytest.fixture(scope="session")
def unmeasured() -> dict[str, str]:
    """The environment for a process that runs long and whose coverage others have shown already."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}


@pytest.fixture
def heeded_signals() -> Iterator[None]:
    """Signals have their usual effect on this process and on what it starts: a background job of
    a shell ignores SIGINT, and one of nohup SIGHUP, and hands that on."""
    interrupt = signal.signal(signal.SIGINT, signal.default_int_handler)
    hangup = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGINT, interrupt)
    signal.signal(signal.SIGHUP, hangup)


def children() -> set[int]:
    """The numbers of this process's children that are alive or not yet reaped."""
    found: set[int] = set()
    for task in Path("/proc/self/task").iterdir():
        with suppress(OSError):  # a thread may end while its folder is read
            found |= {int(pid) for pid in (task / "children").read_text().split()}
    return found


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    """Each test ends with the child processes and the private directories that it began with."""
    before, folders = children(), _folders()
    yield
    assert children() <= before
    assert _folders() <= folders


def _folders() -> set[Path]:
    return set(Path(tempfile.gettempdir()).glob("cronix-*"))
