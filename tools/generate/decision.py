"""Derives the schema of spec/decision.json, and docs/decision.html with all its figures."""

import json
from pathlib import Path

import msgspec

from tools.generate.vectors import clean
from transportlab.decision.criteria import Decision, load_decision
from transportlab.decision.page import page
from transportlab.decision.scoring import cells
from transportlab.decision.sources import Sources

SCHEMA = Path("spec/decision.schema.json")
PAGE = Path("docs/decision.html")


def derive() -> dict[Path, bytes]:
    """What each file must hold, by its path from the project's root."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$comment": "Derived by `make derived` from transportlab/decision/criteria.py.",
        **msgspec.json.schema(Decision),
    }
    clean(schema)
    decision = load_decision()
    found = page(decision, cells(decision, Sources(decision.hosts)))
    return {SCHEMA: (json.dumps(schema, indent=2) + "\n").encode(), PAGE: found.encode()}
