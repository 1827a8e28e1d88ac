"""The gate's own rates."""

import json
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.command import in_process
from transportlab.evidence.gate.selftest import Delay, Round, SelfTest, as_junit, lines
from transportlab.evidence.gate.verdict import Outcome, Verdict

DELAY = Delay("a", 0.025, 0.024, 0.026, 0.005)


def rounds(*verdicts: tuple[bool, Verdict]) -> SelfTest:
    done = (
        Round(number, delayed, Outcome("a", verdict, "why"))
        for number, (delayed, verdict) in enumerate(verdicts)
    )
    return SelfTest(20.0, (DELAY,), tuple(done))


@pytest.mark.long
def test_the_self_test_prints_its_rates_and_its_delay(
    tmp_path: Path, bare: Path, stdio: str
) -> None:
    files = [
        f"--json-file={tmp_path}/s.json",
        f"--junit={tmp_path}/s.xml",
        f"--markdown={tmp_path}/s",
    ]
    options = ["--self-test", "1", "--transport", stdio, "--pairs", "20", "--seconds", "600"]
    options += ["--fail-above", "50", "--pass-below", "150"]
    result = in_process(["gate", "--plugin", str(bare), *options, "--delay", "300", *files], {})
    assert result.code in {0, 1}, result.output  # 1: this machine is busy with other tests
    assert re.search(
        r"a start takes [\d.]+ ms \[[\d.]+, [\d.]+\]; the delay is [\d.]+ ms, 300 % of it \[",
        result.out,
    )
    assert re.search("^unchanged: 1 runs: 1 ", result.out, re.M)
    assert re.search("^delayed by 300 %: 1 runs: 1 ", result.out, re.M)
    found = json.loads((tmp_path / "s.json").read_text())
    assert [one["delayed"] for one in found["rounds"]] == [False, True]
    assert len(found["rounds"][0]["outcome"]["pairs"]["head"]) >= 20
    assert found["about"]["files"]["head"]["path"] == str(bare)
    assert ET.parse(tmp_path / "s.xml").getroot().get("tests") == "2"
    assert "self-test" in (tmp_path / "s").read_text()


def test_rates_are_sound_only_without_a_false_alarm_and_a_missed_delay() -> None:
    fine = rounds((False, Verdict.PASS), (True, Verdict.REGRESSION), (True, Verdict.INCONCLUSIVE))
    assert fine.sound
    assert lines(fine) == [
        "a: a start takes 25.0 ms [24.0, 26.0]; the delay is 5.0 ms, 20 % of it [19, 21]",
        "unchanged: 1 runs: 1 pass",
        "delayed by 20 %: 2 runs: 1 regression, 1 inconclusive",
    ]
    suite = ET.fromstring(as_junit(fine))
    assert [suite.get(name) for name in ("tests", "failures", "skipped")] == ["3", "0", "1"]
    alarm, missed = rounds((False, Verdict.REGRESSION)), rounds((True, Verdict.PASS))
    assert not alarm.sound
    assert not missed.sound
    assert ET.fromstring(as_junit(missed)).get("failures") == "1"
