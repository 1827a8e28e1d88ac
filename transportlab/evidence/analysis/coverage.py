"""How often an interval holds the truth: a simulation of runs and blocks, for any numbers of both.

An interval at 95 % should hold it in 95 of a hundred experiments, whatever the data look like. Each
shape has mean 0 and variance 1. Runs differ as stats.BETWEEN says.
"""

import math
from collections.abc import Callable
from functools import cache
from random import Random

from transportlab.evidence.analysis.stats import BETWEEN, estimate

Draw = Callable[[Random], float]

_LATE, _STEP, _NARROW = 0.25, 2.0, 0.3
"""A quarter of the values of bimodal data come later, as process starts do: by six deviations."""


def _bimodal(chance: Random) -> float:
    value = chance.gauss(0, _NARROW) + _STEP * (chance.random() < _LATE)
    return (value - _STEP * _LATE) / math.sqrt(_NARROW**2 + _STEP**2 * _LATE * (1 - _LATE))


def _heavy(chance: Random) -> float:
    """Student's t with three degrees of freedom: no fourth moment."""
    return chance.gauss(0, 1) / math.sqrt(chance.gammavariate(1.5, 2))


SHAPES: dict[str, Draw] = {
    "normal": lambda chance: chance.gauss(0, 1),
    "skewed": lambda chance: chance.expovariate(1) - 1,
    "bimodal": _bimodal,
    "heavy-tailed": _heavy,
}


@cache
def coverage(
    shape: str, blocks: int, runs: int = 1, experiments: int = 1000, between: float = BETWEEN
) -> float:
    """The part of the experiments whose interval holds the truth. Always the same for the same.

    between: the variance between runs, as a part of that of blocks.
    """
    draw, apart = SHAPES[shape], math.sqrt(between)
    chance = Random(f"{shape} {blocks} {runs} {between}")  # noqa: S311  # a simulation
    held = 0
    for _ in range(experiments):
        shifts = [chance.gauss(0, apart) for _ in range(runs)]
        found = estimate([[shift + draw(chance) for _ in range(blocks)] for shift in shifts])
        interval = found.interval()
        held += interval.low <= 0 <= interval.high
    return held / experiments
