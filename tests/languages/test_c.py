"""The plugin in C: its own checks and tests, what it exports, and the suite."""

import fcntl
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.languages.conftest import PLUGINS, Conforms

pytestmark = [pytest.mark.languages, pytest.mark.timeout(1200)]

C = PLUGINS / "c"
PACKAGES = "jansson", "libprotobuf-c", "libmd"


def lacking() -> str:
    """Why it cannot be built here; empty if it can."""
    for program in ("cc", "make", "pkg-config", "protoc-c"):
        if shutil.which(program) is None:
            return f"not run: no {program}"
    for package in PACKAGES:
        if subprocess.run(["pkg-config", "--exists", package], check=False).returncode != 0:
            return f"not run: no {package}"
    return ""


def make(target: str) -> None:
    with (C / "Makefile").open() as lock:  # for the other workers of this run
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = subprocess.run(
            ["make", "-s", target], check=False, cwd=C, capture_output=True, text=True
        )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def plugin() -> Path:
    """The library, built."""
    if reason := lacking():
        pytest.skip(reason)
    make("build")
    return C / "build" / "cronix-backend-memory.so"


def test_it_conforms(conforms: Conforms, plugin: Path) -> None:
    out = conforms(plugin, "ffi", "faults")
    assert "ffi-protobuf" in out
    assert "ffi-json" in out


@pytest.mark.usefixtures("plugin")
def test_it_is_formatted_and_its_own_tests_pass() -> None:
    make("test")


@pytest.mark.usefixtures("plugin")
def test_protoc_c_does_not_take_the_contract_as_it_is(tmp_path: Path) -> None:
    version = subprocess.check_output(["pkg-config", "--modversion", "libprotobuf-c"], text=True)
    if not version.startswith("1.4."):
        pytest.skip(f"not run: protobuf-c is {version.strip()}, not 1.4")
    contract = C.parents[1] / "spec" / "plugin"
    command = ["protoc-c", "-I", str(contract), f"--c_out={tmp_path}", "backend.proto"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode != 0
    assert "optional" in done.stderr
