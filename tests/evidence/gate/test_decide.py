"""What pairs say: true ratios are told from each other as often as they should be."""

import math
from collections import Counter
from collections.abc import Callable
from random import Random

import pytest

from transportlab.errors import UsageError
from transportlab.evidence.gate.decide import (
    LOOKS,
    MIN_PAIRS,
    MOST_PAIRS,
    Finding,
    Margins,
    Pairs,
    contaminated,
    finding,
    looks,
    milliseconds,
    more_needed,
    read,
)

Make = Callable[..., Pairs]
MARGINS = Margins()


def found(pairs: Pairs, margins: Margins = MARGINS) -> Finding:
    return finding(read(pairs, margins), margins)


def sequence(ratio: float, seed: int, spread: float = 0.08, most: int = 480) -> Finding:
    """A gate on pairs with two modes, which it looks at as planned."""
    chance = Random(seed)
    head, base, control = (
        [
            0.1 * math.exp(chance.choice((0, 0, 0, 2 * spread)) + chance.gauss(0, spread / 2))
            for _ in range(most)
        ]
        for _ in range(3)
    )
    for number in (n for n in looks(30) if n <= most):
        slow = tuple(seconds * ratio for seconds in head[:number])
        spawns = tuple(control[:number])
        pairs = Pairs(slow, tuple(base[:number]), spawns, spawns)
        if (one := found(pairs)) is not Finding.OPEN:
            return one
    return Finding.OPEN


@pytest.mark.parametrize(("ratio", "expected"), [(1.0, Finding.CLEAR), (1.2, Finding.SLOWER)])
def test_an_unchanged_build_is_clear_and_one_a_fifth_slower_is_slower(
    pairs: Make, ratio: float, expected: Finding
) -> None:
    assert {found(pairs(ratio, seed=seed)) for seed in range(3)} == {expected}


@pytest.mark.long
@pytest.mark.parametrize(
    ("ratio", "clear", "slower"),
    [
        (1.0, range(398, 401), range(1)),
        (1.05, range(401), range(6)),  # 2 of 400 are allowed at the margin itself
        (1.10, range(18), range(380, 401)),  # 10 of 400 at this one
        (1.15, range(1), range(400, 401)),
    ],
)
def test_looking_often_fools_the_gate_no_more_often_than_it_says(
    ratio: float, clear: range, slower: range
) -> None:
    seen = Counter(sequence(ratio, seed) for seed in range(400))
    assert seen[Finding.CLEAR] in clear
    assert seen[Finding.SLOWER] in slower


@pytest.mark.long
def test_drift_and_modes_do_not_make_equal_builds_differ() -> None:
    """The sign of each log is a lot, however times depend on those before."""
    alarms = 0
    for seed in range(400):
        chance, level, head, base = Random(seed), 0.1, [], []
        for _ in range(120):
            level *= math.exp(chance.gauss(0.01, 0.2))
            both = [level, level * math.exp(chance.gauss(0.1, 0.2))]  # the second start is slower
            chance.shuffle(both)
            head.append(both[0])
            base.append(both[1])
        control = (0.01,) * 120
        alarms += any(
            found(Pairs(tuple(head[:n]), tuple(base[:n]), control[:n], control[:n]))
            is Finding.SLOWER
            for n in looks(30)
            if n <= 120
        )
    assert alarms == 0


def test_margins_can_be_set_and_have_to_be_in_order(pairs: Make) -> None:
    strict = Margins(fail_above=2.0, pass_below=3.5)
    assert found(pairs(1.04, spread=0.02)) is Finding.CLEAR
    assert found(pairs(1.04, spread=0.02), strict) is Finding.SLOWER
    with pytest.raises(UsageError, match="--fail-above 10 and --pass-below 5: expected the first"):
        Margins(10.0, 5.0)


def test_what_is_too_wide_to_exclude_a_tenth_is_open(pairs: Make) -> None:
    assert found(pairs(1.0, spread=0.6)) is Finding.OPEN


def test_how_many_more_pairs_decide_is_told_about_right(pairs: Make) -> None:
    few = read(pairs(1.0, number=40, spread=0.4))
    more = more_needed(few, MARGINS)
    assert more is not None
    assert more > 20
    enough = pairs(1.0, number=40 + 3 * more, spread=0.4)
    assert found(enough) is Finding.CLEAR
    assert more_needed(read(pairs(1.0, number=5)), MARGINS) == MIN_PAIRS - 5
    contaminated = Pairs((0.1,) * 40, (0.1,) * 40, (0.02,) * 40, (0.01,) * 40)
    assert more_needed(read(contaminated), MARGINS) is None
    between = read(pairs(1.07, number=40, spread=0.1))
    assert (more_needed(between, MARGINS) or 0) > 0


def test_several_transports_share_the_chance_of_an_alarm(pairs: Make) -> None:
    one, five = (read(pairs(1.1), transports=number) for number in (1, 5))
    assert five.low < one.low
    assert (five.ratio, five.high) == (one.ratio, one.high)


def test_too_few_pairs_are_not_read(pairs: Make) -> None:
    few = read(pairs(2.0, number=MIN_PAIRS - 1))
    assert (few.low, few.high, few.usable) == (0.0, math.inf, False)
    assert finding(few, MARGINS) is Finding.OPEN
    assert math.isnan(read(Pairs()).ratio)
    assert read(Pairs()).shown == "no pair"


def test_times_are_told_beside_the_ratio(pairs: Make) -> None:
    told = read(Pairs((0.0293,) * 20, (0.0251,) * 20, (0.01,) * 20, (0.01,) * 20)).shown
    assert told == "1.167 [1.167, 1.167], 25.1 -> 29.3 ms, 20 pairs"
    assert milliseconds(0.0251, 0.0293) == "25.1 -> 29.3 ms"


def test_without_a_base_bare_spawns_are_the_reference() -> None:
    spawned = Pairs((0.1, 0.2), (), (0.01, 0.02), (0.04, 0.02))
    assert spawned.reference == pytest.approx((0.02, 0.02))
    assert read(spawned).ratio == pytest.approx(math.sqrt(50))


def test_the_runner_is_judged_by_the_control_alone(pairs: Make) -> None:
    whole = pairs(2.0)
    drifting = Pairs(whole.head, whole.base, (0.0122,) * 60, (0.01,) * 60)
    assert "off 1" in read(drifting).contaminated
    assert found(drifting) is Finding.OPEN
    chance = Random(1)

    def control(spread: float) -> Pairs:
        spawns = tuple(math.exp(chance.gauss(0, spread)) for _ in range(60))
        return Pairs(control=spawns, again=(1.0,) * 60)

    assert "too wide" in contaminated(control(2), MARGINS)
    assert not contaminated(control(0.05), MARGINS)


def test_looks_double_and_there_are_not_more_than_their_chances() -> None:
    assert looks(30) == [30, 60, 120, 240, 480, 960, 1920]
    assert len(looks(20)) == LOOKS - 1  # and one when the time is over
    assert looks(MOST_PAIRS) == [MOST_PAIRS]
