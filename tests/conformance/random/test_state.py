"""The model's lines: what owns what, and what a change and an edit make of them."""

import pytest

from transportlab.conformance.random.state import (
    EDITS,
    Held,
    Line,
    Mark,
    Orphaned,
    Other,
    Runs,
    edited,
    held,
    malformed,
    replaced,
    unmarked,
)
from transportlab.conformance.random.steps import Edit

APP = "tl-random"
COMMAND = "/usr/local/bin/cronix trigger tl-random.a"


def runs(job: str = "a", schedule: str = "0 3 * * *") -> Runs:
    command = f"/usr/local/bin/cronix trigger {APP}.{job}"
    return Runs(APP, job, schedule, command, "every night")


def mark(job: str = "a", index: int = 0) -> Mark:
    return Mark(APP, job, index, "a1")


def texts(lines: list[Line]) -> list[str]:
    return [line.text for line in lines]


def test_a_mark_owns_the_line_above_it_if_that_runs_its_job() -> None:
    lines: list[Line] = [runs(), mark(), mark(), runs("b"), mark("a"), Other("x"), mark("b")]
    assert [(entry.job, entry.at) for entry in held(lines)] == [("a", 0)]
    assert len(malformed(lines)) == 3
    assert [at for at, _ in unmarked(lines)] == [3]


def test_copies_stand_in_the_order_of_their_lines() -> None:
    lines: list[Line] = [runs("b"), mark("b"), runs(), mark("a", 1), runs(), mark(), runs(), mark()]
    assert [(e.job, e.index, e.at) for e in held(lines)] == [
        ("a", 0, 4), ("a", 0, 6), ("a", 1, 2), ("b", 0, 0),
    ]  # fmt: skip


def test_new_pairs_stand_where_the_first_old_one_stood() -> None:
    new = [Held(APP, "a", 0, "b2", "1 1 * * *", COMMAND, "every night")]
    lines: list[Line] = [Other("x"), runs(), mark(), Other("y"), runs(), mark("a", 1)]
    after = replaced(lines, {(APP, "a")}, new)
    assert texts(after) == ["x", *texts(new[0].lines()), "y"]
    assert texts(replaced([Other("x")], set(), new)) == ["x", *texts(new[0].lines())]


def test_a_lost_mark_must_not_come_to_own_another_line() -> None:
    lines: list[Line] = [runs(), Other("x"), runs("b"), mark("b"), mark("a")]
    assert texts(replaced(lines, {(APP, "b")})) == texts([lines[0], lines[1], lines[4]])
    del lines[1]
    with pytest.raises(Orphaned):
        replaced(lines, {(APP, "b")})


@pytest.mark.parametrize("kind", EDITS)
def test_each_edit_changes_the_lines_where_it_can(kind: str) -> None:
    dead = Runs(APP, "b", "0 3 * * *", COMMAND, "every night", dead=True)
    lines: list[Line] = [runs(), mark(), dead]
    step = Edit(kind, at=7, schedule="@hourly", hash="c3f0")
    assert texts(edited(lines, step, COMMAND)) != texts(lines)
    assert texts(lines) == texts([runs(), mark(), dead])
    if not kind.startswith("add-"):
        assert edited([Other("x")], step, COMMAND) == [Other("x")]


def test_a_line_that_is_commented_out_is_held_and_not_unmarked() -> None:
    lines = edited([runs(), mark()], Edit("comment-out"), COMMAND)
    assert texts(lines)[0] == f"#0 3 * * * {COMMAND}"
    [entry] = held(lines)
    assert entry.dead
    assert "schedule" not in entry.pattern()
    assert unmarked(lines[:1]) == []
