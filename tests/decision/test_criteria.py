"""spec/decision.json is well formed, and everything that it refers to is there."""

import ast
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from transportlab.conformance.vectors import Vector, load_vectors
from transportlab.data import EVIDENCE, SPEC
from transportlab.decision.criteria import (
    Criterion,
    DecisionError,
    Figure,
    FromClauses,
    FromFaults,
    FromVectors,
    Scale,
    Stated,
    Unmeasured,
    load_decision,
    load_weights,
)
from transportlab.decision.sources import Sources
from transportlab.errors import UsageError
from transportlab.evidence.analysis.budget import load_budget
from transportlab.registry import load_transport

ROOT = Path(__file__).resolve().parents[2]
DECISION = load_decision()
FIGURES = [(criterion, figure) for criterion in DECISION.criteria for figure in criterion.figures]
PROOFS = sorted({proof for _, figure in FIGURES for proof in figure.proofs})

ASKED_FOR = {
    "start", "warm-call", "command", "memory", "payload", "concurrency", "streaming", "crash",
    "hang", "deadline", "evolution", "fidelity", "languages", "author-lines", "install-size",
    "tools", "host-lines", "exposure", "static", "platforms",
}  # fmt: skip

NAMES = [f"{criterion.id}-{type(figure).__name__}" for criterion, figure in FIGURES]
SOURCES = Sources(DECISION.hosts)


def test_the_file_keeps_to_its_schema() -> None:
    schema = json.loads((SPEC / "decision.schema.json").read_bytes())
    validator = jsonschema.Draft202012Validator(schema)
    document = json.loads((SPEC / "decision.json").read_bytes())
    assert [error.message for error in validator.iter_errors(document)] == []


def test_the_criteria_are_those_that_a_maintainer_asks_for() -> None:
    assert {criterion.id for criterion in DECISION.criteria} >= ASKED_FOR


def test_each_criterion_weighs_something_in_the_record() -> None:
    assert all(criterion.weight > 0 for criterion in DECISION.criteria)


def test_no_figure_that_was_measured_is_typed_in() -> None:
    measured = [c for c in DECISION.criteria if c.by == "measured"]
    stated = [f for c in measured for f in c.figures if isinstance(f, Stated)]
    assert {f.options for f in stated} == {("in-tree",)}, "what has no transport costs none"
    assert {f.value for f in stated} == {0}


def test_what_is_stated_says_why() -> None:
    assert [c.id for c, f in FIGURES if isinstance(f, Stated | Unmeasured) and not f.note] == []


@pytest.mark.parametrize("proof", PROOFS)
def test_each_reference_is_there(proof: str) -> None:
    kind, _, place = proof.partition(":")
    assert REFERENCES[kind](place), proof


def in_test(place: str) -> bool:
    """FILE::TEST: the file has a function of that name."""
    file, _, name = place.partition("::")
    tree = ast.parse((ROOT / file).read_text())
    return any(isinstance(node, ast.FunctionDef) and node.name == name for node in tree.body)


