"""The commands evidence, report and reproduce."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests import pages
from tests.command import Done, in_process
from transportlab.cli.lab import evidence as commands
from transportlab.evidence.analysis.claims import load_claims
from transportlab.evidence.run import runner
from transportlab.evidence.run.plan import PROFILES
from transportlab.evidence.suites import SUITES
from transportlab.words import MEANINGS

Synthesize = Callable[..., dict[str, Any]]
Write = Callable[..., Path]


def command(*words: object) -> Done:
    return in_process(list(map(str, words)), {"NO_COLOR": "1"})


def reproduce(own: Path, *others: Path) -> Done:
    return command("reproduce", own, *(word for path in others for word in ("--against", path)))


def test_what_can_be_measured_and_claimed_is_listed() -> None:
    done = command("evidence", "--list")
    assert done.code == 0
    listed = {line.split()[0] for line in done.out.splitlines()}
    assert {*PROFILES, *SUITES, "go/go/grpc-protobuf"} <= listed
    told = command("reproduce", "--list")
    assert told.code == 0
    for claim in load_claims():
        assert f"{claim.id} " in told.out
        assert claim.sentence in told.out


@pytest.mark.slow
def test_report_writes_and_names_the_report(tmp_path: Path, write_evidence: Write) -> None:
    result = command("report", write_evidence(), "--out", tmp_path)
    assert result.code == 0, result.output
    assert (tmp_path / "REPORT.md").exists()
    assert f"report: {tmp_path / 'REPORT.md'}" in result.output


def test_report_names_a_file_that_is_not_there(tmp_path: Path) -> None:
    result = command("report", tmp_path / "none.json")
    assert result.code == 1
    assert "cannot be read" in result.output


@pytest.mark.parametrize("library", ["numpy", "matplotlib", "markdown_it"])
def test_a_missing_library_is_one_clear_error(
    library: str, write_evidence: Write, tmp_path: Path
) -> None:
    # In a process of its own: what others have imported stays as it is.
    code = f"import sys; sys.modules[{library!r}] = None; from transportlab.cli import main; main()"
    words = [sys.executable, "-c", code, "report", str(write_evidence()), "--html"]
    words.append(str(tmp_path / "report.html"))
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert f"{library} is not installed" in done.stderr
    assert "transportlab[evidence]" in done.stderr
    assert "Traceback" not in done.stderr


def line_of(result: Done, claim: str) -> str:
    return next(line for line in result.output.splitlines() if line.startswith(f"{claim} "))


def test_reproduce_shows_both_machines_and_verdicts(
    write_evidence: Write, synthesize: Synthesize
) -> None:
    own = synthesize(1, spread=0.01, drift=0.02)
    own["facts"]["cpu"] = {"model": "My CPU"}
    own["facts"]["topology"] = {"available": [0, 1]}
    committed = [
        write_evidence(synthesize(seed, spread=0.01, drift=0.02), f"{seed}.json")
        for seed in (2, 3, 4)
    ]
    result = reproduce(write_evidence(own, "own.json"), *committed)
    assert result.code == 0, result.output
    assert "own run: My CPU, 2 CPUs, Linux | 6, Python 3.11; 1 run, profile quick" in result.output
    assert "committed: A CPU, ? CPUs, Linux | 6, Python 3.11; 3 runs" in result.output
    line = line_of(result, "C-APPLY-FFI")
    assert line.count("holds") == 2
    assert "reproduced" in line
    assert "not measured" in line_of(result, "C-SHORT-GRPC-NODE")


OPPOSITE = {"grpc-protobuf": 1.0, "ffi-protobuf": 3.0}


def test_an_opposite_fails(write_evidence: Write, synthesize: Synthesize) -> None:
    committed = write_evidence(synthesize(1), "a.json")
    result = reproduce(write_evidence(synthesize(3, true=OPPOSITE), "c.json"), committed)
    assert result.code == 1
    line = line_of(result, "C-APPLY-FFI")
    assert "contradicted" in line
    assert "opposite" in line


@pytest.mark.parametrize(
    ("own", "word"),
    [
        ({"spread": 0.6, "blocks": 5}, "undecided"),
        ({"true": {"grpc-protobuf": 1.0, "ffi-protobuf": 0.1}, "spread": 0.01}, "other size"),
        ({"true": {"grpc-protobuf": 1.0}}, "not measured"),
    ],
)
def test_what_is_not_reproduced_is_undecided(
    write_evidence: Write, synthesize: Synthesize, own: dict[str, Any], word: str
) -> None:
    committed = write_evidence(synthesize(1, spread=0.01), "a.json")
    result = reproduce(write_evidence(synthesize(3, **own), "b.json"), committed)
    assert result.code == 3, result.output
    assert word in line_of(result, "C-APPLY-FFI")


def test_a_run_on_a_busy_machine_contradicts_nothing(
    write_evidence: Write, synthesize: Synthesize
) -> None:
    own = synthesize(3, true=OPPOSITE)
    own["facts"]["topology"] = {"available": [0, 1]}
    for block in own["blocks"]:
        block["before"] = {"load1": 17.0}
    committed = write_evidence(synthesize(1), "a.json")
    result = reproduce(write_evidence(own, "b.json"), committed)
    assert result.code == 3, result.output
    assert "measured under a load of 17.0 on 2 CPUs" in result.output
    for block in own["blocks"]:
        block["before"] = {"load1": 1.5}
    assert reproduce(write_evidence(own, "b.json"), committed).code == 1


def test_reproduce_says_what_is_missing(tmp_path: Path, write_evidence: Write) -> None:
    result = reproduce(tmp_path / "none.json", write_evidence())
    assert result.code == 2
    assert "transportlab evidence --out" in result.output


def test_reproduce_without_committed_evidence_asks_for_some(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write_evidence: Write
) -> None:
    monkeypatch.setattr(commands, "RUNS", tmp_path / "nothing")
    result = reproduce(write_evidence())
    assert result.code == 2
    assert "give --against" in result.output


def test_evidence_refuses_what_does_not_exist(tmp_path: Path) -> None:
    result = command("evidence", "--profile", "huge", "--out", tmp_path / "e.json")
    assert result.code == 2
    assert "unknown profile huge" in result.output
    missing = ("--profile", "smoke", "--resume", "--out", tmp_path / "none.json")
    result = command("evidence", *missing)
    assert result.code == 1
    assert "none.json: cannot be read" in result.output


def test_evidence_replaces_no_run_that_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "RUNS", tmp_path)
    out = tmp_path / "e.json.gz"
    out.write_text("a run")
    result = command("evidence", "--profile", "smoke", "--force", "--out", out)
    assert result.code == 2
    assert "a run is kept; choose another name" in result.output
    assert out.read_text() == "a run"


def test_evidence_leaves_a_file_that_is_there_alone(tmp_path: Path) -> None:
    out = tmp_path / "e.json"
    out.write_text("mine")
    result = command("evidence", "--profile", "smoke", "--suite", "codec", "--out", out)
    assert result.code == 2
    assert "--force replaces the file" in result.output
    assert out.read_text() == "mine"


def test_an_interrupted_evidence_says_how_to_resume(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(runner, "run_task", interrupted)
    out = tmp_path / "e.json"
    result = command("evidence", "--profile", "smoke", "--out", out, "--suite", "codec")
    assert result.code != 0
    resume = f"transportlab evidence --profile smoke --out {out} --resume --suite codec"
    assert resume in result.output


def test_reproduce_shows_what_each_claim_says_and_what_its_words_mean(
    write_evidence: Write, synthesize: Synthesize
) -> None:
    lines = reproduce(
        write_evidence(synthesize(1), "a.json"), write_evidence(synthesize(2), "b.json")
    ).out.splitlines()
    for claim in load_claims():
        assert f"{claim.id}: {claim.sentence}" in lines
    for word in ("holds", "not measured", "tolerance"):
        assert f"{word}: {MEANINGS[word]}" in lines
    assert f"opposite: {MEANINGS['opposite']}" not in lines
    assert "not measured" in lines[-1]


@pytest.mark.slow
def test_report_writes_one_page(tmp_path: Path, write_evidence: Write) -> None:
    page = tmp_path / "page.html"
    result = command("report", write_evidence(), "--html", page)
    assert (result.code, result.out) == (0, f"page: {page}\n"), result.output
    pages.check_whole(page.read_text())
    assert page.read_text().count('<svg role="img"') == 8
    assert list(tmp_path.glob("*.md")) == []


def test_a_page_that_cannot_be_written_is_told_at_once(tmp_path: Path) -> None:
    result = command("report", "--html", tmp_path / "no" / "page.html")
    assert result.code == 2
    assert "there is no directory" in result.output
    result = command("report", "--html", tmp_path / "page.html", "--out", tmp_path)
    assert result.code == 2
    assert "--out and --html: choose one" in result.output


def test_report_without_files_reads_the_committed_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "RUNS", tmp_path)
    result = command("report")
    assert result.code == 2
    assert "no committed evidence in" in result.output
