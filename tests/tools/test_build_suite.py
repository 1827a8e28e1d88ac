"""The suite in one file: it runs where there is Python and nothing else."""

import shutil
import subprocess
import sys
from pathlib import Path
from venv import EnvBuilder

import pytest

from tools.build_suite import archive, build, files, libraries, main_text
from transportlab.channel import EndpointKind
from transportlab.registry import transport_names

ROOT = Path(__file__).resolve().parents[2]
PLUGINS = ROOT / "plugins"
[STDIO] = transport_names(EndpointKind.STDIO)
VECTORS = ("--vector", "read-empty", "--vector", "plan-orders-its-ops")


class Nowhere:
    """A folder with a Python that has no library, and nobody's settings."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        EnvBuilder(symlinks=True).create(folder / "env")

    def run(self, *words: str, status: int = 0) -> "subprocess.CompletedProcess[str]":
        done = subprocess.run(
            [self.folder / "env" / "bin" / "python", *words], cwd=self.folder,
            env={"PATH": "/usr/bin:/bin", "HOME": str(self.folder)},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == status, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done


@pytest.fixture(scope="module")
def nowhere(tmp_path_factory: pytest.TempPathFactory) -> Nowhere:
    return Nowhere(tmp_path_factory.mktemp("nowhere"))


@pytest.fixture(scope="module")
def suite(nowhere: Nowhere) -> Nowhere:
    """The folder with the suite in it, as suite.pyz."""
    build(nowhere.folder / "suite.pyz")
    return nowhere


def test_it_has_what_the_suite_needs_and_not_more() -> None:
    names = set(files())
    assert {"transportlab/_data/spec/conformance/read.json", "msgspec/__init__.py"} <= names
    assert {"h2", "httpx", "grpcio", "protobuf"} <= set(libraries())
    tops = {name.split("/")[0] for name in names}
    assert not tops & {"numpy", "matplotlib", "cffi", "pytest", "tests", "tools", "bench"}
    assert not any("/evidence/" in n or "/decision/" in n or "__pycache__" in n for n in names)


@pytest.mark.parametrize("made_for", [("cpython-39", "linux-x86_64"), ("cpython-311", "plan9")])
def test_another_python_or_machine_is_told(nowhere: Nowhere, made_for: tuple[str, str]) -> None:
    (nowhere.folder / "main.py").write_text(main_text("0", *made_for))
    said = nowhere.run("main.py", "--plugin", "x", status=2).stderr
    assert said.startswith(f"error: this file is for {made_for[0]} on {made_for[1]}, and this is ")
    assert "pip install 'transportlab-" in said


@pytest.mark.long
def test_it_tests_a_strangers_plugin_without_any_library(suite: Nowhere) -> None:
    shutil.copy(PLUGINS / "stdlib" / "cronix-backend-stdlib", suite.folder)
    plugin = ["--plugin", "./cronix-backend-stdlib", "--offers", "fresh-store"]
    for transport, passed in (STDIO, 2), ("http", 2):
        words = [*plugin, "--transport", transport, *VECTORS]
        said = suite.run("suite.pyz", *words).stdout
        assert f"{passed} pass, 0 fail" in said
        assert said.endswith("OK: 2 vectors\n")
    [cache] = (suite.folder / ".cache" / "transportlab").iterdir()
    assert cache.name.startswith("suite-")


@pytest.mark.long
def test_it_has_the_compiled_libraries(suite: Nowhere) -> None:
    plugin = Path(sys.executable).with_name("cronix-backend-echo")
    words = [
        "conformance",
        "--plugin",
        str(plugin),
        "--transport",
        "grpc",
        "--offers",
        "fresh-store",
    ]
    said = suite.run("suite.pyz", *words, *VECTORS).stdout
    assert said.count("2 pass, 0 fail") == 2


@pytest.mark.long
def test_it_tests_a_strangers_host(suite: Nowhere) -> None:
    host = Path(sys.executable).with_name("transportlab")
    places = "--manifest {manifest} --backend {backend} --transport {transport} {options}"
    words = ["host", "--command", f"{host} {{verb}} {places}", "--transport", STDIO]
    said = suite.run("suite.pyz", *words, "--vector", "finds-a-plugin-by-its-name").stdout
    assert said.endswith("OK: 1 vector\n")


@pytest.mark.long
def test_a_replay_names_the_file(suite: Nowhere) -> None:
    (plugin := suite.folder / "cronix-backend-wrong").write_text("#!/bin/false\n")
    plugin.chmod(0o755)
    words = ["--plugin", str(plugin), "--transport", STDIO, "--vector", "session-opens"]
    said = suite.run("suite.pyz", *words, status=1).stdout
    assert f"replay: python3 {suite.folder}/suite.pyz conformance --transport {STDIO}" in said


@pytest.mark.long
def test_without_a_plugin_it_asks_for_one(suite: Nowhere) -> None:
    assert "name what to test" in suite.run("suite.pyz", status=2).stderr
    assert suite.run("suite.pyz", "--version").stdout.startswith("transportlab ")


@pytest.mark.long
def test_two_builds_give_the_same_bytes() -> None:
    assert archive() == archive()
