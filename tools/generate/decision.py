"""Derives the schema of spec/decision.json, and docs/decision.html with all its figures."""

import json
from functools import cache
from pathlib import Path

import msgspec

from tools.generate.vectors import clean
from transportlab.decision.criteria import Decision, load_decision
from transportlab.decision.page import page
from transportlab.decision.scoring import Cells, cells
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
    return {SCHEMA: (json.dumps(schema, indent=2) + "\n").encode(), PAGE: page(*scored()).encode()}


@cache
def scored() -> tuple[Decision, Cells]:
    """The criteria and all scores, by the committed evidence."""
    decision = load_decision()
    return decision, cells(decision, Sources(decision.hosts))
