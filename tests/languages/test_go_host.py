"""The host in Go: its own checks and tests, its generated code, and plugins that it calls."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.languages.conftest import PLUGINS

pytestmark = [
    pytest.mark.languages,
    pytest.mark.skipif(shutil.which("go") is None, reason="not run: no go"),
    pytest.mark.timeout(1200),
]

ROOT = PLUGINS.parent
GO = ROOT / "hosts" / "go"
HOST = GO / "build" / "cronix-host"
GENERATED = Path("backendv1", "backend.pb.go")
MANIFEST = ROOT / "spec" / "manifests" / "dozen.json"
ECHO = Path(sys.executable).with_name("cronix-backend-echo")


def make(*arguments: str) -> None:
    command = ["make", "-s", *arguments]
    done = subprocess.run(command, cwd=GO, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module", autouse=True)
def built() -> None:
    make("build")


def host(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [str(HOST), *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_it_is_formatted_and_vetted_and_its_own_tests_pass() -> None:
    make("test")


def test_its_messages_are_those_of_the_contract(tmp_path: Path) -> None:
    make("generate", f"PROTOC={sys.executable} -m grpc_tools.protoc", f"GENERATED={tmp_path}")
    assert (tmp_path / GENERATED.name).read_text() == (GO / GENERATED).read_text()


@pytest.mark.parametrize("transport", ["grpc", "http", "jsonrpc"])
def test_it_reads_from_the_labs_plugin(transport: str) -> None:
    target = ["--manifest", str(MANIFEST), "--backend", str(ECHO), "--transport", transport]
    done = host("read", *target)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == {"entries": [], "malformed": []}
    done = host("bench", *target, "--runs", "2", "--calls", "3")
    samples = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(one["run"], one["transport"]) for one in samples] == [(0, transport), (1, transport)]
    assert all(one["handshake_ms"] < one["total_ms"] for one in samples)


def test_it_refuses_what_it_cannot_do(tmp_path: Path) -> None:
    pinned = tmp_path / "pinned.json"
    pinned.write_text('{"app": "web", "plugins": {"echo": {"sha256": "00"}}}')
    for arguments, problem in (
        (["--manifest", str(pinned), "--backend", "echo", "--transport", "grpc"], "pins"),
        (["--manifest", str(MANIFEST), "--backend", "./none", "--transport", "grpc"], "none"),
        (["--manifest", str(MANIFEST), "--backend", str(ECHO), "--transport", "smoke"], "smoke"),
        ([], "usage"),
    ):
        done = host("read", *arguments)
        assert (done.returncode, done.stdout) == (1, "")
        assert problem in done.stderr
