"""Two sets of runs beside each other."""

import copy
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from transportlab.errors import UsageError
from transportlab.evidence.analysis.between import Between, Row, Wanted, between
from transportlab.evidence.analysis.runs import sort
from transportlab.evidence.analysis.stats import Told
from transportlab.evidence.record import Evidence

Synthesize = Callable[..., dict[str, Any]]

MARGIN = 1.1


EVERYTHING = Wanted()


def compare(
    a: list[dict[str, Any]], b: list[dict[str, Any]], wanted: Wanted = EVERYTHING
) -> Between:
    one, other = (
        sort([msgspec.convert(copy.deepcopy(one), Evidence) for one in each]) for each in (a, b)
    )
    return between(one, other, MARGIN, wanted)


def row(found: Between, suite: str, arm: str, case: str) -> Row:
    [one] = [r for r in found.rows if (r.suite, r.arm, r.case) == (suite, arm, case)]
    return one


@pytest.fixture(scope="module")
def quiet(synthesize: Synthesize) -> list[dict[str, Any]]:
    return [synthesize(1, spread=0.02, drift=0.02)]


def test_a_figure_is_told_by_its_interval(
    synthesize: Synthesize, quiet: list[dict[str, Any]]
) -> None:
    true = {"grpc-protobuf": 1.0, "jsonrpc-json": 0.8, "http-json": 3.0}
    found = compare(quiet, [synthesize(2, spread=0.02, drift=0.02, true=true)])
    one = row(found, "session", "jsonrpc-json", "dozen")
    assert one.told is Told.MORE
    assert one.ratio.low < 1.6 < one.ratio.high
    assert one.b / one.a == pytest.approx(one.ratio.value)
    assert (one.unit, one.blocks) == ("s", (10, 10))
    assert row(found, "session", "grpc-protobuf", "dozen").told is Told.EQUAL
    assert sum(found.counts.values()) == len(found.rows)


def test_what_a_machine_shares_cancels_over_an_arm(
    synthesize: Synthesize, quiet: list[dict[str, Any]]
) -> None:
    slow = synthesize(2, spread=0.02, drift=0.02)
    for block in slow["blocks"]:
        for sample in block["samples"]:
            sample["values"] = [3 * value for value in sample["values"]]
    assert row(compare(quiet, [slow]), "session", "http-json", "dozen").told is Told.MORE
    found = compare(quiet, [slow], Wanted(over="grpc-protobuf"))
    one = row(found, "session", "http-json", "dozen")
    assert (one.told, one.unit) == (Told.EQUAL, "")
    assert one.a == pytest.approx(1.6, rel=0.1)
    assert "grpc-protobuf" not in {one.arm for one in found.rows}


def test_wide_intervals_tell_nothing(synthesize: Synthesize) -> None:
    found = compare([synthesize(1, blocks=5)], [synthesize(2, blocks=5)])
    assert row(found, "session", "http-json", "dozen").told is Told.OPEN


def test_what_differs_and_what_one_has_alone_is_told(
    synthesize: Synthesize, quiet: list[dict[str, Any]]
) -> None:
    other = synthesize(2, true={"grpc-protobuf": 1.0, "ffi-protobuf": 0.1}, blocks=5)
    other["facts"] = {**other["facts"], "versions": {"grpcio": "2.0"}, "new": [1, 2]}
    other["blocks"] = [
        {**block, "samples": [s for s in block["samples"] if s["case"] != "Read/10"]}
        for block in other["blocks"]
        if block["suite"] != "carriage"
    ]
    found = compare(quiet, [other])
    differing = {one.name: (one.a, one.b) for one in found.differing}
    assert differing["versions.grpcio"] == ("1.0", "2.0")
    assert differing["new"] == ("none", "1, 2")
    assert "kernel" not in differing
    only = {(one.side, one.what): one.names for one in found.only}
    assert "http-json" in only["A", "arms"]
    assert only["A", "suites"] == ["carriage split"]
    assert "unary same ffi-protobuf Read/10 latency" in only["A", "figures"]
    assert not any(side == "B" for side, _ in only)


def test_runs_of_other_code_and_machines_are_left_out(
    synthesize: Synthesize, quiet: list[dict[str, Any]]
) -> None:
    old, elsewhere = synthesize(3, blocks=2), synthesize(4, blocks=2)
    old["facts"] = {**old["facts"], "source_sha256": "f" * 64}
    old["started"] = "2025-01-01T00:00:00+00:00"
    elsewhere["facts"] = {**elsewhere["facts"], "cpu": {"model": "Another"}}
    found = compare([*quiet, old, elsewhere], [synthesize(5)])
    assert len(found.left_out) == 2
    assert any("is of other code" in text for text in found.left_out)
    assert any("is of another machine" in text for text in found.left_out)
    assert found.sets[0].startswith("1 run with ")


@pytest.mark.parametrize(
    ("wanted", "problem"),
    [
        (Wanted(suites=["unry"]), 'suite "unry"; is it unary?'),
        (Wanted(arms=["grpc-protobof"]), "is it grpc-protobuf?"),
        (Wanted(over="x"), 'arm "x"; there are grpc-protobuf, '),
        (Wanted(["unary"], ["control"]), "no figure in common"),
    ],
)
def test_what_is_not_there_is_one_clear_error(
    synthesize: Synthesize, quiet: list[dict[str, Any]], wanted: Wanted, problem: str
) -> None:
    with pytest.raises(UsageError, match=problem.replace("?", r"\?")):
        compare(quiet, [synthesize(2)], wanted)


def test_a_run_is_not_compared_with_itself(quiet: list[dict[str, Any]]) -> None:
    with pytest.raises(UsageError, match="both have the run of 2026-01-01T00:01:00"):
        compare(quiet, quiet)
