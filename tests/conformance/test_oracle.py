"""The oracle: where arms disagree, and who is to blame for a failure."""

from collections.abc import Callable

from transportlab.conformance.oracle import disagreements
from transportlab.conformance.result import ArmResult, Outcome, Report, Status
from transportlab.conformance.vectors import Vector

Ended = Callable[..., Outcome]
Make = Callable[..., Vector]
READ = {"do": "call", "method": "Read", "request": {"app": "web"}}


def test_an_arm_that_differs_is_a_disagreement_of_its_binding(report: Report) -> None:
    [found] = report.disagreements
    assert (found.transport, found.vector.id) == ("http", "differs")
    assert found.problem.startswith("reply 1: expected exactly")
    assert not report.ok


def test_a_failure_is_blamed_on_the_binding_or_on_the_backend(report: Report) -> None:
    blame = {
        (arm.transport, o.vector.id): o.failure.blame
        for arm in report.arms
        for o in arm.outcomes
        if o.failure is not None
    }
    assert blame == {
        ("direct", "backend"): "backend",
        ("http", "backend"): "backend",
        ("http", "binding"): "binding",
    }


def test_more_replies_are_a_disagreement_too(make: Make, ended: Ended) -> None:
    vector = make(READ)
    arms = [
        ArmResult("a", "none", False, [ended(vector, Status.PASS, 1)]),
        ArmResult("b", "json", True, [ended(vector, Status.PASS, 1, 2)]),
    ]
    assert disagreements(arms)[0].problem == "1 replies without a wire, 2 here"


def test_without_an_arm_that_has_no_wire_nobody_is_blamed(make: Make, ended: Ended) -> None:
    arm = ArmResult("a", "json", True, [ended(make(READ), Status.FAIL)])
    assert disagreements([arm]) == ()
    assert arm.outcomes[0].failure
    assert arm.outcomes[0].failure.blame == ""
