"""How amounts, ratios and tables are written."""

import pytest

from transportlab.evidence.analysis.compare import Counts
from transportlab.evidence.analysis.stats import Interval
from transportlab.evidence.report.formatting import (
    amount,
    counts,
    difference,
    digits,
    listed,
    probability,
    table,
)


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (0.0000012, "s", "1.20 µs"),
        (0.123456, "s", "123 ms"),
        (0.9999, "s", "1.00 s"),
        (75.0, "s", "75.0 s"),
        (0.0, "s", "0 ns"),
        (1536.0, "B", "1.50 KiB"),
        (12345.0, "1/s", "12,300 /s"),
    ],
)
def test_amounts_have_three_digits_and_a_unit(value: float, unit: str, shown: str) -> None:
    assert amount(value, unit) == shown


def test_numbers_have_three_digits() -> None:
    assert digits(0.012345) == "0.0123"
    assert digits(float("inf")) == "inf"
    assert digits(35.16, 2) == "35"
    assert digits(-0.5) == "-0.500"


def test_a_difference_is_in_the_units_of_the_budget() -> None:
    assert difference(Interval(0.0341, 0.033, 0.0352, 9), "s") == "34.1 [33, 35]"
    assert difference(Interval(-(2.0**20), -(2.0**21), 0, 9), "B") == "-1.00 [-2.0, 0]"
    assert difference(Interval(4e-7, -0.016, 0.016, 9), "s") == "0.00 [-16, 16]"
    few = Interval(0.01, float("-inf"), float("inf"), 1)
    assert difference(few, "s") == "10.0 [no interval: 1 block]"


def test_counts_say_what_the_unit_is() -> None:
    one = Counts(1, 5, 10, (1, 1))
    assert counts(one) == "5 blocks of 1 run, 10 processes of 1 call"
    many = Counts(3, 90, 180, (30, 1000))
    assert counts(many) == "90 blocks of 3 runs, 180 processes of 30 to 1,000 calls"


def test_a_small_p_is_small_enough() -> None:
    assert (probability(0.0004), probability(0.0412)) == ("< 0.001", "0.041")


def test_words_are_listed() -> None:
    assert listed(["a"]) == "a"
    assert listed(["a", "b", "c"]) == "a, b and c"


def test_a_cell_cannot_break_its_table() -> None:
    assert table(["x"], [["a|b\nc"]])[2] == "| a\\|b c |"
