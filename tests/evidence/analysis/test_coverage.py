"""Intervals hold the truth as often as they say, on data of every shape."""

import pytest

from transportlab.evidence.analysis.coverage import SHAPES, coverage
from transportlab.evidence.run.plan import PROFILES

FULL = sorted({n for places in PROFILES["full"].blocks.values() for n in places.values()})


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("blocks", FULL)
@pytest.mark.parametrize("between", [0.0, 0.03, 0.09])
def test_three_full_runs_cover_what_they_say_however_runs_differ(
    shape: str, blocks: int, between: float
) -> None:
    assert 0.93 <= coverage(shape, blocks, 3, 4000, between) <= 0.97


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("runs", "blocks"), [(1, 8), (2, 8)])
def test_one_or_two_full_runs_cover_nearly_what_they_say_if_runs_differ_as_assumed(
    shape: str, runs: int, blocks: int
) -> None:
    # Eight blocks of one run are few where data has two modes. A record has three runs.
    assert 0.92 <= coverage(shape, blocks, runs, 4000) <= 0.985


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("runs", "blocks"), [(3, 8), (1, 30)])
def test_a_small_simulation_agrees(shape: str, runs: int, blocks: int) -> None:
    assert 0.92 <= coverage(shape, blocks, runs, 400) <= 0.98


def test_a_simulation_is_always_the_same() -> None:
    assert coverage("skewed", 5, 1, 50) == coverage("skewed", 5, 1, 50)
