"""Totals, and the ladder."""

from collections.abc import Callable

from transportlab.conformance.result import ArmResult, Outcome, Report, Status, ladder
from transportlab.conformance.vectors import Vector

Ended = Callable[..., Outcome]
Make = Callable[..., Vector]
READ = {"do": "call", "method": "Read", "request": {"app": "web"}}


def test_totals_hold_all_five_statuses(report: Report) -> None:
    totals = {"pass": 2, "fail": 2, "unsupported": 1, "not run": 1, "harness error": 1}
    assert report.arms[1].totals() == totals
    assert report.evidence()["vectors"] == 7
    assert report.evidence()["results"][1] == {
        "transport": "http",
        "codec": "json",
        "totals": totals,
        "failures": ["binding", "backend", "error", "differential/differs"],
    }


def test_the_ladder_ends_below_the_first_bad_vector(
    report: Report, make: Make, ended: Ended
) -> None:
    level, following = ladder(report.arms[1])
    assert following is not None
    assert (level, following.vector.id) == (-1, "error")  # of level 0
    good = ArmResult("a", "json", True, [ended(make(READ, level=3), Status.PASS)])
    assert ladder(good) == (3, None)
    assert ladder(ArmResult("a", "json", True, [])) == (-1, None)
