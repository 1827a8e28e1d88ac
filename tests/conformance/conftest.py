"""Vectors made for one test, and plugins that misbehave."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from transportlab.conformance.vectors import Vector

Make = Callable[..., Vector]


@pytest.fixture
def make() -> Make:
    """A vector of these steps, whatever else it has."""

    def vector(*steps: dict[str, Any], **members: Any) -> Vector:
        usual = {"id": "a-vector", "clauses": ["P-READ-1"], "level": 1, "why": "w", "cause": "c"}
        return msgspec.convert({**usual, "steps": steps, **members, "group": "read"}, Vector)

    return vector


@pytest.fixture
def script(tmp_path: Path) -> Callable[[str], str]:
    """The path of a plugin program of that Python code."""

    def write(code: str) -> str:
        path = tmp_path / "cronix-backend-odd"
        path.write_text(f"#!{sys.executable}\n{code}")
        path.chmod(0o755)
        return str(path)

    return write
