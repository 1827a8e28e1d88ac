"""The gate's own rates."""

from collections import Counter
from pathlib import Path

from tests.command import in_process
from transportlab.evidence.gate.selftest import Rates, shown
from transportlab.evidence.gate.verdict import Verdict


def test_the_self_test_prints_its_rates(bare: Path, stdio: str) -> None:
    words = ["--plugin", str(bare), "--self-test", "1", "--transport", stdio, "--pairs", "2"]
    result = in_process(["gate", *words], {})
    assert result.code == 0, result.output  # nothing was failed, and no delay passed
    assert "unchanged: 1 runs: 1 inconclusive" in result.output
    assert "delayed by 20 %: 1 runs: 1 inconclusive" in result.output


def test_rates_are_sound_only_without_a_false_alarm_and_a_missed_delay() -> None:
    fine = Rates(Counter({Verdict.PASS: 3}), Counter({Verdict.REGRESSION: 3}))
    assert fine.sound
    assert shown(fine)[1] == "delayed by 20 %: 3 runs: 3 regression"
    assert not Rates(Counter({Verdict.REGRESSION: 1}), Counter()).sound
    assert not Rates(Counter(), Counter({Verdict.PASS: 1})).sound
