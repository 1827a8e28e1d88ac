"""What is committed: REPORT.md is what `make report` makes of evidence/runs, and all is small."""

import json
from pathlib import Path

import jsonschema
import pytest

from transportlab.data import ROOT, RUNS, SPEC
from transportlab.evidence.report.document import FIGURES, write

FILES = sorted(RUNS.glob("*.json"))
MEBIBYTE = 1 << 20


@pytest.mark.slow
def test_the_report_is_what_the_command_makes_of_the_committed_runs(tmp_path: Path) -> None:
    write(FILES, tmp_path / "REPORT.md")
    assert (ROOT / "REPORT.md").read_text() == (tmp_path / "REPORT.md").read_text()
    made, committed = (
        {path.name: path.read_bytes() for path in (folder / FIGURES).iterdir()}
        for folder in (tmp_path, ROOT)
    )
    assert committed == made


def test_the_committed_evidence_is_under_ten_mebibytes() -> None:
    files = [path for path in (ROOT / "evidence").rglob("*") if path.is_file()]
    assert 0 < sum(path.stat().st_size for path in files) < 10 * MEBIBYTE


@pytest.mark.parametrize("run", FILES, ids=lambda path: path.name)
def test_each_run_is_a_whole_one_of_clean_code(run: Path) -> None:
    document = json.loads(run.read_bytes())
    document["blocks"] = document["blocks"][::25]  # all of them take a quarter of a minute
    jsonschema.validate(document, json.loads((SPEC / "evidence.schema.json").read_text()))
    assert (document["profile"], document["complete"], document["dirty"]) == ("full", True, False)
