"""The command line as a user runs it: a process, its output, its exit code."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from transportlab.channel import EndpointKind
from transportlab.registry import load_transport, transport_names

SPEC = Path(__file__).resolve().parents[2] / "spec"
COMMAND = Path(sys.executable).with_name("transportlab")
ONE_JOB = str(SPEC / "manifests" / "one-job.json")


@dataclass
class Done:
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one object that --json prints."""
        assert self.out.count("\n") == 1, "one object on one line"
        return json.loads(self.out)


Run = Callable[..., Done]


@pytest.fixture
def run() -> Run:
    """run(argument, ..., NAME=value) runs the command with these variables besides its own."""

    def command(*arguments: str, **environment: str) -> Done:
        done = subprocess.run(
            [COMMAND, *arguments],
            capture_output=True,
            check=False,
            env={**os.environ, "NO_COLOR": "1", **environment},
            stdin=subprocess.DEVNULL,
        )
        assert b"\nTraceback" not in b"\n" + done.stderr  # a plugin's log may have one in a line
        return Done(done.returncode, done.stdout.decode(), done.stderr.decode())

    return command


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


@pytest.fixture(params=transport_names())
def transport(request: pytest.FixtureRequest) -> str:
    """Every transport by its name; what cannot run here says why."""
    name: str = request.param
    library = load_transport(name).traits.endpoint is EndpointKind.LIBRARY
    if library and not COMMAND.with_name("cronix-backend-crontab.so").exists():
        pytest.skip("not run: the libraries were not built (no C compiler)")
    return name
