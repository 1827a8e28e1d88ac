"""Intervals hold the truth as often as they say, on data of every shape."""

import pytest

from transportlab.evidence.analysis.coverage import SHAPES, coverage
from transportlab.evidence.run.plan import PROFILES

FULL = sorted({n for places in PROFILES["full"].blocks.values() for n in places.values()})
RECORD = 4
"""Runs of a record."""


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("blocks", FULL)
@pytest.mark.parametrize("between", [0.0, 0.03, 0.09])
def test_a_record_covers_what_it_says_however_runs_differ(
    shape: str, blocks: int, between: float
) -> None:
    assert 0.93 <= coverage(shape, blocks, RECORD, 4000, between) <= 0.97


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("runs", [1, 2, 3])
def test_fewer_runs_cover_at_least_nearly_what_they_say(shape: str, runs: int) -> None:
    assert coverage(shape, FULL[0], runs, 4000) >= 0.9


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("runs", "blocks"), [(RECORD, FULL[0]), (1, 30)])
def test_a_small_simulation_agrees(shape: str, runs: int, blocks: int) -> None:
    assert 0.92 <= coverage(shape, blocks, runs, 400) <= 0.98


def test_a_simulation_is_always_the_same() -> None:
    assert coverage("skewed", 5, 1, 50) == coverage("skewed", 5, 1, 50)
