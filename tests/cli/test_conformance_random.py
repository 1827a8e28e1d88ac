"""Random sequences by the command: what is found, kept and played again, and what is refused."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.random.faults import faulty
from transportlab.cli.lab import conformance_random

Run = Callable[..., Any]

PATIENT = ("--timeout", "60")


@pytest.mark.slow
def test_a_failure_is_kept_and_played_again(run: Run, tmp_path: Path) -> None:
    plugin, lines = faulty(tmp_path, "nothing-is-abandoned"), tmp_path / "out.jsonl"
    where = ["--plugin", str(plugin), "--offers", "fresh-store"]
    arm = ["--transport", "jsonrpc", *PATIENT]
    files = ["--capsules", str(tmp_path), "--json-file", str(lines)]
    done = run("conformance", "--random", "50", "--seed", "0", *arm, *where, *files)
    capsule = tmp_path / "random-jsonrpc-json.json"
    assert done.code == 1
    assert "FAIL jsonrpc-json random-sequences [P-VERIFY-1, P-VERIFY-2]" in done.out
    replay = f"transportlab conformance --transport jsonrpc --codec json {' '.join(where)}"
    assert f"replay: {replay} --replay {capsule}\n" in done.out
    assert done.out.endswith("FAILED: 50 sequences of seed 0\n")
    _, outcome, end = map(json.loads, lines.read_text().splitlines())
    assert (outcome["vector"], outcome["status"]) == ("random-sequences", "fail")
    assert end["ok"] is False
    kept = json.loads(capsule.read_bytes())
    assert kept["seed"] == 0
    assert kept["steps"][-1]["do"] == "verify-ownership"
    assert kept["calls"][-1]["method"] == "VerifyOwnership"
    again = run("conformance", *arm, *where, "--replay", str(capsule))
    assert again.code == 1
    assert again.out.endswith(f"FAILED: the sequence of {capsule}\n")
    right = ["--plugin", str(faulty(tmp_path, "")), "--offers", "fresh-store"]
    done = run("conformance", *arm, *right, "--replay", str(capsule))
    assert (done.code, done.err) == (0, "")
    assert done.out.endswith(f"OK: the sequence of {capsule}\n")


def test_a_run_without_a_seed_tells_which_it_took(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run("conformance", "--random", "3", "--transport", "direct", *PATIENT)
    assert done.code == 0
    assert "OK: 3 sequences of seed " in done.out
    assert list(tmp_path.iterdir()) == [], "Hypothesis keeps nothing"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--seed", "1"], "--seed goes with --random"),
        (["--random", "0"], "--random: expected a whole number of at least 1"),
        (["--random", "5", "--seed", "-1"], "--seed: expected a whole number of at least 0"),
        (["--random", "5", "--group", "read"], "sequences are no vectors"),
        (["--random", "5", "--badge", "x"], "sequences are no vectors"),
        (["--replay", "x", "--attach"], "sequences are no vectors"),
        (["--random", "5", "--replay", "x"], "leave out --random and --seed"),
        (["--random", "5", "--capsules", "/dev/null"], "/dev/null"),
        (["--random", "5", "--transport", "pigeon"], 'unknown transport "pigeon"'),
        (["--random", "5", "--codec", "xml"], 'has the codec "xml"'),
        (["--replay", "/nowhere"], "/nowhere: cannot be read"),
    ],
)
def test_a_wrong_option_exits_with_2(run: Run, arguments: list[str], said: str) -> None:
    done = run("conformance", *arguments)
    assert (done.code, done.out) == (2, "")
    assert said in done.err


def test_without_hypothesis_one_line_says_how_to_get_it(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conformance_random, "lacks", lambda name: name == "hypothesis")
    done = run("conformance", "--random", "5")
    assert (done.code, done.out) == (2, "")
    assert done.err.endswith("hypothesis is not installed; pip install 'transportlab[random]'\n")
