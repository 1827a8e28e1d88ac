"""The suite finds seeded faults: each mutant of a plugin fails the vectors named for it."""

import sys
from pathlib import Path

import pytest

from transportlab.conformance.result import Report, Status
from transportlab.conformance.runner import Options, run_matrix
from transportlab.conformance.subject import Subject
from transportlab.conformance.vectors import load_vectors, select

MUTANT = Path(__file__).parent / "mutants" / "mutant.py"

BOUND = 6.0
"""Seconds a vector may take here: some mutants are found by a call that never ends."""

FAULTY = {"drops-details", "cannot-be-interrupted", "one-call-at-a-time", "reference-faults"}
"""Those that are made of the echo plugin and have its faults; the others are crontabs."""

KILLS = {
    "skips-edited-lines": ["plan-updates-a-hand-edited-line", "plan-updates-a-line-commented-out"],
    "takes-the-line-above": [
        "read-reports-an-orphan-mark",
        "apply-keeps-the-line-above-an-orphan-mark",
    ],
    "ignores-allow-empty": ["plan-refuses-an-empty-set"],
    "ignores-the-digest": ["apply-refuses-a-state-that-has-changed"],
    "orders-by-name": ["plan-orders-its-ops"],
    "stream-without-end": ["apply-streams-each-op-and-the-end", "apply-of-an-empty-plan"],
    "drops-details": ["error-of-every-code-arrives-whole", "error-of-a-stream-arrives-whole"],
    "cannot-be-interrupted": ["cancel-reaches-the-backend"],
    "splits-at-u2028": ["text-comes-back-as-it-went"],
    "takes-any-config": ["config-unknown-key", "config-missing-key"],
    "opens-twice": ["session-opens-once"],
    "last-of-two-jobs": ["plan-refuses-a-job-twice"],
    "dry-run-writes": ["prune-dry-run-removes-nothing"],
    "one-call-at-a-time": ["a-fast-call-is-not-held-up"],
    "asks-no-secret": ["call-without-the-secret", "call-with-another-secret"],
    "asks-if-there-is-one": ["call-without-the-secret"],
    "listens-without-a-secret": ["start-without-the-secret"],
    "prints-before-its-line": ["handshake-line", "session-opens"],
}


def run(folder: Path, mutant: str, ids: list[str]) -> Report:
    """The vectors over one transport, with the mutant as a plugin program by its path."""
    path = folder / f"cronix-backend-{mutant}"
    path.write_text(MUTANT.read_text().replace("#!python", f"#!{sys.executable}", 1))
    path.chmod(0o755)
    config = {} if mutant in FAULTY else {"path": "{file}"}
    offers = frozenset({"faults", "fresh-store"} if mutant in FAULTY else {"crontab-file"})
    subject = Subject(str(path), config, offers, faulty="", reference=False)
    vectors = select(load_vectors(), ids=ids)
    return run_matrix(["http"], vectors, subject, Options("json", BOUND, jobs=3))


@pytest.mark.slow
@pytest.mark.parametrize("mutant", KILLS)
def test_a_mutant_fails_every_vector_named_for_it(mutant: str, tmp_path: Path) -> None:
    report = run(tmp_path, mutant, KILLS[mutant])
    found = {o.vector.id: o.status for o in report.arms[0].outcomes}
    assert found == dict.fromkeys(KILLS[mutant], Status.FAIL)
    assert not report.ok


@pytest.mark.slow
@pytest.mark.parametrize("reference", ["reference", "reference-faults"])
def test_the_reference_passes_all_of_those(reference: str, tmp_path: Path) -> None:
    same = reference in FAULTY
    ids = [vector for mutant in KILLS if (mutant in FAULTY) is same for vector in KILLS[mutant]]
    report = run(tmp_path, reference, ids)
    found = {o.vector.id: (o.status, o.failure, o.reason) for o in report.arms[0].outcomes}
    assert found == dict.fromkeys(ids, (Status.PASS, None, ""))
    assert report.ok
