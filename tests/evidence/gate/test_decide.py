import json
import math
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from sysconfig import get_path
from xml.etree import ElementTree as ET

import pytest

from transportlab.evidence.gate import decide as band
from transportlab.evidence.gate import measure, output
from transportlab.evidence.gate.decide import (
    MIN_PAIRS,
    Batch,
    Finding,
    Reading,
    contaminated,
    findings,
    holm,
    read,
)
from transportlab.evidence.gate.measure import batch, interpreter
from transportlab.evidence.gate.run import Outcome, Result, Verdict, against, conclude
from transportlab.evidence.record import EvidenceError

ECHO = str(Path(get_path("scripts"), "cronix-backend-echo").absolute())


def pairs(ratio: float, *, number: int = 60, spread: float = 0.06, seed: int = 1) -> Batch:
    chance = Random(seed)
    logs = tuple(math.log(ratio) + chance.gauss(0, spread) for _ in range(number))
    return Batch(logs, tuple(chance.gauss(0, 0.05) for _ in range(number)))


def finding(found: Batch, seed: int = 1) -> Finding:
    return findings({"one": read(found, seed)})["one"]


def test_unchanged_builds_are_clear_and_never_suspicious() -> None:
    seen = Counter(finding(pairs(1.0, seed=seed), seed) for seed in range(100))
    assert seen[Finding.SUSPICIOUS] == 0
    assert seen[Finding.CLEAR] >= 95


def test_a_twentieth_more_is_rarely_suspicious() -> None:
    seen = Counter(finding(pairs(1.05, seed=seed), seed) for seed in range(100))
    assert seen[Finding.SUSPICIOUS] <= 0.05 * 100


def test_a_fifth_more_is_always_suspicious() -> None:
    assert {finding(pairs(1.2, seed=seed), seed) for seed in range(50)} == {Finding.SUSPICIOUS}


def test_a_tenth_more_is_hardly_ever_clear() -> None:
    seen = Counter(finding(pairs(1.1, seed=seed), seed) for seed in range(100))
    assert seen[Finding.CLEAR] <= 0.05 * 100


def test_what_is_too_wide_to_exclude_a_tenth_is_inconclusive() -> None:
    assert finding(pairs(1.0, spread=0.6)) is Finding.INCONCLUSIVE


def test_too_few_pairs_are_not_read() -> None:
    found = read(pairs(2.0, number=MIN_PAIRS - 1), 1)
    assert (found.low, found.high, found.usable) == (0.0, math.inf, False)
    assert findings({"one": found})["one"] is Finding.INCONCLUSIVE
    assert math.isnan(read(Batch((), ()), 1).ratio)


def test_the_runner_is_judged_by_the_control_alone() -> None:
    logs = pairs(2.0).logs
    drifting = tuple(0.2 + value / 100 for value in logs)
    found = read(Batch(logs, drifting), 1)
    assert "off 1" in found.contaminated
    assert findings({"one": found})["one"] is Finding.INCONCLUSIVE
    chance = Random(1)
    assert "too wide" in contaminated([chance.gauss(0, 2) for _ in range(60)], 1)
    assert not contaminated([chance.gauss(0, 0.05) for _ in range(60)], 1)


def test_holm_steps_down_and_stops_at_the_first_that_is_not_rejected() -> None:
    assert holm({"a": 0.001, "b": 0.012, "c": 0.02}) == {"a", "b", "c"}
    assert holm({"a": 0.001, "b": 0.02, "c": 0.02}) == {"a"}
    assert holm({"a": 0.02, "b": 0.5, "c": 0.5}) == set()
    assert holm({}) == set()


SUSPECT = read(pairs(1.2), 1)
CLEAR = read(pairs(1.0), 1)
WIDE = read(pairs(1.0, spread=0.6), 1)


@pytest.mark.parametrize(
    ("found", "first", "repeat", "verdict", "words"),
    [
        (Finding.CLEAR, CLEAR, None, Verdict.PASS, "excluded"),
        (Finding.INCONCLUSIVE, WIDE, None, Verdict.INCONCLUSIVE, "neither"),
        (Finding.SUSPICIOUS, SUSPECT, SUSPECT, Verdict.REGRESSION, "two batches"),
        (Finding.SUSPICIOUS, SUSPECT, CLEAR, Verdict.PASS, "fresh one was not"),
        (Finding.SUSPICIOUS, SUSPECT, WIDE, Verdict.INCONCLUSIVE, "neither"),
        (Finding.INCONCLUSIVE, read(pairs(2, number=3), 1), None, Verdict.INCONCLUSIVE, "too few"),
        (
            Finding.INCONCLUSIVE,
            Reading(1, 0.9, 1.01, 0.5, 60, "runner contaminated: x"),
            None,
            Verdict.INCONCLUSIVE,
            "runner contaminated",
        ),
    ],
)
def test_a_suspicion_fails_only_if_a_fresh_batch_repeats_it(
    found: Finding, first: Reading, repeat: Reading | None, verdict: Verdict, words: str
) -> None:
    outcome = conclude("one", found, first, repeat)
    assert outcome.verdict is verdict
    assert words in outcome.why


