"""backend.proto breaks no peer that was built from its last release, as buf judges it."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

SPEC = Path(__file__).parents[2] / "spec"

BUF = "@bufbuild/buf@1.50.0"

RULES = json.dumps({"version": "v2", "breaking": {"use": ["WIRE_JSON"]}})
"""What either codec would misread. The names of files and of generated code may change."""

pytestmark = [
    pytest.mark.languages,
    pytest.mark.skipif(shutil.which("npx") is None, reason="not run: no npx, which brings buf"),
]


def breaking(now: str, folder: Path) -> list[str]:
    """What buf finds in a contract, against the last release."""
    released = (SPEC / "released" / "backend.proto").read_text()
    for name, text in (("now", now), ("released", released)):
        (folder / name).mkdir()
        (folder / name / "backend.proto").write_text(text)
    command = ["npx", "--yes", BUF, "breaking", ".", "--config", RULES]
    command += ["--against", "../released", "--against-config", RULES]
    done = subprocess.run(
        command, cwd=folder / "now", check=False, capture_output=True, text=True, timeout=300
    )
    assert done.returncode in {0, 100}, done.stderr  # 100: something is broken
    return done.stdout.splitlines()


def test_the_contract_breaks_no_peer_of_the_last_release(tmp_path: Path) -> None:
    assert breaking((SPEC / "plugin" / "backend.proto").read_text(), tmp_path) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("string app = 1;", "string app = 9;"),
        ("string app = 1;", "string application = 1;"),
        ("string app = 1;", "bytes app = 1;"),
        ("string app = 1;", "repeated string app = 1;"),
        ("returns (stream ApplyEvent)", "returns (ApplyEvent)"),
    ],
)
def test_a_change_that_would_break_one_is_found(tmp_path: Path, old: str, new: str) -> None:
    contract = (SPEC / "plugin" / "backend.proto").read_text()
    assert old in contract
    assert breaking(contract.replace(old, new, 1), tmp_path)
