"""Ranks the options by weights, and says how firm that is.

The total of an option is the weighted mean of its scores, over criteria and, by their shares, over
languages. It is an interval, as scores are. Options are ranked by its middle.

How firm the winner is, by draws with a seed:

- as weighed: the weights are as given, and what is not known is drawn between its bounds;
- nearby: each weight is also multiplied by a factor between a half and two;
- any: each weighting of the criteria is as likely as any other.

And computed: the least weight that has to move for another option to win, and the factor by which a
single weight would have to change.
"""

import math
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from msgspec import Struct

from transportlab.decision.criteria import Decision, DecisionError, Scenario
from transportlab.decision.scoring import Cells

DRAWS = 2000
"""A share of so many draws is within 0.022 of the true one in 95 of a hundred cases."""

LEVEL = 1e-9
"""A lead that is no more than rounding."""

Weights = Mapping[str, float]

Part = Callable[[str, str], float]
"""Of an option and a criterion, how far a score lies from its low end to its high end: 0 to 1."""


Choices = Mapping[str, Mapping[str, str]]
"""By option with parts and language, the part that an author takes."""

_Term = tuple[str, str, float, float]
"""A criterion, the option or part that is scored, the low end of its score, and its width."""


class Total(Struct, frozen=True):
    """An option's total: its middle and both ends, and the middles of its scores by criterion.

    wins: the share of draws that it wins, by question. chosen: by language, the part that an author
    takes, if it has parts.
    """

    option: str
    middle: float
    low: float
    high: float
    scores: dict[str, float]
    wins: dict[str, float]
    chosen: dict[str, str]


class Move(Struct, frozen=True):
    """The least share of all weight that has to move for a rival to draw level with the winner.

    It goes from the criteria of `away`, all of whose weight moves but for the last one's, to `to`.
    share: None if the rival is ahead in nothing. Authors of an option with parts keep to their
    choice meanwhile.
    """

    rival: str
    share: float | None
    away: tuple[str, ...] = ()
    to: str = ""


class Factor(Struct, frozen=True):
    """A single weight that changes the winner once it is multiplied by more, or less, than this.

    To leave the criterion out is no factor.
    """

    criterion: str
    factor: float
    rival: str


class Ranking(Struct, frozen=True):
    """Who wins, and how firmly.

    totals: the best first. factors: the nearest to 1 first. deciding: by criterion, how much it
    adds to the winner's lead over the second; the largest first.
    """

    scenario: str
    weights: dict[str, float]
    totals: list[Total]
    moves: list[Move]
    factors: list[Factor]
    deciding: dict[str, float]


def rank(
    decision: Decision, cells: Cells, scenario: Scenario, weights: Weights, *, draws: int = DRAWS
) -> Ranking:
    """The ranking of a scenario's options. Raises DecisionError if no weight is above 0."""
    if not any(weights.values()) or not any(scenario.languages.values()):
        raise DecisionError(f"scenario {scenario.id}: all weights are 0; one must be more")
    case = _Case(decision, cells, scenario)
    share = _normal(weights)
    chosen = case.choices(share)
    middle, low, high = (case.totals(share, lambda *_, at=at: at, chosen) for at in (0.5, 0, 1))
    wins = _wins(case, share, random.Random(decision.seed), draws)  # noqa: S311  # no secret
    totals = [
        Total(
            option,
            middle[option],
            low[option],
            high[option],
            case.scores(option, lambda *_: 0.5, chosen),
            {question: won[option] / draws for question, won in wins.items()},
            dict(chosen.get(option, {})),
        )
        for option in scenario.options
    ]
    totals.sort(key=lambda total: -total.middle)
    first, *others = totals
    deciding = {c: share[c] * _lead(first, others[0], c) for c in share}
    return Ranking(
        scenario.id,
        dict(weights),
        totals,
        [_move(share, first, other) for other in others],
        _factors(share, first, others),
        dict(sorted(deciding.items(), key=lambda pair: -pair[1])),
    )