@pytest.mark.parametrize(
    ("verdicts", "code"),
    [
        ([Verdict.PASS, Verdict.PASS], 0),
        ([Verdict.PASS, Verdict.INCONCLUSIVE], 3),
        ([Verdict.INCONCLUSIVE, Verdict.REGRESSION], 1),
        ([Verdict.PASS, Verdict.FAILED], 1),
    ],
)
def test_the_exit_code_is_that_of_the_worst(verdicts: list[Verdict], code: int) -> None:
    result = Result(tuple(Outcome(str(n), v, "why") for n, v in enumerate(verdicts)))
    assert result.exit_code == code


def test_a_batch_pairs_in_random_order_and_stops_in_time() -> None:
    turns: list[str] = []

    def clock(name: str, seconds: float) -> Callable[[], float]:
        def tick() -> float:
            turns.append(name)
            return seconds

        return tick

    clocks = {"head": clock("h", 0.3), "base": clock("b", 0.2), "control": clock("c", 0.1)}
    found = batch(clocks, 30, 60, Random(1))
    assert found.logs == pytest.approx([math.log(1.5)] * 30)
    assert found.control == pytest.approx([0.0] * 30)
    orders = {"".join(turns[start : start + 4]) for start in range(0, 120, 4)}
    assert all(sorted(order) == ["b", "c", "c", "h"] for order in orders)
    assert len(orders) > 3
    assert batch(clocks, 30, 0, Random(1)).logs == ()
    del clocks["base"]
    assert batch(clocks, 2, 60, Random(1)).logs == pytest.approx([math.log(3)] * 2)


def test_a_band_takes_its_upper_end_as_the_reference() -> None:
    entry = band.Entry(10.0, 9.5, 10.5, 60)
    held = against(Batch((math.log(10.5), math.log(21)), ()), entry)
    assert held.logs == pytest.approx((0.0, math.log(2)))


def test_a_band_is_written_and_read_back(tmp_path: Path) -> None:
    made = band.make(ECHO, {"a": SUSPECT})
    band.save(made, tmp_path / "band.json")
    assert band.load(tmp_path / "band.json") == made
    assert band.differences(made) == []
    data = json.loads((tmp_path / "band.json").read_text())
    (tmp_path / "band.json").write_text(json.dumps(data | {"python": "3.0"}))
    assert "Python: the band has 3.0" in band.differences(band.load(tmp_path / "band.json"))[0]


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
        band.load(path)
    assert str(path) in str(raised.value)
    with pytest.raises(EvidenceError, match="cannot be read"):
        band.load(tmp_path / "none.json")


def test_the_controls_interpreter_is_the_one_of_the_plugins_first_line(tmp_path: Path) -> None:
    program = tmp_path / "p"
    program.write_text("#!/usr/bin/env python3 -S\n")
    assert Path(interpreter(str(program))).name.startswith("python")
    program.write_bytes(b"\x7fELF")
    assert interpreter(str(program)) == sys.executable
    program.write_text("#!/bin/sh\n")
    assert interpreter(str(program)) == sys.executable
    assert measure.bare_spawn(sys.executable) > 0


def test_output_for_people_and_for_ci() -> None:
    result = Result(
        (
            Outcome("a", Verdict.PASS, "fine", CLEAR),
            Outcome("b", Verdict.REGRESSION, "slow \x1b <&>", SUSPECT, SUSPECT),
            Outcome("c", Verdict.INCONCLUSIVE, "wide", read(pairs(1, number=2), 1)),
            Outcome("d", Verdict.FAILED, "no handshake"),
        ),
        ("e: not measured",),
    )
    assert output.lines(result)[-1] == "note: e: not measured"
    suite = ET.fromstring(output.as_junit(result))
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("4", "2", "1")
    assert [len(case.findall("failure")) for case in suite.findall("testcase")] == [0, 1, 0, 1]
    found = json.loads(output.as_json(result))
    assert found["exit_code"] == 1
    assert found["outcomes"][2]["first"]["high"] is None
    assert found["outcomes"][1]["repeat"]["ratio"] > 1.05


# ---- real plugins from here on
