"""Vectors made for one test, and plugins that misbehave."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from transportlab.conformance.oracle import disagreements
from transportlab.conformance.result import ArmResult, Failure, Outcome, Report, Status
from transportlab.conformance.vectors import Vector

Make = Callable[..., Vector]
Ended = Callable[..., Outcome]

READ = {"do": "call", "method": "Read", "request": {"app": "web"}}


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


@pytest.fixture
def ended() -> Ended:
    """ended(vector, status, reply, ...) is its outcome on an arm."""

    def outcome(vector: Vector, status: Status, *transcript: object, reason: str = "") -> Outcome:
        failure = (
            Failure(1, "do", "expected \x00\u2028\ud800 1, got 2")
            if status is Status.FAIL
            else None
        )
        return Outcome(vector, status, reason, failure, transcript, 0.25)

    return outcome


@pytest.fixture
def report(make: Make, ended: Ended) -> Report:
    """Two arms: the second differs on `differs`, and fails alone on `binding`."""
    names = ("same", "differs", "binding", "backend", "unsupported", "error", "not-run")
    vectors = [make(READ, id=name, level=number % 5) for number, name in enumerate(names)]
    ends = {
        "direct": [Status.PASS, Status.PASS, Status.PASS, Status.FAIL],
        "http": [Status.PASS, Status.PASS, Status.FAIL, Status.FAIL],
    }
    rest = [Status.UNSUPPORTED, Status.HARNESS_ERROR, Status.NOT_RUN]
    arms = []
    for name, statuses in ends.items():
        found = [
            ended(v, status, {"reply": v.id, "by": name if v.id == "differs" else ""}, reason="r")
            for v, status in zip(vectors, statuses + rest, strict=True)
        ]
        arms.append(ArmResult(name, "json", name != "direct", found))
    return Report(tuple(vectors), tuple(arms), disagreements(arms))
