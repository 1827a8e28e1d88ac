"""Student's t distribution: its p values and its quantiles, for any degrees of freedom.

scipy has both, and is a large library for two functions.
"""

import math
from functools import lru_cache

_STEPS = 200
"""More than the fraction of the incomplete beta function needs for degrees up to 10,000."""

_EXACT = 1e-12


def two_sided(t: float, degrees: float) -> float:
    """The probability of a value at least as far from 0 as t, on either side."""
    if math.isinf(t):
        return 0.0
    return _beta(degrees / 2, 0.5, degrees / (degrees + t * t))


def one_sided(t: float, degrees: float) -> float:
    """The probability of a value of t or above."""
    half = two_sided(t, degrees) / 2
    return half if t >= 0 else 1 - half


@lru_cache(maxsize=1024)
def quantile(level: float, degrees: float) -> float:
    """The t between whose negative and itself lies the level, 0.95 for 95 %."""
    low, high = 0.0, 1.0
    while two_sided(high, degrees) > 1 - level:
        high *= 2
    while high - low > _EXACT * high:
        middle = (low + high) / 2
        low, high = (middle, high) if two_sided(middle, degrees) > 1 - level else (low, middle)
    return high


def _beta(a: float, b: float, x: float) -> float:
    """The regularised incomplete beta function (Press et al., Numerical Recipes, section 6.4)."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    scale = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    front = math.exp(scale + a * math.log(x) + b * math.log1p(-x))
    if x < (a + 1) / (a + b + 2):
        return front * _fraction(a, b, x) / a
    return 1 - front * _fraction(b, a, 1 - x) / b


def _fraction(a: float, b: float, x: float) -> float:
    """Its continued fraction, by the method of Lentz."""
    c, d = 1.0, 1 / (1 - (a + b) * x / (a + 1))
    found = d
    for m in range(1, _STEPS):
        change = 1.0
        for term in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            c, d = 1 + term / c, 1 / (1 + term * d)
            change = c * d
            found *= change
        if abs(change - 1) < _EXACT:
            break
    return found
