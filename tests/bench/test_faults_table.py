"""The campaign's record, what it makes of a run, and the table that shows it."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bench.faults import state, table
from bench.faults.__main__ import report_problems
from bench.faults.catalogue import CALL, FAULTS, MARGIN
from bench.faults.columns import ROOT, columns
from bench.faults.record import Record
from bench.faults.trial import RunResult
from transportlab.host.apply import Reached


def cell(name: str, column: str, *runs: RunResult, not_run: str = "") -> dict[str, Any]:
    return {"fault": name, "column": column, "not_run": not_run, "runs": list(map(asdict, runs))}


def document(*cells: dict[str, Any]) -> dict[str, Any]:
    return {
        "commit": "0123456789abcdef", "dirty": False, "memory": "a fence", "in_host": ["inside"],
        "cells": list(cells),
    }  # fmt: skip


def test_a_report_that_is_not_true_of_the_file_is_found() -> None:
    def run(done: int, **said: tuple[str, ...]) -> dict[str, Any]:
        return {"done": state.OPS[:done], "reached": msgspec.structs.asdict(Reached(**said))}

    first, second, third = ((job,) for job in state.OPS)
    assert table.report_is_true(run(1, applied=first, unattempted=second + third))
    assert table.report_is_true(run(2, applied=first, unknown=second, unreported=third))
    assert not table.report_is_true(run(0, applied=first, unreported=second + third))
    assert not table.report_is_true(run(1, unattempted=first, unreported=second + third))
    assert not table.report_is_true(run(1, failed=first, unreported=second + third))
    assert not table.report_is_true(run(1, applied=first, unreported=second)), "one is not told"
    assert not table.report_is_true(run(1, applied=first, unreported=state.OPS)), "one twice"


def test_what_is_wrong_with_a_run_is_told_and_counts(capsys: pytest.CaptureFixture[str]) -> None:
    untold = msgspec.structs.asdict(Reached(applied=state.OPS[:1]))
    late = CALL + MARGIN + 0.1
    wrong = {
        "late": ("exit-3", RunResult(0, "short", control=late, code="E-CALL", state="old")),
        "the crontab": ("exit-3", RunResult(0, "short", code="E-CALL", state="BROKEN: torn")),
        "HOST HANGS": ("exit-3", RunResult(0, "short", code="HOST HANGS", state="old")),
        "left behind": ("exit-3", RunResult(0, "short", state="old", left={"process": 1})),
        "the report": ("exit-3-in-apply", RunResult(0, "short", state="old", reached=untold)),
    }
    for said, (name, seen) in wrong.items():
        assert report_problems(cell(name, "pipe", seen), columns()[0])
        assert said in capsys.readouterr().err
    fine = {"daemon": {"process": 1}, "kill-in-write": {"files": 1}, "exit-3": {}}
    for name, left in fine.items():
        assert not report_problems(
            cell(name, "pipe", RunResult(0, "short", state="old", left=left)), columns()[0]
        )
    assert not capsys.readouterr().err


def test_the_table_shows_median_worst_and_how_often() -> None:
    runs = [
        RunResult(n, "short", control=c, stop=0.1, code="E-CALL", exit=e, state="old")
        for n, (c, e) in enumerate([(0.1, "x"), (0.2, "x"), (0.5, "y")])
    ]
    lost = RunResult(
        0, "short", code="HOST ENDED", exit="exit status 3", state="old", converged=True
    )
    text = "\n".join(
        table.lines(
            document(
                cell("exit-3", "pipe", *runs),
                cell("exit-3", "inside", lost),
                cell("garbage", "inside", not_run="no wire"),
            )
        )
    )
    assert "| pipe | 0.20 / 0.50 s | 0.10 / 0.10 s | nothing | old | 2x `E-CALL` x<br>1x" in text
    assert "| inside | - | - | nothing | old | `HOST ENDED` exit status 3 |" in text
    assert "| inside | no wire |" in text
    assert "1 runs where the plugin is in the host's own process, 0 others" in text
    assert "within the bound in 3 of the 3 runs" in text


def test_a_run_that_is_late_or_breaks_the_crontab_is_counted() -> None:
    late = RunResult(0, "short", control=9.0, code="E-CALL", state="BROKEN: torn")
    text = "\n".join(table.lines(document(cell("exit-3", "pipe", late))))
    assert "within the bound in 0 of the 1 runs" in text
    assert "in 0 of 1 runs" in text


def test_parts_of_a_campaign_are_put_together(tmp_path: Path) -> None:
    whole, part = (Record(tmp_path / name, "none") for name in ("whole", "part"))
    first, pipe = FAULTS[0], columns()[0]
    whole.document["cells"] = [cell(first.name, pipe.title, RunResult(0, "short"))]
    part.document["cells"] = [
        cell(first.name, pipe.title, RunResult(0, "short"), RunResult(1, "short")),
        cell(FAULTS[1].name, pipe.title, RunResult(0, "short")),
    ]
    part.write()
    whole.take(tmp_path / "part")
    assert [len(found["runs"]) for found in whole.document["cells"]] == [2, 1]
    whole.document["source_sha256"] = "other"
    with pytest.raises(ValueError, match="source_sha256"):
        whole.take(tmp_path / "part")


def test_a_page_without_the_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="no marks"):
        table.page("text", document())


def test_the_table_beside_the_evidence_is_made_of_it() -> None:
    evidence = json.loads((ROOT / "evidence" / "faults.json").read_text())
    text = (ROOT / "evidence" / "faults.md").read_text()
    assert table.page(text, evidence) == text
    assert {cell["fault"] for cell in evidence["cells"]} == {fault.name for fault in FAULTS}
