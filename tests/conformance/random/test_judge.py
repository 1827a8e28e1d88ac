"""How a call must end, and lists whose order is open, or is that of their keys."""

import pytest

from transportlab.conformance.ending import Ending
from transportlab.conformance.random.judge import Refused, Want, judge, ordered, unordered

ERROR = {
    "code": "ABORTED",
    "reason": "STATE_CHANGED",
    "applied": [],
    "failed": [],
    "unattempted": ["a"],
}
CHANGED = Refused("ABORTED", "STATE_CHANGED", ([], [], ["a"]))


def good(reply: object) -> str:
    return "" if reply == {"entries": []} else "wrong"


@pytest.mark.parametrize(
    ("want", "ending", "problem"),
    [
        (Want("P-READ-1", good), Ending(reply={"entries": []}), ""),
        (Want("P-READ-1", good), Ending(reply={}), "wrong"),
        (Want("P-READ-1", good), Ending(error=ERROR), "expected a good end, got an error"),
        (Want("P-READ-1", good), Ending(lost="gone"), "expected a good end, got a lost connection"),
        (Want("P-APPLY-2", refusals=(CHANGED,)), Ending(events=[], error=ERROR), ""),
        (
            Want("P-APPLY-2", refusals=(CHANGED,)),
            Ending(events=[]),
            "expected ABORTED STATE_CHANGED",
        ),
        (Want("P-APPLY-2", good, refusals=(CHANGED,)), Ending(events=[], error=ERROR), ""),
        (
            Want("P-APPLY-2", refusals=(CHANGED,)),
            Ending(events=[], error={**ERROR, "unattempted": []}),
            "unattempted: expected 1 items, got 0",
        ),
        (
            Want("P-APPLY-2", refusals=(CHANGED,)),
            Ending(events=[{"kind": "started"}], error=ERROR),
            "events: expected 0 items, got 1",
        ),
    ],
)
def test_a_call_ends_as_it_must(want: Want, ending: Ending, problem: str) -> None:
    found, _ = judge(want, ending)
    assert bool(found) == bool(problem)
    assert found.startswith(problem)


def test_the_state_is_that_of_the_end_that_came() -> None:
    refused = Refused("ABORTED", lines=[])
    want = Want("P-APPLY-5", good, refusals=(Refused("NOT_FOUND"), refused))
    assert judge(want, Ending(error={"code": "ABORTED"})) == ("", refused.lines)
    assert judge(want, Ending(error={"code": "NOT_FOUND"})) == ("", None)


def test_a_vague_pattern_leaves_the_others_what_they_need() -> None:
    exact, vague = {"job": "a", "schedule": "x"}, {"job": "a"}
    got = [{"job": "a", "schedule": "x"}, {"job": "a", "schedule": "y"}]
    assert unordered([vague, exact], got, "items") == ""
    assert unordered([exact, exact], got, "items").startswith("items: expected an item")
    assert unordered([exact], got, "items").startswith("items: expected 1 items, and not")


def test_the_order_of_a_list_is_that_of_its_keys() -> None:
    patterns = [{"n": 1}, {"n": 2}]
    assert ordered(patterns, [{"n": 1}, {"n": 2}], "items", lambda item: (item["n"],)) == ""
    problem = ordered(patterns, [{"n": 2}, {"n": 1}], "items", lambda item: (item["n"],))
    assert problem == "items: not in their order: [(2,), (1,)]"
