"""The committed vectors for hosts: valid by the schema, enough of them, each with its clauses."""

import json
import re
from collections import Counter
from pathlib import Path

import jsonschema
import pytest

from transportlab.conformance.host.runner import host_transports
from transportlab.conformance.host.vectors import (
    GROUPS,
    LADDER,
    NEEDS,
    VERBS,
    load_host_vectors,
)
from transportlab.conformance.vectors import load_vectors

ROOT = Path(__file__).resolve().parents[3]
SCHEMA = json.loads((ROOT / "spec/conformance.host.schema.json").read_text())
FILES = sorted((ROOT / "spec/conformance/host").glob("*.json"))
CLAUSES = set(re.findall(r"\*\*(P-[A-Z]+-\d+)\*\*", (ROOT / "spec/PROTOCOL.md").read_text()))
VECTORS = load_host_vectors()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_file_keeps_to_the_schema(path: Path) -> None:
    errors = jsonschema.Draft202012Validator(SCHEMA).iter_errors(json.loads(path.read_text()))
    assert [error.message for error in errors] == []


def test_there_are_all_groups_all_levels_and_many_vectors() -> None:
    groups = Counter(vector.group for vector in VECTORS)
    assert set(groups) == set(GROUPS)
    assert min(groups.values()) >= 5
    assert len(VECTORS) >= 180
    assert {vector.level for vector in VECTORS} == set(range(len(LADDER)))


def test_what_vectors_name_is_there() -> None:
    assert {clause for vector in VECTORS for clause in vector.clauses} <= CLAUSES
    assert {need for vector in VECTORS for need in vector.needs} <= set(NEEDS)
    assert {name for vector in VECTORS for name in vector.transports} <= set(host_transports())
    assert {vector.command.verb for vector in VECTORS} == set(VERBS)
    ends = {vector.expect.ends for vector in VECTORS}
    assert ends == {"well", "badly", "killed", "any"}


def test_no_id_is_a_plugins_vectors_too() -> None:
    assert not {vector.id for vector in VECTORS} & {vector.id for vector in load_vectors()}


@pytest.mark.parametrize(
    "clause",
    [
        *(f"P-DISCOVERY-{n}" for n in (1, 2, 3)),
        *(f"P-TRUST-{n}" for n in (1, 2, 3, 4, 5)),
        *(f"P-START-{n}" for n in (1, 2, 3, 4, 5)),
        *(f"P-AUTH-{n}" for n in (1, 2, 3)),
        *(f"P-HANDSHAKE-{n}" for n in (1, 2, 3, 4, 5, 6)),
        *(f"P-SESSION-{n}" for n in (1, 2, 3, 4, 5)),
        *(f"P-STOP-{n}" for n in (1, 2, 3, 4)),
        *(f"P-LOG-{n}" for n in (1, 2, 3)),
        *("P-ERR-1", "P-ERR-3", "P-ERR-4", "P-STREAM-1", "P-DEADLINE-1", "P-DEADLINE-2"),
    ],
)
def test_a_clause_that_binds_a_host_has_a_vector(clause: str) -> None:
    assert any(clause in vector.clauses for vector in VECTORS)
