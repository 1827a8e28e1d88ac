"""Time left, and how it is told."""

import io
import sys
from collections.abc import Iterator

import pytest

from transportlab.evidence.run.progress import Clock, progress


def ticking(*times: float) -> Iterator[float]:
    yield from times


def test_time_left_is_what_blocks_of_each_kind_have_taken() -> None:
    times = ticking(0, 10, 12)
    clock = Clock(["slow", "fast", "slow", "fast"], now=lambda: next(times))
    assert clock.left() is None
    assert clock.text() == ""
    clock.begin()
    clock.begin()
    assert clock.left() == 30  # a kind that is not known yet takes what the others do
    clock.begin()
    assert clock.left() == 12
    assert clock.text() == "about 12 s left"


def test_long_times_are_told_in_minutes() -> None:
    times = ticking(0, 100)
    clock = Clock(["a", "a", "a"], now=lambda: next(times))
    clock.begin()
    clock.begin()
    assert clock.text() == "about 3 min 20 s left"


def test_a_line_a_block_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with progress(["a", "a"]) as tell:
        tell("a 1")
        tell("a 2")
    first, second = capsys.readouterr().err.splitlines()
    assert first == "1/2 a 1"
    assert second.startswith("2/2 a 2 about 0 s left")


def test_a_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    out = Terminal()
    monkeypatch.setattr(sys, "stderr", out)
    with progress(["a", "a"]) as tell:
        tell("a 1")
        tell("a 2")
    assert "a 2" in out.getvalue()
    assert "1/2" in out.getvalue()
