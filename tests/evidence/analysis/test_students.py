"""Student's t."""

import math

import pytest

from transportlab.evidence.analysis.students import one_sided, quantile, two_sided


@pytest.mark.parametrize(
    ("degrees", "value"),
    [(1, 12.7062), (2, 4.3027), (4, 2.7764), (10, 2.2281), (29, 2.0452), (120, 1.9799)],
)
def test_quantiles_are_those_of_the_tables(degrees: int, value: float) -> None:
    assert quantile(0.95, degrees) == pytest.approx(value, abs=1e-4)


def test_degrees_may_be_fractions() -> None:
    assert quantile(0.95, 3) < quantile(0.95, 2.5) < quantile(0.95, 2)


def test_with_one_degree_it_is_the_distribution_of_cauchy() -> None:
    for t in (0.1, 1.0, 5.0):
        assert two_sided(t, 1) == pytest.approx(1 - 2 / math.pi * math.atan(t))


def test_a_p_value_goes_with_its_quantile() -> None:
    assert two_sided(quantile(0.9, 7), 7) == pytest.approx(0.1)
    assert one_sided(quantile(0.9, 7), 7) == pytest.approx(0.05)
    assert one_sided(-1.0, 7) == pytest.approx(1 - one_sided(1.0, 7))
    assert (two_sided(0.0, 3), two_sided(math.inf, 3), one_sided(-math.inf, 3)) == (1, 0, 1)