class _Case:
    """The cells of one scenario."""

    def __init__(self, decision: Decision, cells: Cells, scenario: Scenario) -> None:
        self.options = scenario.options
        self._cells = cells
        self._criteria = [criterion.id for criterion in decision.criteria]
        self._languages = _normal({n: s for n, s in scenario.languages.items() if s})
        self._parts = {o.id: o.parts for o in decision.options if o.parts and o.id in self.options}
        self._terms: dict[tuple[str, tuple[str, ...]], list[_Term]] = {}

    def choices(self, weights: Weights) -> Choices:
        """By option with parts and language, the part that is best by what is known."""
        return {
            option: {
                language: max(
                    parts,
                    key=lambda part: sum(
                        weights[c] * self._cells[part][c][language].middle for c in self._criteria
                    ),
                )
                for language in self._languages
            }
            for option, parts in self._parts.items()
        }

    def scores(self, option: str, part: Part, chosen: Choices) -> dict[str, float]:
        """The score by each criterion, over the languages."""
        found = dict.fromkeys(self._criteria, 0.0)
        for criterion, own, low, span in self._of(option, chosen):
            found[criterion] += low + (span and span * part(own, criterion))
        return found

    def totals(self, weights: Weights, part: Part, chosen: Choices) -> dict[str, float]:
        """The total of each option. The weights add up to 1."""
        return {
            option: sum(
                weights[criterion] * (low + (span and span * part(own, criterion)))
                for criterion, own, low, span in self._of(option, chosen)
            )
            for option in self.options
        }

    def _of(self, option: str, chosen: Choices) -> list[_Term]:
        """The terms of an option. They are kept, as each draw asks for them."""
        key = (option, tuple(chosen.get(option, {}).values()))
        if key not in self._terms:
            self._terms[key] = self._made(option, chosen)
        return self._terms[key]

    def _made(self, option: str, chosen: Choices) -> list[_Term]:
        sums: dict[tuple[str, str], tuple[float, float]] = {}
        for criterion in self._criteria:
            for language, share in self._languages.items():
                own = option if criterion in self._cells[option] else chosen[option][language]
                cell = self._cells[own][criterion][language]
                low, span = sums.get((criterion, own), (0.0, 0.0))
                span += share * (cell.high - cell.low)
                sums[criterion, own] = (low + share * cell.low, span)
        return [(*key, *value) for key, value in sums.items()]


def _normal(weights: Weights) -> dict[str, float]:
    """The weights, so that they add up to 1."""
    total = sum(weights.values())
    return {name: weight / total for name, weight in weights.items()}


def _wins(
    case: _Case, weights: Weights, draw: random.Random, draws: int
) -> dict[str, Counter[str]]:
    """How many draws each option wins, by question."""
    questions: dict[str, Callable[[], Weights]] = {
        "as weighed": lambda: weights,
        "nearby": lambda: _normal({n: w * 2 ** draw.uniform(-1, 1) for n, w in weights.items()}),
        "any": lambda: _normal({name: draw.expovariate(1) for name in weights}),
    }
    found: dict[str, Counter[str]] = {}
    for question, weighing in questions.items():
        found[question] = Counter()
        for _ in range(draws):
            now = weighing()
            totals = case.totals(
                now,
                partial(_drawn, {}, draw),
                case.choices(now),
            )
            found[question][max(totals, key=lambda option: totals[option])] += 1
    return found


def _drawn(known: dict[tuple[str, str], float], draw: random.Random, *which: str) -> float:
    """Where in its bounds a score lies in one draw. A part of an option is drawn once."""
    key = (which[0], which[1])
    if key not in known:
        known[key] = draw.random()
    return known[key]


def _lead(first: Total, other: Total, criterion: str) -> float:
    return first.scores[criterion] - other.scores[criterion]


def _move(weights: Weights, first: Total, rival: Total) -> Move:
    """The least move of weight: from where the lead is largest to where it is least.

    To move a share s from one criterion to another lowers the lead by s times the difference of the
    two leads, so the best place to go is the same for all, and the best one to leave comes first.
    """
    to = min(weights, key=lambda name: _lead(first, rival, name))
    lead = first.middle - rival.middle
    if _lead(first, rival, to) >= -LEVEL:
        return Move(rival.option, None)
    moved, away = 0.0, []
    for name in sorted(weights, key=lambda name: -_lead(first, rival, name)):
        gain = _lead(first, rival, name) - _lead(first, rival, to)
        if lead <= LEVEL or gain <= LEVEL:
            break
        step = min(weights[name], lead / gain)
        if step:
            moved += step
            lead -= step * gain
            away.append(name)
    return Move(rival.option, moved, tuple(away), to)


def _factors(weights: Weights, first: Total, others: Sequence[Total]) -> list[Factor]:
    """For each criterion the factor nearest to 1 that lets a rival draw level, if there is one."""
    found = []
    for name, weight in weights.items():
        level = []
        for rival in others:
            own = weight * _lead(first, rival, name)
            if own and (factor := 1 - (first.middle - rival.middle) / own) > LEVEL:
                level.append(Factor(name, factor, rival.option))
        if level:
            found.append(min(level, key=_distance))
    return sorted(found, key=_distance)


def _distance(factor: Factor) -> float:
    return abs(math.log(factor.factor))
