"""Every arm against the reference."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from transportlab.evidence.report.formatting import NONE
from transportlab.evidence.report.summary import isolates


def section(report: str) -> list[str]:
    """The rows of the table of what the reference is worse and better than."""
    title = "## Where the reference is worse, and where better\n"
    found = report.partition(title)[2].partition("\n## ")[0]
    return [line for line in found.splitlines() if line.startswith("| ")][2:]


def test_the_summary_shows_the_true_ratios(report: str) -> None:
    row = next(line for line in report.splitlines() if line.startswith("| jsonrpc-json |"))
    ratios = [float(found) for found in re.findall(r"\| ([\d.]+) \[", row)]
    assert len(ratios) == 5
    assert all(ratio == pytest.approx(0.5, rel=0.1) for ratio in ratios)
    assert "a crash, a hang" in row


def test_both_sides_of_the_scale_are_told_by_one_rule(report: str) -> None:
    row = next(line for line in section(report) if line.startswith("| warm Read"))
    _, _, worse, better, neither, _ = row.split("|")
    assert "jsonrpc-json" in worse
    assert "ffi-protobuf" in worse
    assert "http-json" in better
    assert "http-json" not in worse + neither


def test_no_difference_is_claimed_within_the_noise(
    synthesize: Callable[..., dict[str, Any]], report_of: Callable[[dict[str, Any]], str]
) -> None:
    true = {"grpc-protobuf": 1.0, "jsonrpc-json": 1.0}
    text = report_of(synthesize(5, spread=0.4, true=true))
    rows = section(text)
    assert len(rows) == 5
    assert all("jsonrpc-json" in row.split("|")[4] for row in rows)
    assert "(noise)" in text


def test_what_an_unknown_transport_isolates_is_not_guessed() -> None:
    assert isolates("pigeon") == NONE
    assert isolates("direct") == "nothing"
