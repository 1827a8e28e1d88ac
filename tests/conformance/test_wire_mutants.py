"""The vectors of bytes find faults of the wire: each is failed by a mutant, or a reason is here.

wire_kills.json has, for each transport and mutant, the vectors that fail it.
"""

import json
import sys
from pathlib import Path

import pytest

from transportlab.conformance.mutants.data import load_mutants
from transportlab.conformance.result import Status
from transportlab.conformance.runner import Options, run_matrix
from transportlab.conformance.subject import Subject
from transportlab.conformance.vectors import load_vectors, select

MUTANTS = Path(__file__).parent / "mutants"
KILLS: dict[str, dict[str, list[str]]] = json.loads((MUTANTS / "wire_kills.json").read_text())

BOUND = 6.0
"""Seconds a vector may take here: some mutants are found by an answer that never comes."""

LIBRARY = "the transport's library does what the vector asks, and not the code that mutants change"

WITHOUT = dict.fromkeys(
    (
        "grpc-a-deadline-that-has-passed",
        "grpc-a-message-cut-short",
        "grpc-a-stream",
        "grpc-no-message",
        "jsonrpc-deep-nesting",
        "jsonrpc-params-that-are-no-object",
    ),
    LIBRARY,
) | {"jsonrpc-half-a-line-at-the-end": "the end of stdin ends the plugin, whatever came before"}
"""Vectors that no mutant fails, with the reason."""


def test_each_vector_of_bytes_is_failed_by_a_mutant_or_has_a_reason() -> None:
    killed = {vector for kills in KILLS.values() for ids in kills.values() for vector in ids}
    elsewhere = load_mutants(load_vectors()).finders().keys()  # of plugins in other languages
    raw = {v.id for v in load_vectors() if v.transport and v.group != "raw limits"}
    assert raw - killed - elsewhere - WITHOUT.keys() == set()
    assert killed <= raw
    assert WITHOUT.keys() <= raw - killed


@pytest.mark.mutants
@pytest.mark.parametrize(
    ("transport", "mutant"), [(t, mutant) for t, kills in KILLS.items() for mutant in kills]
)
def test_a_mutant_fails_every_vector_named_for_it(
    transport: str, mutant: str, tmp_path: Path
) -> None:
    path = tmp_path / f"cronix-backend-{transport}-{mutant}"
    path.write_text((MUTANTS / "wire.py").read_text().replace("#!python", f"#!{sys.executable}", 1))
    path.chmod(0o755)
    offers = frozenset({"faults", "fresh-store"})
    subject = Subject(str(path), {}, offers, faulty="", reference=False)
    vectors = select(load_vectors(), ids=KILLS[transport][mutant])
    [codec] = vectors[0].needs.codecs
    [arm] = run_matrix([transport], vectors, subject, Options(codec, BOUND)).arms
    found = {outcome.vector.id: outcome.status for outcome in arm.outcomes}
    assert found == dict.fromkeys(KILLS[transport][mutant], Status.FAIL)
