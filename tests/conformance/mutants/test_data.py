"""The project's mutants are whole, and a file that is wrong is told with its place."""

from pathlib import Path

import pytest

from tests.conformance.mutants.conftest import EMPTY, Write
from transportlab.conformance.mutants.data import KINDS, load_mutants, parse_arm, unproven
from transportlab.conformance.vectors import Vector
from transportlab.errors import UsageError
from transportlab.registry import load_transport, transport_names

Vectors = tuple[Vector, ...]

LEAST = 60


def test_there_are_mutants_of_each_kind_and_most_are_not_in_python(vectors: Vectors) -> None:
    suite = load_mutants(vectors)
    count = {plugin.plugin: len(plugin.mutants) for plugin in suite.plugins}
    assert sum(count.values()) >= LEAST
    assert 2 * (count["the Go plugin"] + count["the Node.js plugin"]) >= sum(count.values())
    assert {mutant.kind for _, mutant in suite.mutants()} == set(KINDS)


def test_each_edit_fits_the_plugin_as_it_is(vectors: Vectors) -> None:
    for plugin, mutant in load_mutants(vectors).mutants():
        texts: dict[str, str] = {}
        for edit in mutant.edits:
            path = Path(plugin.folder, edit.file)
            text = texts.get(edit.file) or path.read_text()
            assert text.count(edit.old) == 1, f"{mutant.id}: {edit.file}: {edit.old}"
            texts[edit.file] = text.replace(edit.old, edit.new)


def test_each_required_vector_finds_a_mutant_or_has_a_reason(vectors: Vectors) -> None:
    assert unproven(load_mutants(vectors), vectors) == []


def test_a_plugin_without_limits_is_found_on_each_transport_with_a_wire(vectors: Vectors) -> None:
    found = {
        parse_arm(arm)[0]
        for _, mutant in load_mutants(vectors).mutants()
        if mutant.id.endswith("-without-limits")
        for arm in mutant.finds
    }
    assert found == {name for name in transport_names() if load_transport(name).traits.wire}


@pytest.mark.parametrize(
    ("member", "value", "said"),
    [
        (
            "finds",
            {"jsonrpc": ["no-such-vector"]},
            'plans-nothing: unknown vector "no-such-vector"',
        ),
        ("finds", {"pigeon": ["read-empty"]}, 'unknown transport "pigeon"'),
        ("finds", {"http-yaml": ["read-empty"]}, 'transport http has no codec "yaml"'),
        ("finds", {"http": ["jsonrpc-nan"]}, 'vector "jsonrpc-nan" does not run on http'),
        ("finds", {"grpc": ["null-is-absent"]}, "does not run on grpc, but on grpc-json"),
        ("finds", {}, "not mutants"),
        ("kind", "moods", "not mutants"),
        ("fauxt", "x", "not mutants"),
    ],
)
def test_a_wrong_mutant_is_told(
    write: Write, vectors: Vectors, member: str, value: object, said: str
) -> None:
    path = write({**EMPTY, member: value})
    with pytest.raises(UsageError, match=said) as caught:
        load_mutants(vectors, path)
    assert str(path) in str(caught.value)


def test_an_id_stands_once(write: Write, vectors: Vectors) -> None:
    with pytest.raises(UsageError, match='two mutants have the id "plans-nothing"'):
        load_mutants(vectors, write(EMPTY, EMPTY))


def test_a_feature_is_known(write: Write, vectors: Vectors) -> None:
    with pytest.raises(UsageError, match='unknown feature "wings"'):
        load_mutants(vectors, write(offers=["wings"]))


def test_a_place_without_mutants_is_told(vectors: Vectors, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no mutants there"):
        load_mutants(vectors, tmp_path)
    with pytest.raises(UsageError, match="no mutants there"):
        load_mutants(vectors, tmp_path / "nothing.json")


def test_a_folder_with_reasons_claims_that_every_vector_finds_one(
    write: Write, vectors: Vectors, tmp_path: Path
) -> None:
    write()
    assert unproven(load_mutants(vectors, tmp_path), vectors) == []
    reasons = tmp_path / "without.json"
    reasons.write_text('{"without": [{"reason": "why", "vectors": ["read-empty"]}]}')
    problems = unproven(load_mutants(vectors, tmp_path), vectors)
    assert "drift-none: it finds no mutant, and without.json has no reason" in problems
    assert not any(problem.startswith(("read-empty:", "plan-refuses-an")) for problem in problems)
    reasons.write_text('{"without": [{"reason": "r", "vectors": ["plan-refuses-an-empty-set"]}]}')
    [problem] = [p for p in unproven(load_mutants(vectors, tmp_path), vectors) if "and finds" in p]
    assert "it is in without.json, and finds plans-nothing" in problem


@pytest.mark.parametrize(
    ("vectors_there", "said"),
    [('["x"]', 'unknown vector "x"'), ('["read-empty", "read-empty"]', "stands there twice")],
)
def test_a_wrong_reason_is_told(
    write: Write, vectors: Vectors, tmp_path: Path, vectors_there: str, said: str
) -> None:
    write()
    reasons = tmp_path / "without.json"
    reasons.write_text(f'{{"without": [{{"reason": "r", "vectors": {vectors_there}}}]}}')
    with pytest.raises(UsageError, match=said):
        load_mutants(vectors, tmp_path)
