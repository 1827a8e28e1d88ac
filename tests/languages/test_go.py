"""The plugin in Go: its own checks and tests, its generated code, and the suite."""

import shutil
import sys
from pathlib import Path

import pytest

from tests.languages.conftest import PLUGINS, Conforms, make

pytestmark = [
    pytest.mark.languages,
    pytest.mark.skipif(shutil.which("go") is None, reason="not run: no go"),
    pytest.mark.timeout(1200),
]

GO = PLUGINS / "go"
GENERATED = Path("internal", "backendv1", "backend.pb.go")


@pytest.fixture(scope="session")
def plugin() -> Path:
    """The plugin, built."""
    make(GO, "build")
    return GO / "build" / "cronix-backend-memory"


def test_it_is_formatted_and_vetted_and_its_own_tests_pass() -> None:
    make(GO, "test")


def test_its_messages_are_those_of_the_contract(tmp_path: Path) -> None:
    make(GO, "generate", f"PROTOC={sys.executable} -m grpc_tools.protoc", f"GENERATED={tmp_path}")
    made = (tmp_path / GENERATED.name).read_text()
    assert made == (GO / GENERATED).read_text()


@pytest.mark.parametrize("transport", ["grpc", "http", "jsonrpc"])
def test_it_conforms(conforms: Conforms, plugin: Path, transport: str) -> None:
    conforms(plugin, transport, "faults")
