"""REPORT.md: the answer, what each arm costs, better and worse."""

import re
from collections.abc import Callable
from typing import Any

from transportlab.evidence.report.document import Documents
from transportlab.evidence.report.formatting import NONE
from transportlab.evidence.report.summary import isolates

DocumentsOf = Callable[..., Documents]
Synthesize = Callable[..., dict[str, Any]]


def section(report: str, title: str) -> str:
    return report.partition(f"## {title}\n")[2].partition("\n## ")[0]


def row(report: str, title: str, first: str) -> list[str]:
    lines = section(report, title).splitlines()
    line = next(line for line in lines if line.startswith(f"| {first} |"))
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_each_plugin_and_host_has_its_answer(report: str) -> None:
    answer = section(report, "The answer, by plugin and host")
    assert "a command may pay 50 ms and 64 MiB, a long-lived host may pay 5 ms" in answer
    [own] = [line for line in answer.splitlines() if line.startswith("- **Python, this SDK**")]
    assert "command: grpc, ffi, http and jsonrpc within" in own
    assert "long-lived host: ffi within, grpc, http and jsonrpc beyond" in own
    in_go = answer.partition("Host: cronix-host (Go)\n")[2]
    assert in_go.startswith("\n- **Go**: command: grpc and jsonrpc within")
    assert "- Not measured: Python, this SDK; Python, standard library;" in in_go


def test_each_arm_has_its_costs_over_direct_with_intervals(report: str) -> None:
    cells = row(report, "What each arm costs", "jsonrpc-json")
    assert all(re.match(r"[\d.]+ \[[\d.]+, [\d.]+\]", cell) for cell in cells[1:])
    assert "direct-none" not in section(report, "What each arm costs")
    assert row(report, "What each arm costs", "**grpc-protobuf**")[3].endswith(" no")
    assert row(report, "What each arm costs", "go/go/grpc-protobuf")
    assert "Host go has no `direct`: its figures are over nothing." in report
    assert "10 blocks of 1 run, 20 processes of 500 calls" in report


def test_what_was_not_measured_is_neither_within_nor_beyond(
    synthesize: Synthesize, documents_of: DocumentsOf
) -> None:
    made = synthesize()
    for block in made["blocks"]:
        block["samples"] = [s for s in block["samples"] if not s["metric"].startswith("uss-")]
    report = documents_of(made).report
    assert "long-lived host: http beyond, grpc, ffi and jsonrpc not all measured" in report
    assert row(report, "What each arm costs", "jsonrpc-json")[3] == NONE


def test_a_start_has_its_phases(report: str) -> None:
    assert row(report, "Where a start goes", "go/go/grpc-protobuf")
    assert "go/go/jsonrpc-json" not in section(report, "Where a start goes")
    cells = row(report, "Where a start goes", "grpc-protobuf")
    assert len(cells) == 4
    assert all(float(cell) > 0 for cell in cells[1:])


def test_both_sides_of_the_scale_are_told_by_one_rule(report: str) -> None:
    _, better, worse, equal, neither, isolated = row(report, "Better and worse", "jsonrpc-json")
    assert "warm Read of 10 jobs 0.5" in better
    assert "calls a second, 16 in flight" in worse  # of a rate more is better
    assert (equal, neither) == (NONE, NONE)
    assert "a crash, a hang" in isolated
    _, better, worse, *_ = row(report, "Better and worse", "http-json")
    assert "warm Read of 10 jobs 1.6" in worse
    assert "calls a second" in better


def test_what_differs_by_less_than_matters_is_equal(
    synthesize: Synthesize, documents_of: DocumentsOf
) -> None:
    true = {"grpc-protobuf": 1.0, "jsonrpc-json": 1.01}
    report = documents_of(synthesize(5, spread=0.02, true=true)).report
    _, better, worse, equal, *_ = row(report, "Better and worse", "jsonrpc-json")
    assert (better, worse) == (NONE, NONE)
    assert "whole apply" in equal


def test_no_difference_is_claimed_where_the_interval_holds_one(
    synthesize: Synthesize, documents_of: DocumentsOf
) -> None:
    true = {"grpc-protobuf": 1.0, "jsonrpc-json": 1.0}
    report = documents_of(synthesize(5, spread=0.4, true=true)).report
    _, better, worse, _, neither, _ = row(report, "Better and worse", "jsonrpc-json")
    assert (better, worse) == (NONE, NONE)
    assert "whole apply" in neither


def test_what_an_unknown_transport_isolates_is_not_guessed() -> None:
    assert isolates("pigeon") == NONE
    assert isolates("direct") == "nothing"
