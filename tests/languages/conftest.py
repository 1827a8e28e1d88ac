"""What the tests of plugins in other languages share: each is built, then held to the suite."""

import fcntl
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.command import Run

PLUGINS = Path(__file__).parents[2] / "plugins"

Conforms = Callable[..., str]

C_PACKAGES = "jansson", "libprotobuf-c", "libmd"


def make(folder: Path, *arguments: str) -> None:
    """Run make in the folder, one worker at a time. It skips the test if a linter is not there."""
    with (folder / "Makefile").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        command = ["make", "-s", *arguments]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    if lacking := [line for line in done.stdout.splitlines() if line.startswith("not run: ")]:
        pytest.skip("; ".join(lacking))


@pytest.fixture(scope="session")
def c_plugin() -> Path:
    """The plugin in C, built; the test is skipped where that cannot be."""
    for program in ("cc", "make", "pkg-config", "protoc-c"):
        if shutil.which(program) is None:
            pytest.skip(f"not run: no {program}")
    for package in C_PACKAGES:
        if subprocess.run(["pkg-config", "--exists", package], check=False).returncode != 0:
            pytest.skip(f"not run: no {package}")
    make(PLUGINS / "c", "build")
    return PLUGINS / "c" / "build" / "cronix-backend-memory.so"


@pytest.fixture
def conforms(run: Run) -> Conforms:
    """conforms(plugin, transport, offer, ...) runs the conformance suite by the command line.

    There must be no failure. Each plugin keeps its entries in memory, so it offers a fresh store.
    """

    def check(plugin: Path, transport: str, *offers: str) -> str:
        arguments = ["--plugin", os.path.relpath(plugin), "--transport", transport]
        arguments += [f"--offers={offer}" for offer in ("fresh-store", *offers)]
        done = run("conformance", *arguments)
        assert done.code == 0, done.output
        assert " 0 fail, " in done.out
        return done.out

    return check
