"""The settings of the report."""

import json
from pathlib import Path

import pytest

from transportlab.evidence.record import EvidenceError
from transportlab.evidence.report.config import load_settings


def test_settings_are_checked(tmp_path: Path) -> None:
    assert load_settings().reference
    with pytest.raises(EvidenceError, match="cannot be read"):
        load_settings(tmp_path / "none.json")
    (tmp_path / "bad.json").write_text(json.dumps({"reference": "x", "favourite": "y"}))
    with pytest.raises(EvidenceError, match="not settings"):
        load_settings(tmp_path / "bad.json")
