"""The command line on a person's crontab, over every transport."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from transportlab.channel import EndpointKind
from transportlab.registry import load_transport, transport_names

SPEC = Path(__file__).resolve().parents[2] / "spec"
LIBRARY = Path(sys.executable).with_name("cronix-backend-crontab.so")
ONE_JOB = str(SPEC / "manifests" / "one-job.json")

Done = Any
Run = Callable[..., Done]


@pytest.fixture
def crontab(tmp_path: Path) -> Path:
    """A person's crontab."""
    file = tmp_path / "crontab"
    file.write_bytes((SPEC / "crontabs" / "personal").read_bytes())
    return file


@pytest.fixture
def call(run: Run, crontab: Path) -> Callable[..., Done]:
    """call(operation, ...) runs it on the crontab, with the manifest of one job unless given."""
    usual = transport_names(EndpointKind.SOCKET, EndpointKind.STDIO)[0]

    def operation(name: str, *more: str, manifest: str = ONE_JOB, transport: str = usual) -> Done:
        options = ["--manifest", manifest, "--backend", "crontab", "--transport", transport]
        return run(name, *options, "--backend-config", f"path={crontab}", *more)

    return operation


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes (transport) runs over all of them, or those with its traits.

    The command treats them all alike: one whose plugin is a process is enough for the quick lane.
    """
    if "transport" not in metafunc.fixturenames:
        return
    mark = metafunc.definition.get_closest_marker("traits")
    cases = []
    for name in transport_names():
        traits = load_transport(name).traits
        if mark and any(getattr(traits, trait) != value for trait, value in mark.kwargs.items()):
            continue
        missing = traits.endpoint is EndpointKind.LIBRARY and not LIBRARY.exists()
        reason = "not run: the libraries were not built (no C compiler)"
        marks = [pytest.mark.skipif(missing, reason=reason)]
        if traits.endpoint is EndpointKind.SOCKET:
            marks.append(pytest.mark.slow)
        cases.append(pytest.param(name, marks=marks))
    metafunc.parametrize("transport", cases)
