"""The matrix as people and programs read it, and the committed page."""

import json
from io import BytesIO
from pathlib import Path

import pytest

from tests.conformance.mutants.conftest import EMPTY, Load
from transportlab.conformance.mutants.data import load_mutants
from transportlab.conformance.mutants.matrix import (
    Matrix,
    MutantLines,
    expected,
    markdown,
    result_text,
    summary,
)
from transportlab.conformance.mutants.run import Finding, MutantResult, PluginResult
from transportlab.conformance.result import Status
from transportlab.conformance.vectors import Vector, select

Vectors = tuple[Vector, ...]

PAGE = Path(__file__).parents[3] / "evidence" / "mutants.md"
NAMED = "plan-refuses-an-empty-set"


def finding(status: Status, problem: str = "", vector: str = NAMED) -> Finding:
    return Finding("jsonrpc", vector, status, vector == NAMED, problem)


@pytest.fixture
def matrix(load: Load, vectors: Vectors) -> Matrix:
    """Three mutants: one is found, one survives, one is not built."""
    ids = ("found", "survives", "broken")
    suite = load(*({**EMPTY, "id": name} for name in ids))
    [plugin] = suite.plugins
    found, survives, broken = plugin.mutants
    results = (
        MutantResult("mine", found, (finding(Status.FAIL, "expected an error"),)),
        MutantResult("mine", survives, (finding(Status.PASS),)),
        MutantResult("mine", broken, problem="`make` failed:\n  line 1"),
    )
    wrong = (finding(Status.UNSUPPORTED, "needs feature faults"),)
    other = PluginResult("other", reason="no go")
    return Matrix(suite, vectors, (PluginResult("mine", results, wrong=wrong), other))


def test_each_mutant_is_told_with_what_finds_it(matrix: Matrix) -> None:
    found, survives, broken = map(result_text, matrix.results)
    assert found == f"killed found [ownership] by jsonrpc: {NAMED}"
    assert survives == (
        "SURVIVES survives [ownership]\n"
        "  fault: An empty set is planned like any other.\n"
        f"  jsonrpc: {NAMED}: expected fail, got pass"
    )
    assert broken == "NOT BUILT broken [ownership]\n  `make` failed:\n  line 1"
    unseen = (finding(Status.PASS, vector="read-empty"),)
    other = MutantResult("mine", matrix.results[0].mutant, unseen)
    assert result_text(other) == "alive found [ownership]: no vector here finds it"


def test_the_end_tells_what_was_not_run_and_what_is_wrong(matrix: Matrix) -> None:
    told = list(summary(matrix))
    assert told[:2] == [
        f"WRONG mine jsonrpc {NAMED}: without a fault expected pass, got unsupported: needs feature"
        " faults",
        "not run: the mutants of other: no go",
    ]
    assert told[-1] == "FAILED: 1 of 3 mutants killed"
    assert not matrix.ok


def test_nothing_run_is_not_well(load: Load, vectors: Vectors) -> None:
    nothing = Matrix(load(), vectors, (PluginResult("mine", reason="no go"),))
    assert not nothing.ok
    assert list(summary(nothing))[-1] == "FAILED: 0 of 0 mutants killed"


def test_a_chosen_vector_finds_something(load: Load, vectors: Vectors) -> None:
    suite = load()
    chosen = select(vectors, ids=["read-empty", NAMED])
    found = (finding(Status.FAIL), finding(Status.PASS, vector="read-empty"))
    result = MutantResult("mine", suite.plugins[0].mutants[0], found)
    matrix = Matrix(suite, vectors, (PluginResult("mine", (result,)),), chosen)
    assert matrix.unproven == ["read-empty: it finds none of these mutants"]
    assert not matrix.ok


def test_the_lines_of_json_hold_each_mutant_and_the_end(matrix: Matrix) -> None:
    file = BytesIO()
    lines = MutantLines(file, matrix.suite)
    for result in matrix.results:
        lines.result(result)
    lines.end(matrix)
    head, found, survives, broken, end = map(json.loads, file.getvalue().splitlines())
    assert (head["format"], head["mutants"]) == (1, 3)
    assert found["ok"] is True
    assert found["vectors"] == [
        {"arm": "jsonrpc", "vector": NAMED, "named": True, "status": "fail"}
    ]
    assert survives["ok"] is False
    assert broken["problem"].startswith("`make` failed")
    assert end["ok"] is False
    assert (end["survivors"], end["not_built"]) == (["survives"], ["broken"])
    assert end["not_run"] == {"other": "no go"}
    assert end["wrong"][0]["vector"] == NAMED


def test_the_page_shows_what_survives(matrix: Matrix) -> None:
    page = markdown(matrix)
    assert "| ownership | 1 of 3 |" in page
    assert (
        f"| found | ownership | An empty set is planned like any other. | jsonrpc: {NAMED} |"
        in page
    )
    assert "| **survives** survives | ownership |" in page
    assert f"| {NAMED} | plan | found |" in page
    assert "| read-empty | read | **none** |" in page
    assert "not run: other: no go" in page


def test_the_committed_page_is_that_of_the_committed_mutants(vectors: Vectors) -> None:
    assert PAGE.read_text() == markdown(expected(load_mutants(vectors), vectors))
