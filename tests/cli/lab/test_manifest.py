"""`transportlab manifest init|check`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]


def test_a_first_manifest_is_right_and_can_be_planned(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "manifest.json"
    assert run("manifest", "init", "--app", "billing", "--out", str(file)).code == 0
    assert (
        run("manifest", "check", str(file)).out == f"{file}: right, with 1 jobs and 1 schedules\n"
    )
    assert run("manifest", "check", str(file), "--json").json == {"jobs": 1, "schedules": 1}
    plan = run("plan", "--manifest", str(file), "--backend", "echo", "--transport", "direct")
    assert "+ create billing.first-job" in plan.out


def test_without_a_file_it_is_printed(run: Run) -> None:
    done = run("manifest", "init", "--app", "billing", "--schedule", "@daily")
    assert '"schedule": "@daily"' in done.out


def test_a_file_that_is_there_is_kept(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "manifest.json"
    file.write_text("mine")
    done = run("manifest", "init", "--app", "billing", "--out", str(file))
    assert (done.code, file.read_text()) == (2, "mine")
    assert "is there already" in done.err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--app", "Billing"], "app"),
        (["--app", "billing", "--schedule", "* * *"], "jobs/0/schedule"),
        (["--app", "billing", "--url", "ftp://x"], "jobs/0/request/url"),
    ],
)
def test_what_would_be_wrong_is_not_written(
    run: Run, tmp_path: Path, words: list[str], told: str
) -> None:
    file = tmp_path / "manifest.json"
    done = run("manifest", "init", *words, "--out", str(file))
    assert done.code == 1
    assert told in done.err
    assert not file.exists()


def test_all_that_is_wrong_is_told_with_its_place(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "manifest.json"
    file.write_text('{"version": 1, "app": "A", "jobs": []}')
    done = run("manifest", "check", str(file))
    assert done.code == 1
    assert "app" in done.err
    assert "jobs" in done.err