def in_document(place: str) -> bool:
    """FILE#ANCHOR: the file has a heading with that anchor."""
    file, _, anchor = place.partition("#")
    headings = re.findall(r"^#+ (.+)$", (ROOT / file).read_text(), re.M)
    return anchor in {re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-") for h in headings}


def in_protocol(place: str) -> bool:
    return f"**{place}**" in (SPEC / "PROTOCOL.md").read_text()


def in_vectors(place: str) -> bool:
    return place in {vector.id for vector in load_vectors()}


REFERENCES: dict[str, Callable[[str], bool]] = {
    "test": in_test,
    "doc": in_document,
    "clause": in_protocol,
    "vector": in_vectors,
}


@pytest.mark.parametrize(("criterion", "figure"), FIGURES, ids=NAMES)
def test_each_source_is_there(criterion: Criterion, figure: Figure) -> None:
    options = [o for o in DECISION.options if o.id in figure.options or not figure.options]
    found = [
        SOURCES.figures(figure, option, language)  # type: ignore[arg-type]  # one of the union
        for option in options
        for language in DECISION.languages
        if not option.parts
    ]
    assert any(found) is not isinstance(figure, Unmeasured)


def test_the_names_in_sources_are_known() -> None:
    vectors = {g for _, f in FIGURES if isinstance(f, FromVectors) for g in f.groups}
    assert vectors <= set(Vector.GROUPS)
    cells = json.loads((EVIDENCE / "faults.json").read_bytes())["cells"]
    faults = {name for _, f in FIGURES if isinstance(f, FromFaults) for name in f.faults}
    assert faults <= {cell["fault"] for cell in cells}
    for option in DECISION.options:
        if option.transport:
            assert option.codec in (*load_transport(option.transport).traits.codecs, "none")
        if option.clauses:
            [figure] = [f for _, f in FIGURES if isinstance(f, FromClauses)]
            [found] = SOURCES.figures(figure, option, DECISION.languages[0])
            assert found.value > 0
            text = (SPEC / "PROTOCOL.md").read_text()
            assert [name for name in option.clauses if f"**{name}" not in text] == []


def test_a_scale_is_straight_between_its_points_and_level_beyond() -> None:
    scale = Scale(((0, 10), (10, 8), (110, 0)), "a reason")
    assert [scale.score(figure) for figure in (-1, 0, 5, 10, 60, 110, 999)] == [
        10,
        10,
        9,
        8,
        4,
        0,
        0,
    ]


@pytest.mark.parametrize("name", ["start", "command"])
def test_what_the_budget_allows_a_short_command_scores_as_the_scale_says(name: str) -> None:
    [scale] = [criterion.scale for criterion in DECISION.criteria if criterion.id == name]
    assert scale.score(load_budget()["short-command"].ms) == 7


@pytest.mark.parametrize(
    ("points", "said"),
    [
        ([[0, 10], [0, 5]], "figures of a scale must rise"),
        ([[0, 10], [1, 5], [2, 6]], "all rise or all fall"),
        ([[0, 11], [1, 0]], "between 0 and 10"),
        ([[0, 10]], "length >= 2"),
    ],
)
def test_a_scale_that_is_none_is_refused(points: Any, said: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=said):
        msgspec.convert({"points": points, "why": "a reason"}, Scale)


def changed(tmp_path: Path, change: Callable[[Any], None]) -> Path:
    document = json.loads((SPEC / "decision.json").read_bytes())
    change(document)
    path = tmp_path / "decision.json"
    path.write_text(json.dumps(document))
    return path


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda d: d.update(sed=1), "unknown field `sed`"),
        (lambda d: d["options"].append(d["options"][0]), "grpc is there twice"),
        (
            lambda d: d["scenarios"][0]["languages"].update(ada=1),
            'record: unknown name "ada"; there',
        ),
        (lambda d: d["scenarios"][0].update(weights={"sart": 1}), 'record: unknown name "sart"'),
        (lambda d: d["criteria"][0]["figures"][0].update(options=["tcp"]), 'unknown name "tcp"'),
        (lambda d: d["criteria"][0]["figures"][0].update({"from": "hearsay"}), "hearsay"),
        (lambda d: d["criteria"][0].update(weight=-1), r"criteria\[0\].weight"),
    ],
)
def test_a_file_that_is_wrong_is_refused_with_the_place(
    tmp_path: Path, change: Callable[[Any], None], said: str
) -> None:
    path = changed(tmp_path, change)
    with pytest.raises(DecisionError, match=said) as error:
        load_decision(path)
    assert str(error.value).startswith(f"{path}: ")


def test_weights_are_named_after_criteria(tmp_path: Path) -> None:
    path = tmp_path / "weights.json"
    path.write_text('{"start": 12, "memory": 0.5}')
    assert load_weights(path, DECISION) == {"start": 12, "memory": 0.5}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"sart": 1}', 'unknown criterion "sart"; is it start?'),
        ('{"zzz": 1}', 'unknown criterion "zzz"; there are start, '),
        ('{"start": -1}', "start: expected a number from 0 to 1000, got -1"),
        ('{"start": "much"}', 'start: expected a number from 0 to 1000, got "much"'),
        ('{"start": 1, "start": 2}', "start: line 1, column 14: expected each member once"),
        (json.dumps({c.id: 0 for c in DECISION.criteria}), "all weights are 0; one must be more"),
        ("{}", "expected weights by criterion, got none"),
        ("", "expected a JSON object, got an empty file"),
        ("[1]", "Expected `object`, got `array`"),
        ("{", "not JSON: line 1, column 2: expect"),
        ("\udcff", "expected UTF-8, got byte 0xff"),
        (None, "cannot be read: No such file or directory"),
    ],
)
def test_weights_that_are_wrong_are_refused(tmp_path: Path, text: str | None, said: str) -> None:
    path = tmp_path / "weights.json"
    if text is not None:
        path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(DecisionError) as error:
        load_weights(path, DECISION)
    assert str(error.value).startswith(f"{path}: ")
    assert said in str(error.value)


def test_an_unknown_scenario_is_told_with_those_that_there_are() -> None:
    with pytest.raises(UsageError, match='unknown scenario "gone"; there are record, go-only'):
        DECISION.scenario("gone")
