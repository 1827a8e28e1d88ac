"""An installed package brings the vectors: `transportlab conformance` needs no checkout."""

import subprocess
import sys
import zipfile
from pathlib import Path

from transportlab.conformance.vectors import default_folder, load_vectors

ROOT = Path(__file__).resolve().parents[2]


def test_the_wheel_holds_the_vectors_where_the_loader_looks(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    [wheel] = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "installed")
    installed = tmp_path / "installed/transportlab/conformance/vectors.py"
    assert load_vectors(default_folder(installed)) == load_vectors()
    assert default_folder(installed) != default_folder()
