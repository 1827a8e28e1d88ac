"""The plugin in JavaScript: its own tests, and the suite on each of its transports."""

import fcntl
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.languages.conftest import PLUGINS, Conforms

pytestmark = [pytest.mark.languages, pytest.mark.timeout(1200)]

FOLDER = PLUGINS / "node"
MIN_NODE = 20


def npm(*arguments: str) -> None:
    done = subprocess.run(
        ["npm", *arguments], check=False, cwd=FOLDER, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def lacking() -> str:
    """Why it cannot be built here; empty if it can."""
    if not (shutil.which("node") and shutil.which("npm")):
        return "not run: no node and npm"
    version = subprocess.check_output(["node", "--version"], text=True)
    if int(version[1:].split(".")[0]) < MIN_NODE:
        return f"not run: node {version.strip()} is older than {MIN_NODE}"
    return ""


@pytest.fixture(scope="module")
def plugin() -> Path:
    """The built plugin. What it needs is installed once, as the lock file says."""
    if reason := lacking():
        pytest.skip(reason)
    with (FOLDER / "package-lock.json").open() as lock:  # for the other workers of this run
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (FOLDER / "node_modules").exists():
            npm("ci", "--no-audit", "--no-fund")
    npm("run", "build")
    return FOLDER / "build" / "cronix-backend-node"


@pytest.mark.parametrize("transport", ["jsonrpc", "http", "grpc"])
def test_it_conforms(plugin: Path, conforms: Conforms, transport: str) -> None:
    out = conforms(plugin, transport)
    assert ("-protobuf" in out) is (transport != "jsonrpc")


def test_its_own_tests_pass(plugin: Path) -> None:
    npm("run", "lint")
    npm("test")
