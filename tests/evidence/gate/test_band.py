"""Stored references."""

import json
import math
from pathlib import Path

import pytest

from transportlab.evidence.gate.band import Entry, against, differences, load, make, save
from transportlab.evidence.gate.decide import Batch, Reading
from transportlab.evidence.record import EvidenceError


def test_a_band_takes_its_upper_end_as_the_reference() -> None:
    held = against(Batch((math.log(10.5), math.log(21)), ()), Entry(10.0, 9.5, 10.5, 60))
    assert held.logs == pytest.approx((0.0, math.log(2)))


def test_a_band_is_written_and_read_back(tmp_path: Path) -> None:
    path = tmp_path / "band.json"
    made = make("/somewhere/plugin", {"a": Reading(10.0, 9.6, 10.4, 1.0, 60)})
    save(made, path)
    assert load(path) == made
    assert made.plugin == "plugin"
    assert differences(made) == []
    path.write_text(json.dumps(json.loads(path.read_text()) | {"python": "3.0"}))
    assert "Python: the band has 3.0" in differences(load(path))[0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "not a band"),
        ('{"format":2,"plugin":"","python":"","machine":"","entries":{}}', "format 2"),
        (
            '{"format":1,"plugin":"","python":"","machine":"","entries":'
            '{"a":{"ratio":1,"low":2,"high":3,"pairs":60}}}',
            "entries/a",
        ),
    ],
)
def test_a_bad_band_is_an_error_with_the_file(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "band.json"
    path.write_text(text)
    with pytest.raises(EvidenceError, match=words) as raised:
        load(path)
    assert str(path) in str(raised.value)
    with pytest.raises(EvidenceError, match="cannot be read"):
        load(tmp_path / "none.json")
