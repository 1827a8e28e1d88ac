"""The programs that count and measure, each with the least that it can do."""

import json
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from bench import paired
from bench.faults.columns import columns
from bench.host_cost import PINNED, WITH, WITHOUT, cold_start
from bench.interrupted import Ending, apply
from bench.worker_cost import LIBRARY, arms
from transportlab.host.apply import Reached

HANG_GUARD = 60.0
ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = [column.title for column in columns() if not column.library]


def run(module: str, *arguments: str) -> str:
    """What the program prints."""
    done = subprocess.run(
        [sys.executable, "-m", f"bench.{module}", *arguments],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("module", ["peers", "http_servers"])
def test_json_takes_no_file(module: str) -> None:
    command = [sys.executable, "-m", f"bench.{module}", "--json", "raw.json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "unrecognized arguments: --json raw.json" in done.stderr


@pytest.mark.slow
def test_sessions_and_killed_hosts_leave_nothing() -> None:
    title = PROGRAMS[0]
    out = run("cycles", "--cycles", "1", "--kills", "1", "--transport", title)
    assert f"| {title} | nothing |" in out
    assert "after the next start: 0" in out


@pytest.mark.slow
def test_writers_that_are_killed_lose_nothing() -> None:
    out = run("writers", "--seconds", "4", "--writers", "3")
    assert "nothing lost" in out
    assert not out.startswith("3 writers, 0 versions")


@pytest.mark.slow
def test_a_cold_start_is_measured_without_the_checks_and_with_a_pin() -> None:
    found = json.loads(run("host_cost", paired.ONE, PROGRAMS[0], WITHOUT))
    assert found["ready"] > 0
    assert found["checks"] == 0
    pinned = cold_start(PROGRAMS[-1], PINNED)
    assert 0 < pinned["checks"] < pinned["ready"]


@pytest.mark.slow
@pytest.mark.skipif(not LIBRARY.exists(), reason="not run: the libraries were not built")
def test_a_worker_is_measured_beside_the_program() -> None:
    worker = list(arms().values())[1]
    found = json.loads(run("worker_cost", paired.ONE, *worker))
    assert set(found) == {"cold start", "warm Read"}


def test_a_report_is_held_against_the_file(tmp_path: Path) -> None:
    column = next(column for column in columns() if not column.library)
    killed, took = apply(column, tmp_path / "crontab", 0.01)
    assert killed.true
    assert took < HANG_GUARD

    def ended(said: Reached | None, there: str, planned: str = "ab") -> Ending:
        return Ending(said, frozenset(there), frozenset(planned))

    assert ended(Reached(applied=("a",), unknown=("b",), unreported=("c",)), "a", "abc").true
    assert ended(Reached(unreported=("a", "b")), "a").carried_out(("a", "b")) == 1
    assert not ended(Reached(applied=("a",), unattempted=("b",)), "ab").true
    assert not ended(Reached(applied=("a",), unreported=("b",)), "").true
    assert not ended(Reached(applied=("a",)), "a").true, "a job that is not told"
    assert not ended(Reached(applied=("a",), unreported=("a", "b")), "a").true, "one told twice"
    assert ended(None, "ab").true
    assert not ended(None, "a").true


def test_paired_arms_give_a_ratio_and_their_spread() -> None:
    draw = Random(1)
    found = []
    for _ in range(20):
        moment = draw.uniform(0.5, 2.0)
        found.append({"a": {"s": 0.002 * moment}, "b": {"s": 0.001 * moment}})
    interval = paired.ratio(found, "a", "b", "s")
    assert interval.value == pytest.approx(2.0)
    assert paired.shown(interval).startswith("2.000 [")
    assert paired.shown(paired.ratio(found[:2], "a", "b", "s")).endswith("for an interval)")
    assert paired.spread(found[:1], "a", "s").endswith(" ms")
    assert "[" in paired.spread(found, "a", "s")


def test_an_arm_that_fails_says_why() -> None:
    with pytest.raises(RuntimeError, match="pigeon"):
        paired.measured("bench.host_cost", ["pigeon", WITH])
