"""Plugins that do not start, and what is found about them."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from transportlab.channel import EndpointKind
from transportlab.host import HostOptions
from transportlab.host.inspection.check import Check, Status
from transportlab.host.inspection.diagnose import CHECKS, Diagnosis, diagnose
from transportlab.registry import transport_names

STDIO = transport_names(EndpointKind.STDIO)[0]


@pytest.fixture
def diagnosed() -> Callable[..., Diagnosis]:
    """diagnosed(path, transport, ...) is the diagnosis of a plugin, over stdio unless told."""

    def found(path: str | Path, transport: str | None = STDIO, **options: float) -> Diagnosis:
        return diagnose(str(path), transport, HostOptions(**{"stop": 0.4, **options}))  # type: ignore[arg-type]  # bounds only

    return found


@pytest.fixture
def failing(diagnosed: Callable[..., Diagnosis]) -> Callable[..., dict[str, Check]]:
    """failing(path, *names, ...) are all checks by name; those of these names fail, no other."""

    def found(
        path: str | Path, *expected: str, transport: str | None = STDIO, **options: float
    ) -> dict[str, Check]:
        found = diagnosed(path, transport, **options)
        assert [check.name for check in found.checks] == list(CHECKS)
        assert not found.starts
        failed = [check for check in found.checks if check.status is Status.FAILED]
        assert [check.name for check in failed] == list(expected)
        assert found.cause == failed[0]
        assert all(check.found and check.action for check in failed), failed
        return {check.name: check for check in found.checks}

    return found


@pytest.fixture
def compiled(tmp_path: Path) -> Callable[..., Path]:
    """compiled(name, source, *options) builds a plugin of C with this machine's compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("not run: there is no C compiler")

    def build(name: str, source: str, *options: str) -> Path:
        (tmp_path / "source.c").write_text(source)
        command = [compiler, "source.c", "-o", name, *options]
        subprocess.run(command, cwd=tmp_path, check=True)
        return tmp_path / name

    return build
