"""Each clause that binds a plugin has a vector that any plugin can run, or a reason is here."""

import re
from pathlib import Path

from transportlab.conformance.vectors import load_vectors

PROTOCOL = Path(__file__).resolve().parents[2] / "spec/PROTOCOL.md"
CLAUSES = re.findall(r"\*\*(P-[A-Z]+-\d+)\*\*", PROTOCOL.read_text())

HOST = "it binds the host alone"
LIBRARY = "it is about a shared library, which has no wire: tests/transports/ffi"
FILE = (
    "only a store that can be edited from outside shows it: vectors with the feature crontab-file"
)

WITHOUT = {
    **dict.fromkeys(("P-DISCOVERY-1", "P-DISCOVERY-2", "P-DISCOVERY-3"), HOST),
    **dict.fromkeys(("P-TRUST-1", "P-TRUST-2", "P-TRUST-4", "P-TRUST-5"), HOST),
    "P-TRUST-3": "what binds a plugin is a SHOULD NOT",
    "P-START-2": HOST,
    "P-START-4": HOST,
    "P-START-5": HOST,
    "P-AUTH-3": HOST,
    "P-HANDSHAKE-5": HOST,
    "P-ERR-4": HOST,
    "P-ERR-5": "a bug cannot be asked for: vectors with the feature faults",
    **{clause: LIBRARY for clause in CLAUSES if clause.startswith("P-FFI-")},
    "P-READ-2": FILE,
    "P-PLAN-7": FILE,
    "P-DRIFT-2": FILE,
    "P-VERIFY-2": FILE,
    "P-VERIFY-3": FILE,
    **{clause: FILE for clause in CLAUSES if clause.startswith("P-CRONTAB-")},
    "P-STOP-1": HOST,
    "P-STOP-3": "what binds a plugin is a SHOULD",
    "P-LOG-1": "what binds a plugin is a SHOULD",
    "P-LOG-2": "which texts are secret only a plugin with secrets can say",
    "P-LOG-3": HOST,
}


def test_each_clause_has_a_vector_for_any_plugin_or_a_reason() -> None:
    touched = {
        clause
        for vector in load_vectors()
        if not vector.needs.features
        for clause in vector.clauses
    }
    assert set(CLAUSES) - touched - WITHOUT.keys() == set()
    assert WITHOUT.keys() & touched == set()
    assert set(CLAUSES) >= WITHOUT.keys()
