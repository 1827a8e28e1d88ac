import math
from random import Random
from statistics import median

import pytest

from transportlab.evidence.analysis.stats import (
    MIN_BLOCKS,
    Interval,
    median_tail,
    ratio_interval,
    seed_of,
    student_t,
)

EXPERIMENTS = 200


@pytest.mark.parametrize("blocks", [5, 10, 30])
def test_the_interval_covers_the_true_ratio_as_often_as_it_says(blocks: int) -> None:
    chance, true = Random(blocks), 0.7
    covered = 0
    for number in range(EXPERIMENTS):
        logs = [math.log(true) + chance.gauss(0, 0.2) for _ in range(blocks)]
        found = ratio_interval(logs, number)
        covered += found.low <= true <= found.high
    assert 0.90 <= covered / EXPERIMENTS <= 0.99


def test_the_ratio_is_the_geometric_mean_of_the_blocks() -> None:
    assert ratio_interval([math.log(2), math.log(8)], 1).ratio == pytest.approx(4)


def test_equal_blocks_have_an_interval_without_width() -> None:
    found = ratio_interval([math.log(3)] * 6, 1)
    assert found.low == pytest.approx(3)
    assert found.high == pytest.approx(3)


def test_too_few_blocks_have_no_interval() -> None:
    found = ratio_interval([0.1] * (MIN_BLOCKS - 1), 1)
    assert (found.low, found.high, found.known) == (0.0, math.inf, False)
    assert found.factor == math.inf


def test_the_same_seed_gives_the_same_interval() -> None:
    logs = [0.1, 0.2, 0.15, 0.3, 0.05, 0.22]
    assert ratio_interval(logs, 7) == ratio_interval(logs, 7)
    assert ratio_interval(logs, 7) != ratio_interval(logs, 8)


def test_a_seed_depends_on_every_word_and_their_bounds() -> None:
    assert seed_of("a", "b") == seed_of("a", "b")
    assert len({seed_of("a", "b"), seed_of("ab", ""), seed_of("b", "a")}) == 3


def test_the_noise_factor_is_the_further_end() -> None:
    assert Interval(1.0, 0.8, 1.1, 9).factor == pytest.approx(1.25)
    assert Interval(1.0, 0.99, 1.3, 9).factor == pytest.approx(1.3)


@pytest.mark.parametrize(
    ("degrees", "value"), [(1, 12.706), (29, 2.045), (60, 2.000), (120, 1.980)]
)
def test_students_t_is_that_of_the_tables(degrees: int, value: float) -> None:
    assert student_t(degrees) == pytest.approx(value, abs=0.002)


def test_the_median_has_bounds_around_it_and_a_p_that_falls_with_distance() -> None:
    chance = Random(3)
    logs = [0.1 + chance.gauss(0, 0.05) for _ in range(60)]
    centre = median(logs)
    low, high, near = median_tail(logs, centre, 1)
    assert low < centre < high
    *_, far = median_tail(logs, centre - 0.1, 1)
    assert near > 0.025 > far > 0
