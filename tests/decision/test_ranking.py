"""Rankings of small cases that can be computed by hand."""

import pytest

from transportlab.decision.criteria import (
    Criterion,
    Decision,
    DecisionError,
    Language,
    Option,
    Scale,
    Scenario,
    Stated,
    Unmeasured,
)
from transportlab.decision.ranking import Ranking, rank
from transportlab.decision.scoring import cells
from transportlab.decision.sources import Sources

IDENTITY = Scale(((0, 0), (10, 10)), "a reason")


def criterion(
    name: str, weight: float, several: str = "choice", **scores: float | None
) -> Criterion:
    """A criterion by which each option, or `option__language`, has this score."""
    figures: list[Stated | Unmeasured] = []
    for key, score in scores.items():
        option, _, language = key.partition("__")
        options, languages = (option,), (language,) if language else ()
        if score is None:
            figures.append(Unmeasured(options=options, languages=languages, note="not yet"))
        else:
            figures.append(Stated(value=score, options=options, languages=languages))
    return Criterion(
        name, name, "group", "what it is", "", "counted", "by hand", weight, "a reason", IDENTITY,
        tuple(figures), any("__" in key for key in scores), several,  # type: ignore[arg-type]
    )  # fmt: skip


def decision(*criteria: Criterion, **languages: float) -> Decision:
    options = [Option(name, name, "an argument", "direct") for name in ("a", "b")]
    shares = languages or {"go": 1}
    return Decision(
        "which?",
        1,
        ("go",),
        (*options, Option("both", "both", "an argument", parts=("a", "b"))),
        tuple(Language(name, name, (name,)) for name in shares),
        (),
        criteria,
        (
            Scenario("record", "record", "a reason", ("a", "b"), shares),
            Scenario("several", "several", "a reason", ("a", "b", "both"), shares),
        ),
    )


def ranked(case: Decision, scenario: str = "record", /, **weights: float) -> Ranking:
    chosen = case.scenario(scenario)
    found = cells(case, Sources(case.hosts))
    return rank(case, found, chosen, case.weights(chosen) | weights, draws=400)


CASE = decision(criterion("speed", 3, a=8, b=2), criterion("care", 1, a=0, b=10))


def test_a_total_is_the_weighted_mean_of_scores() -> None:
    first, second = ranked(CASE).totals
    assert (first.option, first.middle, first.low, first.high) == ("a", 6, 6, 6)
    assert (second.option, second.middle) == ("b", 4)


def test_weights_change_the_winner() -> None:
    assert ranked(CASE, care=3).totals[0].option == "b"


def test_what_is_not_measured_counts_as_anything() -> None:
    first, second = ranked(
        decision(criterion("speed", 1, a=6, b=None), criterion("care", 1, a=6, b=6))
    ).totals
    assert (first.option, first.low, first.high) == ("a", 6, 6)
    assert (second.option, second.middle, second.low, second.high) == ("b", 5.5, 3, 8)
    assert 0.5 < first.wins["as weighed"] < 0.7, "b wins if its speed scores over 6"


def test_what_is_known_wins_each_draw_as_weighed() -> None:
    first, second = ranked(CASE).totals
    assert (first.wins["as weighed"], second.wins["as weighed"]) == (1, 0)
    assert first.wins["any"] == pytest.approx(6 / 16, abs=0.08), "a leads if 6 s > 10 (1 - s)"
    assert first.wins["any"] < first.wins["nearby"] <= 1
    assert sum(total.wins["any"] for total in (first, second)) == 1


def test_the_least_move_of_weight_makes_both_draw_level() -> None:
    [move] = ranked(CASE).moves
    assert (move.rival, move.away, move.to) == ("b", ("speed",), "care")
    assert move.share is not None
    assert move.share == pytest.approx(2 / 16)
    level = ranked(CASE, speed=0.75 - move.share, care=0.25 + move.share).totals
    assert level[0].middle == pytest.approx(level[1].middle)


def test_who_is_behind_in_everything_wins_by_no_weights() -> None:
    result = ranked(decision(criterion("speed", 1, a=8, b=2), criterion("care", 1, a=9, b=9)))
    assert [move.share for move in result.moves] == [None]
    assert result.factors == []


def test_a_factor_on_one_weight_makes_both_draw_level() -> None:
    factors = {factor.criterion: factor.factor for factor in ranked(CASE).factors}
    assert factors == {"care": pytest.approx(1.8), "speed": pytest.approx(5 / 9)}
    for name, factor in factors.items():
        level = ranked(CASE, **{name: {"speed": 3, "care": 1}[name] * factor}).totals
        assert level[0].middle == pytest.approx(level[1].middle)


def test_the_criteria_that_decide_come_first() -> None:
    assert ranked(CASE).deciding == {"speed": 4.5, "care": -2.5}


def test_languages_count_by_their_shares() -> None:
    case = decision(criterion("speed", 1, a__go=10, a__node=2, b=5), go=3, node=1)
    assert [(t.option, t.middle) for t in ranked(case).totals] == [("a", 8), ("b", 5)]


def test_an_author_takes_the_better_part_for_the_language() -> None:
    case = decision(
        criterion("speed", 1, a__go=10, a__node=2, b=5),
        criterion("crash", 1, "worst", a=9, b=4),
        criterion("lines", 1, "sum", a=1, b=2),
        go=1,
        node=1,
    )
    total = next(t for t in ranked(case, "several").totals if t.option == "both")
    assert total.chosen == {"go": "a", "node": "a"}, "by all criteria, a is better for Node too"
    assert total.scores == {"speed": 6, "crash": 4, "lines": 3}
    total = next(t for t in ranked(case, "several", crash=0).totals if t.option == "both")
    assert total.chosen == {"go": "a", "node": "b"}
    assert total.scores["speed"] == 7.5


def test_of_a_sum_whose_parts_are_not_all_known_only_the_bound_is() -> None:
    case = decision(criterion("lines", 1, "sum", a=3, b=None))
    total = next(t for t in ranked(case, "several").totals if t.option == "both")
    assert (total.low, total.high) == (0, 10)


def test_weights_of_0_alone_are_refused() -> None:
    with pytest.raises(DecisionError, match="scenario record: all weights are 0"):
        ranked(CASE, speed=0, care=0)


def test_the_same_seed_draws_the_same() -> None:
    assert ranked(CASE) == ranked(CASE)
