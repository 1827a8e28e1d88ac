"""`transportlab conformance --mutants`: its exit codes, its files, and wrong options."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.mutants.conftest import EMPTY, mutants_file

Run = Callable[..., Any]


def test_a_file_of_mutants_is_run(run: Run, tmp_path: Path) -> None:
    lines, page = tmp_path / "out.jsonl", tmp_path / "out.md"
    files = ["--json-file", str(lines), "--markdown", str(page)]
    done = run("conformance", "--mutants", str(mutants_file(tmp_path)), *files)
    shown = done.out.splitlines()
    assert done.code == 0
    assert shown[0] == "killed plans-nothing [ownership] by jsonrpc: plan-refuses-an-empty-set"
    assert shown[-1] == "OK: 1 of 1 mutants killed"
    assert json.loads(lines.read_text().splitlines()[-1])["ok"] is True
    assert page.read_text().startswith("# Mutants\n")


def test_a_survivor_exits_with_1(run: Run, tmp_path: Path) -> None:
    path = mutants_file(tmp_path, {**EMPTY, "finds": {"jsonrpc": ["read-empty"]}})
    done = run("conformance", "--mutants", str(path))
    assert done.code == 1
    assert "SURVIVES plans-nothing [ownership]\n" in done.out
    assert done.out.endswith("FAILED: 0 of 1 mutants killed\n")


def test_a_vector_shows_what_it_finds(run: Run, tmp_path: Path) -> None:
    chosen = ["--vector", "error-leaves-the-session-usable", "--vector", "read-empty"]
    done = run("conformance", "--mutants", str(mutants_file(tmp_path)), *chosen)
    assert done.code == 1
    assert "killed plans-nothing [ownership] by jsonrpc: error-leaves-the-session" in done.out
    assert "VECTOR read-empty: it finds none of these mutants" in done.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--mutants", "/nowhere"], "/nowhere: no mutants there"),
        (["--mutants", "--plugin", "./x"], "--mutants goes with --group"),
        (["--mutants", "--offers", "faults"], "--mutants goes with --group"),
        (["--mutants", "--vector", "no-such"], 'unknown vector "no-such"'),
        (["--mutants", "--markdown", "/nowhere/x"], "/nowhere/x: cannot be written"),
        (["--mutants", "--badge", "x.svg"], "--mutants goes with --group"),
    ],
)
def test_a_wrong_option_exits_with_2(run: Run, arguments: list[str], said: str) -> None:
    done = run("conformance", *arguments)
    assert (done.code, done.out) == (2, "")
    assert said in done.err
