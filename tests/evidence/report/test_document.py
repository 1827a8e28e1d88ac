"""The report as a whole."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from transportlab.evidence.report.document import write

ReportOf = Callable[[dict[str, Any]], str]
Synthesize = Callable[..., dict[str, Any]]


def files(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def test_the_same_evidence_gives_the_same_text(
    synthesize: Synthesize, report_of: ReportOf, report: str
) -> None:
    assert report_of(synthesize()) == report


@pytest.mark.slow
def test_the_same_evidence_gives_the_same_files(tmp_path: Path, synthesize: Synthesize) -> None:
    evidence = tmp_path / "evidence.json"
    evidence.write_text(json.dumps(synthesize(blocks=5)))
    assert write([evidence], tmp_path / "a") == tmp_path / "a" / "REPORT.md"
    assert write([evidence], tmp_path / "b" / "R.md") == tmp_path / "b" / "R.md"
    made, again = files(tmp_path / "a"), files(tmp_path / "b")
    assert again.pop("R.md") == made.pop("REPORT.md")
    assert made == again
    assert {"report/decider.svg", "report/floors.svg"} <= set(made)


def test_what_is_missing_is_said(synthesize: Synthesize, report_of: ReportOf) -> None:
    made = synthesize(blocks=2, true={"grpc-protobuf": 1.0})
    made |= {"conformance": None, "complete": False, "dirty": True, "not_run": []}
    made["blocks"] = [block for block in made["blocks"] if block["suite"] == "session"]
    made["blocks"].append({**made["blocks"][0], "suite": "unary", "samples": []})
    text = report_of(made)
    assert "Not run." in text
    assert "Not measured." in text
    assert "after the interruption" in text
    assert "**interrupted" in text
    assert "with uncommitted changes" in text
    assert "not measured**" in text
    assert "Only the control was measured." in text


def test_every_claim_is_there_with_its_verdict(report: str) -> None:
    row = next(line for line in report.splitlines() if line.startswith("| C-READ-JSONRPC:"))
    assert "| jsonrpc-json / grpc-protobuf < 0.800 |" in row
    assert row.endswith("| 20 | **holds** |")
