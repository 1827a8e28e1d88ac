"""The plugin in C: its own checks and tests, what it exports, and the suite."""

import subprocess
from pathlib import Path

import pytest

from tests.languages.conftest import PLUGINS, Conforms, make

pytestmark = [pytest.mark.languages, pytest.mark.timeout(1200)]

C = PLUGINS / "c"


def test_it_conforms(conforms: Conforms, c_plugin: Path) -> None:
    out = conforms(c_plugin, "ffi", "faults")
    assert "ffi-protobuf" in out
    assert "ffi-json" in out


@pytest.mark.usefixtures("c_plugin")
def test_it_is_formatted_and_its_own_tests_pass() -> None:
    make(C, "test")


@pytest.mark.usefixtures("c_plugin")
def test_protoc_c_does_not_take_the_contract_as_it_is(tmp_path: Path) -> None:
    version = subprocess.check_output(["pkg-config", "--modversion", "libprotobuf-c"], text=True)
    if not version.startswith("1.4."):
        pytest.skip(f"not run: protobuf-c is {version.strip()}, not 1.4")
    contract = C.parents[1] / "spec" / "plugin"
    command = ["protoc-c", "-I", str(contract), f"--c_out={tmp_path}", "backend.proto"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode != 0
    assert "optional" in done.stderr
