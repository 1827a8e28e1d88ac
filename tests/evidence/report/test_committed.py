"""What is committed: REPORT.md is what `make report` makes of evidence/runs, and all is small."""

import gzip
import json
from pathlib import Path

import jsonschema
import pytest

from transportlab.data import ROOT, RUNS, SPEC
from transportlab.evidence.analysis.runs import read
from transportlab.evidence.report.document import FIGURES, LARGEST, current, write
from transportlab.evidence.report.provenance import OTHER_CODE
from transportlab.evidence.run.machine import source_digest

FILES = sorted(RUNS.glob("*.json.gz"))
MEBIBYTE = 1 << 20


@pytest.mark.slow
def test_the_report_is_what_the_command_makes_of_the_committed_runs(tmp_path: Path) -> None:
    write(FILES, tmp_path / "REPORT.md")
    made, committed = (
        {path.name: path.read_bytes() for path in [*(at / FIGURES).iterdir(), at / "REPORT.md"]}
        for at in (tmp_path, ROOT)
    )
    # Code moves on between runs, and then the report is made again of the same runs.
    for pages in (made, committed):
        for name in ("REPORT.md", "suites.md"):
            pages[name] = pages[name].replace(f"{OTHER_CODE}\n\n".encode(), b"")
    assert committed == made


def test_the_report_is_of_the_code_at_hand_or_the_summary_of_the_tests_says_so() -> None:
    runs = read(FILES, source_digest())
    assert len((ROOT / "REPORT.md").read_bytes()) <= LARGEST
    if not current(runs):
        newest = runs.groups[0][-1]
        pytest.skip(
            f"NOT CURRENT: evidence/runs and REPORT.md are of other code (commit"
            f" {newest.commit[:12]} of {newest.started[:10]}); measure again for the record"
        )
    assert OTHER_CODE not in (ROOT / "REPORT.md").read_text()


def test_the_committed_evidence_is_small() -> None:
    files = [path for path in (ROOT / "evidence").rglob("*") if path.is_file()]
    assert 0 < sum(path.stat().st_size for path in files) < 20 * MEBIBYTE
    assert FILES
    assert all(path.stat().st_size <= 3 * MEBIBYTE for path in FILES)
    assert not list(RUNS.glob("*.json")), "a run is kept compressed"


@pytest.mark.parametrize("run", FILES, ids=lambda path: path.name)
def test_each_run_is_a_whole_one_of_clean_code(run: Path) -> None:
    document = json.loads(gzip.decompress(run.read_bytes()))
    document["blocks"] = document["blocks"][::25]  # all of them take a quarter of a minute
    jsonschema.validate(document, json.loads((SPEC / "evidence.schema.json").read_text()))
    assert (document["profile"], document["complete"], document["dirty"]) == ("full", True, False)
