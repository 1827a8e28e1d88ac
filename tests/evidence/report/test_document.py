import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema
import pytest
from typer.testing import CliRunner

from transportlab.cli import app
from transportlab.evidence.record import EvidenceError
from transportlab.evidence.report.config import load_settings
from transportlab.evidence.report.document import write
from transportlab.evidence.report.formatting import amount, digits, listed, table
from transportlab.evidence.report.summary import isolates

Synthesize = Callable[..., dict[str, Any]]
Write = Callable[..., Path]


SCHEMA = Path(__file__).resolve().parents[3] / "spec" / "evidence.schema.json"


def test_synthetic_evidence_is_valid(synthesize: Synthesize) -> None:
    validator = jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text()))
    assert [error.message for error in validator.iter_errors(synthesize(blocks=1))] == []


def files(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def test_the_same_evidence_gives_the_same_bytes(
    tmp_path: Path, write_evidence: Write, written: Path
) -> None:
    assert write([write_evidence()], tmp_path / "out") == tmp_path / "out" / "REPORT.md"
    made = files(tmp_path / "out")
    assert made == files(written)
    assert {"REPORT.md", "report/decider.svg", "report/floors.svg"} <= set(made)


def test_every_figure_is_well_formed_and_shown_and_nothing_shown_is_missing(written: Path) -> None:
    text = (written / "REPORT.md").read_text()
    shown = set(re.findall(r"\]\((report/[a-z-]+\.svg)\)", text))
    drawn = {name for name in files(written) if name.endswith(".svg")}
    assert shown == drawn
    for name in drawn:
        root = ET.parse(written / name).getroot()
        assert root.findall(".//{http://www.w3.org/2000/svg}path")
        assert not root.findall(".//{http://www.w3.org/2000/svg}text")  # fonts as paths
        svg = (written / name).read_text()
        referred = set(re.findall(r'["(]#([^")]+)[")]', svg))
        assert referred <= {node.get("id") for node in root.iter()}
        assert not [name for name in referred if re.fullmatch("[mp][0-9a-f]{10}", name)]


def test_the_decider_shows_the_true_ratios(written: Path) -> None:
    text = (written / "REPORT.md").read_text()
    row = next(line for line in text.splitlines() if line.startswith("| jsonrpc-json |"))
    ratios = [float(found) for found in re.findall(r"\| ([\d.]+) \[", row)]
    assert len(ratios) == 5
    assert all(ratio == pytest.approx(0.5, rel=0.1) for ratio in ratios)
    assert "a crash, a hang" in row


def test_both_sides_of_the_scale_are_told_by_one_rule(written: Path) -> None:
    text = (written / "REPORT.md").read_text()
    section = text.split("## Where the reference is worse, and where better")[1].split("\n## ")[0]
    row = next(line for line in section.splitlines() if line.startswith("| warm Read"))
    _, _, worse, better, neither, _ = row.split("|")
    assert "jsonrpc-json" in worse
    assert "ffi-protobuf" in worse
    assert "http-json" in better
    assert "http-json" not in worse + neither


def test_no_difference_is_claimed_within_the_noise(
    tmp_path: Path, write_evidence: Write, synthesize: Synthesize
) -> None:
    true = {"grpc-protobuf": 1.0, "jsonrpc-json": 1.0}
    noisy = synthesize(5, spread=0.4, true=true)
    text = write([write_evidence(noisy)], tmp_path / "R.md").read_text()
    section = text.split("## Where the reference is worse, and where better")[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| ")][2:]
    assert len(rows) == 5
    assert all("jsonrpc-json" in row.split("|")[4] for row in rows)
    assert "(noise)" in text


def test_what_is_missing_is_said(
    tmp_path: Path, write_evidence: Write, synthesize: Synthesize
) -> None:
    made = synthesize(blocks=2, true={"grpc-protobuf": 1.0})
    made |= {"conformance": None, "complete": False, "dirty": True, "not_run": []}
    made["blocks"] = [block for block in made["blocks"] if block["suite"] == "session"]
    made["blocks"].append({**made["blocks"][0], "suite": "unary", "samples": []})
    text = write([write_evidence(made)], tmp_path / "R.md").read_text()
    assert "Not run." in text
    assert "Not measured." in text
    assert "after the interruption" in text
    assert "**interrupted" in text
    assert "with uncommitted changes" in text
    assert "not measured**" in text
    assert "Only the control was measured." in text


def test_provenance_is_in_the_report(written: Path) -> None:
    text = (written / "REPORT.md").read_text()
    assert "ffi-json: no libraries were built (no C compiler)" in text
    assert "| grpc-protobuf | 1 | 1 | 1 | 0 | 0 |" in text
    assert "grpc-protobuf fails read/one" in text
    assert "Linux \\| 6" in text
    assert "flags x, y" in text
    assert "| seconds stolen during a block | 0.25 to 0.25 |" in text
    assert "transportlab reproduce" in text


def test_settings_are_checked(tmp_path: Path) -> None:
    assert load_settings().reference
    with pytest.raises(EvidenceError, match="cannot be read"):
        load_settings(tmp_path / "none.json")
    (tmp_path / "bad.json").write_text(json.dumps({"reference": "x", "favourite": "y"}))
    with pytest.raises(EvidenceError, match="not settings"):
        load_settings(tmp_path / "bad.json")


def test_the_command_writes_and_names_the_report(tmp_path: Path, write_evidence: Write) -> None:
    result = CliRunner().invoke(app, ["report", str(write_evidence()), "--out", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert (tmp_path / "REPORT.md").exists()
    result = CliRunner().invoke(app, ["report", str(tmp_path / "none.json")])
    assert result.exit_code == 1
    assert "cannot be read" in result.output


@pytest.mark.parametrize("library", ["numpy", "matplotlib"])
def test_a_missing_library_is_one_clear_error(library: str, write_evidence: Write) -> None:
    # In a process of its own: what others have imported stays as it is.
    code = f"import sys; sys.modules[{library!r}] = None; from transportlab.cli import main; main()"
    command = [sys.executable, "-c", code, "report", str(write_evidence())]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert f"{library} is not installed" in done.stderr
    assert "transportlab[evidence]" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (0.0000012, "s", "1.20 µs"),
        (0.123456, "s", "123 ms"),
        (0.9999, "s", "1.00 s"),
        (75.0, "s", "75.0 s"),
        (0.0, "s", "0 ns"),
        (1536.0, "B", "1.50 KiB"),
        (12345.0, "1/s", "12,300 /s"),
    ],
)
def test_amounts_have_three_digits_and_a_unit(value: float, unit: str, shown: str) -> None:
    assert amount(value, unit) == shown


def test_words() -> None:
    assert digits(0.012345) == "0.0123"
    assert digits(float("inf")) == "inf"
    assert listed(["a"]) == "a"
    assert listed(["a", "b", "c"]) == "a, b and c"
    assert table(["x"], [["a|b\nc"]])[2] == "| a\\|b c |"


def test_what_an_unknown_transport_isolates_is_not_guessed() -> None:
    assert isolates("pigeon") == "–"  # noqa: RUF001  # the dash of an empty cell
    assert isolates("direct") == "nothing"
