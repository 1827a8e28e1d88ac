"""The plugin of pytest: one test for each vector, and nothing at all without its option."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from transportlab.channel import EndpointKind
from transportlab.registry import load_transport, transport_names

ROOT = Path(__file__).resolve().parents[2]
STDLIB = ROOT / "plugins" / "stdlib" / "cronix-backend-stdlib"
[STDIO] = transport_names(EndpointKind.STDIO)
ARM = f"{STDIO}-{load_transport(STDIO).traits.codecs[0]}"

WRONG = """
import sys
print("not today", file=sys.stderr)
sys.exit(3)
"""


def run_pytest(cwd: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """pytest in a folder of its own, with what its environment has."""
    command = [sys.executable, "-m", "pytest", "-p", "no:randomly", "-rsfxX", *words]
    return subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, check=False,
        env={**os.environ, "COLUMNS": "200", "PYTEST_ADDOPTS": ""},
    )  # fmt: skip


def test_one_test_a_vector_that_k_can_choose(tmp_path: Path) -> None:
    (tmp_path / "test_own.py").write_text("def test_own(): pass\n")
    plugin = ["--transportlab-plugin", str(STDLIB), "--transportlab-transport", STDIO]
    chosen = ["-k", "test_own or read-empty or config-missing-key", "-v"]
    done = run_pytest(tmp_path, *plugin, *chosen)
    assert done.returncode == 0, done.stdout
    assert "test_own.py::test_own PASSED" in done.stdout
    assert f"::read-empty[{ARM}] PASSED" in done.stdout
    assert f"::config-missing-key[{ARM}] SKIPPED" in done.stdout
    assert "unsupported: needs feature crontab-file" in done.stdout
    assert f"transportlab: {STDLIB} over {ARM}" in done.stdout


def test_a_failure_says_what_the_suite_says(tmp_path: Path) -> None:
    plugin = tmp_path / "cronix-backend-wrong"
    plugin.write_text(f"#!{sys.executable}\n{WRONG}")
    plugin.chmod(0o755)
    words = ["--transportlab-plugin", str(plugin), "--transportlab-transport", STDIO]
    more = ["--transportlab-config", "a={dir}", "--transportlab-offers", "fresh-store"]
    done = run_pytest(tmp_path, *words, *more, "-k", "session-opens and not once")
    assert done.returncode == 1, done.stdout
    assert f"FAIL {ARM} session-opens [P-SESSION-2, P-SESSION-3]" in done.stdout
    options = f"--plugin {plugin} --offers fresh-store --backend-config 'a={{dir}}'"
    assert f"{options} --vector session-opens" in done.stdout
    assert "Traceback" not in done.stdout
    assert "attempt.py" not in done.stdout


def test_a_known_failure_is_expected_until_it_passes(tmp_path: Path) -> None:
    plugin = tmp_path / "cronix-backend-wrong"
    text = STDLIB.read_text()
    plugin.write_text(text.replace('reason="PROTOCOL_VERSION"', 'reason="VERSION"'))
    plugin.chmod(0o755)
    known = [
        {"id": name, "reason": "the next release has it", "until": "2999-12-31"}
        for name in ("session-no-common-version", "read-empty")
    ]
    (tmp_path / "known.json").write_text(json.dumps({"known": known}))
    words = ["--transportlab-plugin", str(plugin), "--transportlab-transport", STDIO]
    file = ["--transportlab-known", "known.json"]
    chosen = ["-k", "session-no-common-version or read-empty[", "-v"]
    done = run_pytest(tmp_path, *words, *file, *chosen)
    assert done.returncode == 1, done.stdout
    assert f"::session-no-common-version[{ARM}] XFAIL" in done.stdout
    assert "known: the next release has it (until 2999-12-31)" in done.stdout
    assert "fixed: take read-empty out of known.json" in done.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--transportlab-plugin", "./nothere"], "E-NOT-FOUND"),
        (["--transportlab-plugin", str(STDLIB), "--transportlab-transport", "owl"], '"owl"'),
        (["--transportlab-transport", STDIO], "goes with --transportlab-plugin"),
    ],
)
def test_a_wrong_option_is_one_line(tmp_path: Path, words: list[str], said: str) -> None:
    done = run_pytest(tmp_path, *words)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    line, *_ = done.stderr.strip().splitlines()
    assert line.startswith("ERROR: ")
    assert said in line


def test_without_its_option_it_imports_nothing_of_the_suite() -> None:
    code = """
import sys
import pytest
before = set(sys.modules)
import pytest_transportlab
print(*sorted(set(sys.modules) - before))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["pytest_transportlab"]
