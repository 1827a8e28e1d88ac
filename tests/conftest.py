"""What all tests share: the plugins' environment, and the proof that nothing is left behind."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

COVERAGE_NAMES = "COVERAGE_FILE,COVERAGE_PROCESS_CONFIG,COVERAGE_PROCESS_START"


@pytest.fixture(autouse=True, scope="session")
def _plugins_are_measured() -> None:
    """Let coverage's variables through to plugin processes, by the operator's own way."""
    os.environ["CRONIX_PLUGIN_ENV"] = COVERAGE_NAMES + ",PYTHONPATH,TL_TEST"


def children() -> set[int]:
    """The numbers of this process's children that are alive or not yet reaped."""
    tasks = Path("/proc/self/task").iterdir()
    return {int(pid) for task in tasks for pid in (task / "children").read_text().split()}


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    """Each test ends with the child processes and the private directories that it began with."""
    before, folders = children(), _folders()
    yield
    assert children() <= before
    assert _folders() <= folders


def _folders() -> set[Path]:
    return set(Path(tempfile.gettempdir()).glob("cronix-*"))
