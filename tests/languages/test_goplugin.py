"""The peer on HashiCorp's go-plugin: its own checks and tests, and its generated code."""

import shutil
import sys
from pathlib import Path

import pytest

from tests.languages.conftest import PLUGINS, make

pytestmark = [
    pytest.mark.languages,
    pytest.mark.skipif(shutil.which("go") is None, reason="not run: no go"),
    pytest.mark.timeout(1200),
]

FOLDER = PLUGINS.parent / "bench" / "peers" / "goplugin"
GENERATED = Path("readv1", "read.pb.go")


def test_it_is_formatted_and_vetted_and_its_own_tests_pass() -> None:
    make(FOLDER, "test")


def test_its_messages_are_those_of_its_contract(tmp_path: Path) -> None:
    made = tmp_path / GENERATED.name
    make(
        FOLDER, "generate", f"PROTOC={sys.executable} -m grpc_tools.protoc", f"GENERATED={tmp_path}"
    )
    assert made.read_text() == (FOLDER / GENERATED).read_text()
