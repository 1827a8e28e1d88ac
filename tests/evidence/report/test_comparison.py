"""Two sets of runs, as a command prints them."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.command import Done, in_process

Synthesize = Callable[..., dict[str, Any]]
Write = Callable[..., Path]

SLOWER = {"grpc-protobuf": 1.0, "jsonrpc-json": 0.75, "http-json": 1.6}


def compare(*words: object) -> Done:
    return in_process(["compare", *map(str, words)], {"NO_COLOR": "1"})


@pytest.fixture
def files(write_evidence: Write, synthesize: Synthesize) -> tuple[Path, Path]:
    other = synthesize(2, spread=0.02, drift=0.02, true=SLOWER)
    other["commit"] = "ab" * 20
    return (
        write_evidence(synthesize(1, spread=0.02, drift=0.02), "a.json"),
        write_evidence(other, "b.json"),
    )


def test_a_person_sees_what_differs_and_each_figure(files: tuple[Path, Path]) -> None:
    done = compare(*files)
    assert done.code == 0, done.output
    lines = done.out.splitlines()
    assert lines[0].startswith(
        "A: 1 run with 60 blocks, profile quick, code 000000000000, commit 01"
    )
    assert any(line.split()[:2] == ["commit", "0123456789" * 4] for line in lines)
    [line] = [x for x in lines if x.split()[2:4] == ["jsonrpc-json", "dozen"]]
    assert line.split()[-1] == "more"
    assert "Only in A: arms: ffi-protobuf; grpc-json; " in done.out
    assert "more: B is above A: the whole interval is above 1" in done.out
    assert "one interval in 20 misses by chance" in done.out
    assert "fewer than 3 runs" in done.out


def test_only_what_changed_is_shown_if_asked(files: tuple[Path, Path]) -> None:
    done = compare(*files, "--changed", "--suite", "session", "--arm", "jsonrpc-json")
    assert [line for line in done.out.splitlines() if line.startswith("session")]
    assert "Shown are the 2 that changed." in compare(*files, "--changed", "--suite", "session").out
    done = compare(*files, "--changed", "--arm", "http-json", "--suite", "session")
    assert done.code == 0
    assert "Shown are the 0 that changed." in done.out


def test_a_folder_is_a_set(
    tmp_path: Path, files: tuple[Path, Path], synthesize: Synthesize
) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    for seed in (3, 4, 5):
        (folder / f"{seed}.json").write_text(json.dumps(synthesize(seed, blocks=5)))
    done = compare(files[0], folder)
    assert "B: 3 runs with 90 blocks" in done.out


def test_json_has_everything(files: tuple[Path, Path]) -> None:
    found = compare(*files, "--json").json
    [one] = [
        figure
        for figure in found["figures"]
        if (figure["suite"], figure["arm"], figure["case"]) == ("session", "jsonrpc-json", "dozen")
    ]
    assert one["ratio"]["low"] < 1.5 < one["ratio"]["high"]
    assert one["blocks"] == {"a": 10, "b": 10}
    assert (one["unit"], one["told"]) == ("s", "more")
    assert {"name": "commit", "a": "0123456789" * 4, "b": "ab" * 20} in found["differing"]
    assert sum(found["counts"].values()) == len(found["figures"])


def test_csv_has_numbers_as_they_are(tmp_path: Path, files: tuple[Path, Path]) -> None:
    file = tmp_path / "figures.csv"
    shown = compare(*files, "--csv", file, "--json").json["figures"]
    with file.open(newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    assert [float(row["ratio"]) for row in rows] == [one["ratio"]["value"] for one in shown]
    assert rows[0].keys() >= {"suite", "arm", "case", "unit", "a", "b", "low", "high", "blocks_b"}


def test_markdown_is_a_comment_for_a_change(tmp_path: Path, files: tuple[Path, Path]) -> None:
    file = tmp_path / "comment.md"
    assert compare(*files, "--markdown", file, "--suite", "session").code == 0
    text = file.read_text(encoding="utf-8")
    assert "| suite | placement | arm | case | metric | A | B | B/A | told |" in text
    assert "- A: 1 run with 60 blocks" in text
    assert "</details>" in text


def test_too_few_blocks_have_no_interval(
    files: tuple[Path, Path], write_evidence: Write, synthesize: Synthesize
) -> None:
    few = write_evidence(synthesize(9, blocks=2), "few.json")
    assert "[no interval: 2 blocks]" in compare(files[0], few).out
    [one, *_] = compare(files[0], few, "--json").json["figures"]
    assert one["ratio"]["low"] is None
    assert one["told"] == "not told apart"


def test_bad_input_is_one_clear_error(tmp_path: Path, files: tuple[Path, Path]) -> None:
    a, b = files
    (tmp_path / "empty").mkdir()
    (tmp_path / "bad.json").write_text("{}")
    for words, code, problem in (
        ((a, tmp_path / "none.json"), 2, "B: "),
        ((tmp_path / "empty", b), 2, "a folder without evidence files"),
        ((a, tmp_path / "bad.json"), 1, "not an evidence file"),
        ((a, a), 2, "A and B both have the run of"),
        ((a, b, "--csv", tmp_path / "no" / "x.csv"), 2, "x.csv: cannot be written"),
        ((a, b, "--markdown", tmp_path), 2, "cannot be written"),
        ((a, b, "--arm", "grpc"), 2, 'neither A nor B has the arm "grpc"'),
        ((a,), 2, "required: B"),
    ):
        done = compare(*words)
        assert done.code == code, done.output
        assert problem in done.err
        assert done.out == ""
        assert "Traceback" not in done.err
