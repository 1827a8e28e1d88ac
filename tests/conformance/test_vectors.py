"""The committed vectors: valid, enough, each with its clause; and what the loader refuses."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tools.generate.vectors import derive
from transportlab.conformance.vectors import (
    GROUPS,
    LEVELS,
    Have,
    Together,
    load_vectors,
    select,
)
from transportlab.errors import UsageError
from transportlab.registry import transport_module, transport_names

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = json.loads((ROOT / "spec/conformance.schema.json").read_text())
RAW = [raw.VECTORS for name in transport_names() if (raw := transport_module(name, "raw"))]
FILES = sorted(p for folder in (ROOT / "spec/conformance", *RAW) for p in folder.glob("*.json"))
CLAUSES = set(re.findall(r"\*\*(P-[A-Z]+-\d+)\*\*", (ROOT / "spec/PROTOCOL.md").read_text()))

VECTOR: dict[str, Any] = {
    "id": "a-vector",
    "clauses": ["P-READ-1"],
    "level": 1,
    "why": "w",
    "cause": "c",
    "steps": [{"do": "call", "method": "Read"}],
}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_file_keeps_to_the_schema(path: Path) -> None:
    errors = jsonschema.Draft202012Validator(SCHEMA).iter_errors(json.loads(path.read_text()))
    assert [error.message for error in errors] == []


def test_the_schema_is_that_of_the_types() -> None:
    for path, data in derive().items():
        assert (ROOT / path).read_bytes() == data


def test_there_are_all_groups_all_levels_and_many_vectors() -> None:
    vectors = load_vectors()
    groups = Counter(vector.group for vector in vectors)
    assert set(groups) == set(GROUPS)
    assert min(groups.values()) >= 5
    assert len(vectors) >= 250
    assert sum(vector.transport != "" for vector in vectors) >= 100
    assert {vector.level for vector in vectors} == set(range(len(LEVELS)))


def test_each_clause_that_a_vector_names_is_in_the_protocol() -> None:
    assert {clause for vector in load_vectors() for clause in vector.clauses} <= CLAUSES


def test_the_operations_clauses_are_all_tested() -> None:
    operations = r"P-(SESSION|READ|PLAN|APPLY|DRIFT|PRUNE|ADOPT|VERIFY|CANCEL|DEADLINE|STREAM)-\d"
    wanted = {clause for clause in CLAUSES if re.match(operations, clause)}
    assert wanted - {c for vector in load_vectors() for c in vector.clauses} == set()


def test_every_vector_expects_something() -> None:
    for vector in load_vectors():
        for step in vector.steps:
            parts = step.steps if isinstance(step, Together) else (step,)
            assert parts
        last = vector.steps[-1]
        assert not isinstance(last, Have), vector.id


def folder(tmp_path: Path, *vectors: object, group: str = "read", name: str = "read") -> Path:
    (tmp_path / f"{name}.json").write_text(json.dumps({"group": group, "vectors": list(vectors)}))
    return tmp_path


def test_a_file_is_loaded_with_its_group(tmp_path: Path) -> None:
    [vector] = load_vectors(folder(tmp_path, VECTOR))
    assert (vector.id, vector.group) == ("a-vector", "read")


CALL: dict[str, Any] = VECTOR["steps"][0]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"clause": "P-READ-1"}, r'read\.json:1: .*unknown field `clause`.*; is it "clauses"?'),
        ({"clauses": []}, r"vectors\[0\].clauses"),
        ({"clauses": ["READ-1"]}, r"clauses\[0\]"),
        ({"id": "A Vector"}, r"vectors\[0\].id"),
        ({"level": 5}, r"vectors\[0\].level"),
        ({"steps": []}, r"vectors\[0\].steps"),
        ({"steps": [{"do": "dance"}]}, "Invalid value 'dance'"),
        ({"steps": [{"do": "cal", "method": "Read"}]}, r"""Invalid value 'cal'.*; is it "call"?"""),
        ({"steps": [{**CALL, "expct": {}}]}, "unknown field `expct`"),
        ({"steps": [{**CALL, "expect": {"replies": 1}}]}, "unknown field `replies`"),
        ({"steps": [{**CALL, "expect": {"reply": 1, "error": {}}}]}, "only one of"),
        ({"group": "read"}, "the group stands at the top"),
        ({"transport": "x"}, "the transport is that of the folder"),
        ({"steps": [{"do": "send", "text": "x"}]}, "bytes need the folder of a transport"),
        ({"steps": [{"do": "send", "hex": "0g"}]}, r"steps\[0\].hex"),
        ({"steps": [{"do": "expect"}]}, "one of message, messages, silent"),
        ({"steps": [{"do": "expect", "message": 1, "silent": 1}]}, "one of message, messages"),
        ({"needs": {"traits": {"fast": True}}}, "unknown trait fast; there are"),
        ({"needs": {"features": ["wings"]}}, "unknown feature wings; there are"),
        ({"needs": {"capabilities": ["fly"]}}, "unknown capability fly; there are"),
        ({"file": {"text": "x"}}, "needs the feature crontab-file"),
        ({"steps": [{"do": "file"}]}, "needs the feature crontab-file"),
    ],
)
def test_what_is_no_vector_is_refused_with_its_place(
    tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        load_vectors(folder(tmp_path, {**VECTOR, **change}))
    assert str(tmp_path) in str(caught.value)


def test_an_unknown_group_and_no_json_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match='unknown group "reed"'):
        load_vectors(folder(tmp_path, VECTOR, group="reed"))
    (tmp_path / "read.json").write_bytes(b"{\xff")
    with pytest.raises(UsageError, match=r"read\.json:1: not vectors"):
        load_vectors(tmp_path)


def test_a_folder_without_vectors_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no vectors there"):
        load_vectors(tmp_path)


def test_one_id_in_two_files_is_refused(tmp_path: Path) -> None:
    folder(tmp_path, VECTOR)
    with pytest.raises(UsageError, match='two vectors have the id "a-vector"'):
        load_vectors(folder(tmp_path, VECTOR, group="plan", name="plan"))


def test_a_typo_is_told_with_its_line_and_what_was_meant(tmp_path: Path) -> None:
    text = json.dumps({"group": "read", "vectors": [VECTOR]}, indent=2)
    (tmp_path / "read.json").write_text(text.replace('"method"', '"methods"'))
    with pytest.raises(UsageError) as caught:
        load_vectors(tmp_path)
    line = 1 + next(n for n, each in enumerate(text.splitlines()) if '"method"' in each)
    place = f"{tmp_path}/read.json:{line}: not vectors: "
    assert str(caught.value).startswith(f"{place}Object contains unknown field `methods`")
    assert str(caught.value).endswith('at `$.vectors[0].steps[0]`; is it "method"?')


def test_a_group_may_be_written_without_spaces() -> None:
    chosen = select(load_vectors(), ["data-fidelity"])
    assert {vector.group for vector in chosen} == {"data fidelity"}


def test_vectors_are_selected_by_group_and_by_id() -> None:
    vectors = load_vectors()
    assert {v.group for v in select(vectors, ["read", "prune"])} == {"read", "prune"}
    assert [v.id for v in select(vectors, ids=["read-empty"])] == ["read-empty"]
    assert select(vectors) == vectors


@pytest.mark.parametrize(
    ("groups", "ids", "said"),
    [
        (["raed"], [], 'unknown group "raed"; is it "read"?'),
        (["nowhere"], [], 'unknown group "nowhere"; there are'),
        ([], ["read-emtpy"], 'unknown vector "read-emtpy"; is it "read-empty"?'),
        ([], ["drift-xyzzyxyzzyxyzzy"], "there are drift-"),
        (["plan"], ["read-empty"], "no vector is selected"),
    ],
)
def test_a_selection_of_nothing_is_an_error(groups: list[str], ids: list[str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        select(load_vectors(), groups, ids)


def test_only_the_largest_messages_are_waited_for_longer() -> None:
    found = {vector.group: vector.patience for vector in load_vectors()}
    assert found.pop("raw limits") == 20
    assert set(found.values()) == {0}
