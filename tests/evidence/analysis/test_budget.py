"""The budget."""

import json
from pathlib import Path

import pytest

from transportlab.evidence.analysis.budget import load_budget
from transportlab.evidence.record import EvidenceError


def test_each_number_of_the_budget_has_a_reason() -> None:
    budget = load_budget()
    assert list(budget) == ["short-command", "long-lived-host"]
    for one in budget.values():
        assert one.ms > 0 < one.mib
        assert one.ms_reason.endswith(".")
        assert one.mib_reason.endswith(".")


def test_a_limit_is_in_the_unit_of_samples() -> None:
    one = load_budget()["short-command"]
    assert one.limit("s") == pytest.approx(one.ms / 1000)
    assert one.limit("B") == one.mib * 2**20


def test_a_file_that_is_no_budget_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(EvidenceError, match="cannot be read"):
        load_budget(tmp_path / "none.json")
    (tmp_path / "bad.json").write_text(json.dumps({"x": {"ms": 1}}))
    with pytest.raises(EvidenceError, match="not a budget"):
        load_budget(tmp_path / "bad.json")
