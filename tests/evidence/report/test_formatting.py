"""How amounts, ratios and tables are written."""

import pytest

from transportlab.evidence.report.formatting import amount, digits, listed, table


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


def test_words_are_listed() -> None:
    assert listed(["a"]) == "a"
    assert listed(["a", "b", "c"]) == "a, b and c"


def test_a_cell_cannot_break_its_table() -> None:
    assert table(["x"], [["a|b\nc"]])[2] == "| a\\|b c |"
