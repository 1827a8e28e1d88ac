"""The two documents as a whole."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from transportlab.evidence.arms import load_arms
from transportlab.evidence.report.document import LARGEST, Documents, write
from transportlab.evidence.report.provenance import OTHER_CODE

DocumentsOf = Callable[..., Documents]
Synthesize = Callable[..., dict[str, Any]]


def files(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def test_the_same_evidence_gives_the_same_text(
    synthesize: Synthesize, documents_of: DocumentsOf, made: Documents
) -> None:
    assert documents_of(synthesize()) == made


@pytest.mark.slow
def test_the_same_evidence_gives_the_same_files(tmp_path: Path, synthesize: Synthesize) -> None:
    evidence = tmp_path / "evidence.json"
    evidence.write_text(json.dumps(synthesize(blocks=5)))
    assert write([evidence], tmp_path / "a") == tmp_path / "a" / "REPORT.md"
    assert write([evidence], tmp_path / "b" / "R.md") == tmp_path / "b" / "R.md"
    made, again = files(tmp_path / "a"), files(tmp_path / "b")
    assert again.pop("R.md") == made.pop("REPORT.md")
    assert made == again
    assert {"report/ratios.svg", "report/floors.svg", "report/suites.md"} <= set(made)


def test_the_report_is_read_in_five_minutes(report: str) -> None:
    assert len(report.encode()) <= LARGEST


def test_the_report_on_every_arm_is_read_in_five_minutes(
    synthesize: Synthesize, documents_of: DocumentsOf
) -> None:
    arms = [arm for arm in load_arms().arms() if arm.role == "arm"]
    made = documents_of(
        *(synthesize(seed, blocks=3, true={arm.id: 1.0 for arm in arms}) for seed in (1, 2, 3))
    )
    assert len(arms) > 20
    assert len(made.report.encode()) <= LARGEST
    assert all(arm.id in made.suites for arm in arms)


def test_figures_of_other_code_say_so_at_the_top_of_both(
    synthesize: Synthesize, documents_of: DocumentsOf, made: Documents
) -> None:
    other = documents_of(synthesize(), of=False)
    for text in (other.report, other.suites):
        assert text.splitlines().index(OTHER_CODE) < 6
    assert OTHER_CODE not in made.report + made.suites
    assert other.report.replace(f"{OTHER_CODE}\n\n", "") == made.report


def test_all_runs_count_and_those_of_other_code_are_told(
    synthesize: Synthesize, documents_of: DocumentsOf
) -> None:
    older, old = synthesize(8), synthesize(9)
    older["facts"]["source_sha256"], old["facts"]["source_sha256"] = "e" * 64, "f" * 64
    made = documents_of(older, old, *(synthesize(seed, blocks=5) for seed in (10, 11, 12)))
    text = made.report
    assert "3 runs with 90 blocks in all" in text
    assert "Left out: 1 run of other code" in text
    assert "left out: 2026-01-01 (quick, code eeeeeeeeeeee)" in made.suites
    assert "blocks from 3 runs, a process of each side in each" in text
    assert "data. 3 runs show how runs differ." in text


def test_the_verdicts_of_another_machine_stand_beside(
    synthesize: Synthesize, documents_of: DocumentsOf, made: Documents
) -> None:
    other = synthesize(2, true={"grpc-protobuf": 1.0, "jsonrpc-json": 0.1}, blocks=5)
    other["facts"]["cpu"] = {"model": "Another CPU"}
    both = documents_of(synthesize(), other)
    section = both.suites.partition("## Other machines")[2].partition("\n## ")[0]
    assert "Another CPU, ? CPUs" in section
    assert section.count("\nOver the host's baseline: ") > 1
    assert "## Other machines" not in made.suites
    [told] = [p for p in both.report.split("\n\n") if p.startswith("**On another machine**")]
    assert re.search(
        r", Another CPU, .* 1 run: start to end, .* takes [\d.]+ to [\d.]+ of the", told
    )
    assert re.search(r"\nThere not measured: .*C-PLAN-GRPC-CODEC", told)
    told = "\nRuns beside them: 1 on another machine: *{}*.\n"
    assert told.format("Claims") in both.report
    assert told.format("Other machines") in both.suites
    assert "nother machine" not in made.report


def test_another_machines_runs_of_other_code_are_named_so(
    synthesize: Synthesize, documents_of: DocumentsOf
) -> None:
    other = synthesize(2, blocks=5)
    other["facts"] |= {"cpu": {"model": "Another CPU"}, "source_sha256": "f" * 64}
    other["commit"] = "e" * 40
    old = synthesize(3)
    old["facts"]["source_sha256"] = "f" * 64
    made = documents_of(synthesize(9), other, old)
    told = "1 of other code here, 1 of other code on another machine"
    assert f"\nRuns beside them: {told}: *Claims*.\n" in made.report
    assert ", 1 run of other code: start to end" in made.report
    assert f" of other code (commit {'e' * 12}) |" in made.suites
    assert f"| ffffffffffff | {'e' * 12} |" in made.suites
    assert "**On this machine**" in made.suites
    assert "**On this machine**" not in made.report


def test_what_is_missing_is_said(synthesize: Synthesize, documents_of: DocumentsOf) -> None:
    found = synthesize(blocks=2, true={"grpc-protobuf": 1.0})
    found |= {"conformance": None, "complete": False, "dirty": True, "not_run": []}
    found["blocks"] = [block for block in found["blocks"] if block["suite"] == "session"]
    found["blocks"].append({**found["blocks"][0], "suite": "unary", "samples": []})
    made = documents_of(found)
    assert "Not run." in made.suites
    assert "Not measured." in made.report
    assert "after the interruption" in made.report
    assert "(with uncommitted changes, interrupted)" in made.report
    assert "not measured**" in made.suites
    assert "none, with fewer than 5 blocks" in made.report


def test_every_claim_is_there_with_its_verdict_and_its_counts(made: Documents) -> None:
    row = next(line for line in made.suites.splitlines() if line.startswith("| C-APPLY-FFI:"))
    assert "| ffi-protobuf / grpc-protobuf < 0.75 |" in row
    assert row.endswith("| < 0.001 | 10 blocks of 1 run, 20 processes of 1 call | **holds** |")
    row = next(line for line in made.report.splitlines() if "C-APPLY-FFI" in line)
    assert row.startswith("- **holds**: ")
    assert re.search(r"C-APPLY-FFI 0\.\d+ \[.*\] < 0\.75[;.]", row)
