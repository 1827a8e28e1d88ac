"""Mutants of the plugin that needs no build, as a file of a stranger's would have them."""

import json
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from transportlab.conformance.mutants.data import Suite, load_mutants
from transportlab.conformance.vectors import Vector, load_vectors

STDLIB = Path(__file__).parents[3] / "plugins" / "stdlib"
PROGRAM = "cronix-backend-stdlib"

EMPTY = {
    "id": "plans-nothing",
    "kind": "ownership",
    "fault": "An empty set is planned like any other.",
    "edits": [
        {
            "file": PROGRAM,
            "old": 'if not request[member] and not request["allow_empty"]:',
            "new": "if False:",
        }
    ],
    "finds": {"jsonrpc": ["plan-refuses-an-empty-set"]},
}
"""A mutant that is found."""

Write = Callable[..., Path]
Load = Callable[..., Suite]


@pytest.fixture(scope="session")
def vectors() -> tuple[Vector, ...]:
    return load_vectors()


def mutants_file(
    folder: Path, *mutants: dict[str, Any], name: str = "mine.json", **members: Any
) -> Path:
    """A file in the folder with these mutants, or with EMPTY, and with other members."""
    usual = {
        "plugin": "mine",
        "folder": os.path.relpath(STDLIB, folder),
        "program": PROGRAM,
        "offers": ["fresh-store"],
    }
    path = folder / name
    path.write_text(json.dumps({**usual, "mutants": mutants or (EMPTY,), **members}))
    return path


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """write(mutant, ..., member=value) is the path of a file with these mutants."""
    return partial(mutants_file, tmp_path)


@pytest.fixture
def load(write: Write, vectors: tuple[Vector, ...]) -> Load:
    """The same, loaded."""
    return lambda *mutants, **members: load_mutants(vectors, write(*mutants, **members))
