"""The order of a run: blocks of every kind all over its time, arms in random order in each.

It follows from the seed and from what is run, and from nothing else, so that a run that was
interrupted goes on in the order in which it began.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

from transportlab.evidence.profiles import Blocks


@dataclass(frozen=True, slots=True)
class Planned:
    """One block to come: its group, its number among those of its kind, its arms in order."""

    group: str
    placement: str
    number: int
    order: tuple[str, ...]


def schedule(blocks: Blocks, arms: Mapping[str, Sequence[str]], seed: int) -> list[Planned]:
    """Every block of a run; arms are the ids by group.

    A kind with few blocks has them as evenly between the others as they go.
    """
    chance = Random(seed)  # noqa: S311  # an order, not a secret
    due: list[tuple[float, float, str, str, int]] = []
    for group, placements in blocks.items():
        for placement, count in placements.items():
            due += [
                ((number + 0.5) / count, chance.random(), group, placement, number)
                for number in range(count)
            ]
    return [
        Planned(group, placement, number, tuple(chance.sample(arms[group], len(arms[group]))))
        for _, _, group, placement, number in sorted(due)
    ]
