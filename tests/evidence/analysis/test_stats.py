"""Means of blocks within runs."""

import math
from random import Random
from statistics import fmean, stdev

import pytest

from transportlab.evidence.analysis.stats import (
    BETWEEN,
    MIN_BLOCKS,
    Estimate,
    Told,
    estimate,
    holm,
    minus,
    signed_rank,
)

BLOCKS = [0.1, 0.2, 0.15, 0.3, 0.05, 0.22]


def test_the_ratio_is_the_geometric_mean_of_the_blocks() -> None:
    found = estimate([[math.log(2), math.log(8)] * 3]).ratio()
    assert found.value == pytest.approx(4)
    assert found.low < 4 < found.high
    assert found.low * found.high == pytest.approx(16)  # symmetric, as a/b is 1 / (b/a)


def test_one_run_has_a_term_for_how_runs_differ_and_half_the_degrees() -> None:
    found = estimate([BLOCKS])
    assert found.mean == pytest.approx(fmean(BLOCKS))
    assert found.error == pytest.approx(stdev(BLOCKS) * math.sqrt(1 / 6 + BETWEEN))
    assert (found.degrees, found.blocks, found.runs) == (2.5, 6, 1)


def test_three_runs_show_themselves_how_they_differ() -> None:
    found = estimate([[1.0, 3.0], [4.0, 4.0], [6.0, 6.0, 6.0]])
    assert found.mean == pytest.approx(4)  # of the runs' means: no run counts more than another
    assert found.error == pytest.approx(stdev([2, 4, 6]) / math.sqrt(3))
    assert (found.degrees, found.blocks, found.runs) == (2, 7, 3)


def test_equal_blocks_have_an_interval_without_width() -> None:
    found = estimate([[2.0] * 6])
    assert (found.interval().low, found.interval().high) == (2, 2)
    assert (found.p_other_than(2.0), found.p_other_than(3.0)) == (1, 0)
    assert found.p_outside(1.0, 3.0) == 0


def test_too_few_blocks_have_no_interval_and_say_nothing() -> None:
    found = estimate([[0.1] * (MIN_BLOCKS - 1)])
    assert not found.interval().known
    assert (found.ratio().low, found.ratio().high) == (0, math.inf)
    assert found.p_other_than(9) == 1
    assert found.p_outside(-9, 9) == 0.5


def test_p_is_five_percent_where_the_interval_ends() -> None:
    found = Estimate(1.0, 0.1, 5, 6, 1)
    ends = found.interval()
    assert found.p_other_than(ends.high) == pytest.approx(0.05)
    assert found.p_other_than(ends.low) == pytest.approx(0.05)
    narrow = found.interval(0.9)
    assert found.p_outside(narrow.low, narrow.high) == pytest.approx(0.05)
    assert found.p_outside(2, 3) > 0.99


def test_holms_p_values_are_those_of_his_steps() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.9]) == [1, 1]
    assert holm([]) == []


@pytest.mark.parametrize(
    ("values", "centre"),
    [([1.0, 2.0, 9.0], 3.5), ([2.0], 2.0), ([3.0, 1.0], 2.0)],  # 1, 1.5, 2, 5, 5.5, 9
)
def test_the_centre_is_the_median_of_the_means_of_any_two(
    values: list[float], centre: float
) -> None:
    assert signed_rank(values, 0.01, 0.01).centre == centre


def test_the_centre_has_a_bound_on_either_side_and_few_values_have_none() -> None:
    chance = Random(3)
    values = [0.1 + chance.gauss(0, 0.05) for _ in range(60)]
    wide, narrow = signed_rank(values, 0.001, 0.025), signed_rank(values, 0.025, 0.025)
    assert wide.low < narrow.low < wide.centre < wide.high == narrow.high
    reach = 1.96 * 0.05 / math.sqrt(60)
    assert narrow.high - narrow.low == pytest.approx(2 * reach, rel=0.3)
    assert signed_rank([7.0] * 60, 0.001, 0.025) == (7, 7, 7)
    few = signed_rank([1.0, 2.0], 0.001, 0.001)
    assert (few.low, few.high) == (-math.inf, math.inf)


def test_bounds_err_as_rarely_as_they_say() -> None:
    """With two modes and long tails, which times of starts have."""
    chance = Random(1)
    missed = 0
    for _ in range(500):
        values = [
            chance.choice((-0.1, 0.0, 0.0, 0.1)) + chance.gauss(0, 0.03) / chance.uniform(0.3, 1)
            for _ in range(30)
        ]
        missed += signed_rank(values, 0.05, 0.5).low > 0
    assert missed <= 40  # 25 are expected, with a deviation of 5


def test_a_ratio_is_told_by_its_interval_and_a_margin() -> None:
    def told(mean: float, error: float) -> Told:
        return Estimate(mean, error, 20, 21, 1).told(1.1)

    assert told(0.01, 0.01) is Told.EQUAL
    assert told(0.3, 0.05) is Told.MORE
    assert told(-0.3, 0.05) is Told.LESS
    assert told(0.01, 0.2) is Told.OPEN
    assert estimate([[0.5] * (MIN_BLOCKS - 1)]).told(1.1) is Told.OPEN


def test_means_that_share_no_block_have_both_errors() -> None:
    found = minus(Estimate(0.5, 0.3, 10, 11, 1), Estimate(0.1, 0.4, 10, 30, 3))
    assert found.mean == pytest.approx(0.4)
    assert found.error == pytest.approx(0.5)
    assert found.degrees == pytest.approx(0.25**2 / (0.09**2 / 10 + 0.16**2 / 10))
    assert (found.blocks, found.runs) == (11, 1)
    exact = minus(estimate([[1.0] * 6]), estimate([[1.0] * 6]))
    assert (exact.interval().low, exact.interval().high) == (0, 0)
    assert not minus(estimate([[1.0]]), exact).interval().known
