"""docs/adding-a-transport.md, executed: a transport from outside passes the shared tests."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "docs" / "adding-a-transport.md"
BLOCK = re.compile(r"^File `(?P<path>[^`]+)`:\n\n```python\n(?P<text>.*?)^```$", re.M | re.S)


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment in which the transport of the document can be found."""
    folder = tmp_path_factory.mktemp("outside")
    blocks = {match["path"]: match["text"] for match in BLOCK.finditer(DOCUMENT.read_text())}
    assert len(blocks) == 4
    for path, text in blocks.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return {**os.environ, "PYTHONPATH": str(folder)}


@pytest.mark.slow
def test_the_documents_transport_passes_the_tests_of_every_transport(toy: dict[str, str]) -> None:
    shared = ["tests/test_spine.py", "tests/transports/every"]
    # The whole story with both codecs; the rest with one, as the codecs are not the toy's.
    command = [sys.executable, "-m", "pytest", "-q", "-k", "toy-json or (spine and toy)", *shared]
    done = subprocess.run(command, cwd=ROOT, env=toy, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:]
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed is not None
    assert int(passed[1]) > 25
    assert "failed" not in done.stdout


def test_the_command_line_lists_it(toy: dict[str, str]) -> None:
    command = [str(Path(sys.executable).with_name("transportlab")), "transports"]
    done = subprocess.run(command, env=toy, capture_output=True, text=True, check=True)
    assert " toy " in done.stdout.splitlines()[0]
