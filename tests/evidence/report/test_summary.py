"""REPORT.md: the answer, what each transport costs, better and worse."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from transportlab.evidence.report.document import Documents
from transportlab.evidence.report.formatting import NONE
from transportlab.evidence.report.summary import isolates

DocumentsOf = Callable[..., Documents]
Synthesize = Callable[..., dict[str, Any]]

SDK = "Python, this SDK"


def section(report: str, title: str) -> str:
    return report.partition(f"## {title}\n")[2].partition("\n## ")[0]


def row(report: str, title: str, *first: str) -> list[str]:
    lines = section(report, title).splitlines()
    line = next(line for line in lines if line.startswith(f"| {' | '.join(first)} |"))
    return [cell.strip() for cell in line.strip("|").split(" | ")]


def test_each_plugin_has_its_answer_for_each_use(report: str) -> None:
    answer = section(report, "The answer")
    assert "For a command, start to end at most 50 ms and memory at most 64 MiB:" in answer
    short, _, long = answer.partition("For a long-lived host, warm Read at most 5 ms and")
    told = "host python: not measured; host go: grpc and jsonrpc within."
    assert f"\n- **Go**: {told}\n" in short
    [own] = [line for line in long.splitlines() if line.startswith(f"- **{SDK}**")]
    assert "host python: ffi within, grpc, http and jsonrpc beyond" in own
    assert "host go: not measured" in own
    assert "- **Python, standard library**; **Node**; **Rust**; **C**: not measured." in short


def test_each_transport_has_its_costs_over_direct_with_intervals(report: str) -> None:
    title = "What each transport costs"
    cells = row(report, title, SDK, "ffi")
    number = r"-?[\d.]+ \[-?[\d.]+, [\d.]+\]"
    assert all(re.fullmatch(number, cell) for cell in cells[2:5])
    assert cells[5:] == [NONE] * 3  # not measured under the other host
    assert re.fullmatch(rf"\*\*{number}\*\*", row(report, title, SDK, "grpc")[4])
    assert re.fullmatch(number, row(report, title, "Go", "grpc")[5])
    text = section(report, title)
    assert "| direct |" not in text
    assert "Baseline of python: `direct`: start to end " in text
    assert "go has no baseline here, so its figures are whole." in text
    assert "Behind each: at least 10 blocks, a process of each side in each" in text
    assert "; warm Read: 500 to 500 calls in each, on one CPU." in text


def test_a_baseline_with_a_plugin_is_subtracted_and_has_a_row_of_its_own(
    synthesize: Synthesize, documents_of: DocumentsOf
) -> None:
    made = synthesize()
    arm = {"id": "go/c/ffi-protobuf", "transport": "ffi", "codec": "protobuf"}
    made["arms"].append({**arm, "role": "arm", "host": "go", "plugin": "c"})
    for block in made["blocks"]:
        block["samples"] += [
            {**sample, "arm": arm["id"], "values": [value / 2 for value in sample["values"]]}
            for sample in block["samples"]
            if sample["arm"] == "go/go/grpc-protobuf"
        ]
    whole, report = (documents_of(one).report for one in (synthesize(), made))
    title = "What each transport costs"
    known, found = (float(row(x, title, "Go", "grpc")[5].split()[0]) for x in (whole, report))
    assert found == pytest.approx(known / 2, rel=0.02)
    own = row(report, title, "C", "ffi, baseline of go")[5]
    assert re.fullmatch(r"[\d.]+ \[[\d.]+, [\d.]+\]", own)
    text = section(report, title)
    assert "Baseline of go: C plugin over ffi, in its process. Its row is whole" in text
    assert "go has no baseline" not in text


def test_what_was_not_measured_is_neither_within_nor_beyond(
    synthesize: Synthesize, documents_of: DocumentsOf
) -> None:
    made = synthesize()
    for block in made["blocks"]:
        block["samples"] = [s for s in block["samples"] if not s["metric"].startswith("pss-")]
    report = documents_of(made).report
    assert "host python: grpc and http beyond, ffi and jsonrpc not all measured" in report
    assert row(report, "What each transport costs", SDK, "jsonrpc")[4] == NONE


def test_a_start_has_its_parts_under_each_host(report: str) -> None:
    title = "Where a start goes"
    assert "ms: to the handshake line + to the first Read + end" in report
    parts = r"[\d.]+ \+ [\d.]+ \+ [\d.]+"
    assert all(re.fullmatch(parts, cell) for cell in row(report, title, SDK, "python")[2:])
    cells = row(report, title, "Go", "go")[2:]
    assert sum(bool(re.fullmatch(parts, cell)) for cell in cells) == 2
    assert cells.count(NONE) == 2


def test_what_others_would_write_stands_beside(
    synthesize: Synthesize, documents_of: DocumentsOf
) -> None:
    made = synthesize()
    peer = {"id": "python/stubs/grpc-protobuf", "transport": "grpc", "codec": "protobuf"}
    made["arms"].append({**peer, "role": "peer", "host": "python", "plugin": "stubs"})
    for block in made["blocks"]:
        block["samples"] += [
            {**s, "arm": peer["id"]}
            for s in block["samples"]
            if s["arm"] == "grpc-protobuf" and (s["case"], s["metric"]) == ("cold-start", "total")
        ]
    report = documents_of(made).report
    beside = row(report, "Where a start goes", "Python, grpcio's stubs", "grpc")
    assert beside[2] == row(report, "What each transport costs", SDK, "grpc")[2]


def column(report: str, transport: str) -> dict[str, str]:
    """A column of the table of what is better and worse, by measure."""
    lines = [x for x in section(report, "Better and worse").splitlines() if x.startswith("| ")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {one[0]: one[rows[0].index(transport)] for one in rows}


def test_both_sides_of_the_scale_are_told_by_one_rule(report: str) -> None:
    shown = column(report, "jsonrpc")
    assert re.fullmatch(
        r"0\.4\d to 0\.7\d: 2 better|0\.5\d to 0\.7\d: 2 better", shown["whole apply"]
    )
    assert shown["calls a second, 16 in flight"].endswith(": 2 worse")  # of a rate more is better
    assert (
        "by grpc, http and jsonrpc a crash, a hang and a missed deadline; by ffi nothing." in report
    )
    shown = column(report, "http")
    assert re.fullmatch(r"1\.[56]\d*: 1 worse", shown["warm Read of 10 jobs"])
    assert shown["calls a second, 16 in flight"].endswith(": 1 better")


def test_what_differs_by_less_than_matters_is_equal(
    synthesize: Synthesize, documents_of: DocumentsOf
) -> None:
    true = {"grpc-protobuf": 1.0, "jsonrpc-json": 1.01}
    report = documents_of(synthesize(5, spread=0.02, true=true)).report
    assert column(report, "jsonrpc")["whole apply"].endswith(": 1 equal")


def test_no_difference_is_claimed_where_the_interval_holds_one(
    synthesize: Synthesize, documents_of: DocumentsOf
) -> None:
    true = {"grpc-protobuf": 1.0, "jsonrpc-json": 1.0}
    report = documents_of(synthesize(5, spread=0.4, true=true)).report
    assert column(report, "jsonrpc")["whole apply"].endswith(": 1 ?")


def test_each_pair_has_its_ratios_in_the_details(details: str) -> None:
    title = "Each transport over the reference, by plugin and host"
    assert row(details, title, "Go, host cronix-host (Go)", "jsonrpc")[2].startswith("0.7")
    assert row(details, title, f"{SDK}, host transportlab (Python)", "ffi")[2].startswith("0.19")


def test_what_an_unknown_transport_isolates_is_not_guessed() -> None:
    assert isolates("pigeon") == NONE
    assert isolates("direct") == "nothing"
