"""The gate as a whole: with clocks that are made up, and as a command on real plugins."""

import json
import subprocess
from itertools import count
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.command import Done, in_process
from transportlab.errors import LabError, UsageError
from transportlab.evidence.gate import band, measure
from transportlab.evidence.gate.decide import Reading
from transportlab.evidence.gate.run import Options, readings, run
from transportlab.evidence.gate.selftest import wrapped
from transportlab.evidence.gate.verdict import Outcome, Verdict


def gate(*words: str) -> Done:
    return in_process(["gate", *words], {})


Seconds = dict[str, list[float]]


@pytest.fixture
def seconds(monkeypatch: pytest.MonkeyPatch) -> Seconds:
    """What handshakes take in turn, by the build; a bare spawn takes 0.01."""
    told: Seconds = {}
    turns = count()

    def handshake(target: measure.Target) -> float:
        these = told[target.plugin]
        return these[next(turns) // 2 % len(these)]

    monkeypatch.setattr(measure.Target, "handshake", handshake)
    monkeypatch.setattr(measure, "bare_spawn", lambda _: 0.01)
    return told


def judged(head: str, base: str | None, transport: str, stored: band.Band | None = None) -> Outcome:
    (outcome,) = run(Options(head, base, stored, (transport,))).outcomes
    return outcome


@pytest.mark.parametrize(
    ("head", "verdict"),
    [
        ([0.101, 0.099], Verdict.PASS),
        ([0.121, 0.119], Verdict.REGRESSION),
        ([0.1, 0.2], Verdict.INCONCLUSIVE),
    ],
)
def test_a_head_is_judged_by_its_base(
    seconds: Seconds, echo: str, stdio: str, head: list[float], verdict: Verdict
) -> None:
    seconds |= {echo: head, "another build": [0.1]}
    outcome = judged(echo, "another build", stdio)
    assert outcome.verdict is verdict
    assert (outcome.repeat is not None) == (verdict is Verdict.REGRESSION)


def test_a_head_is_judged_by_a_band(seconds: Seconds, echo: str, stdio: str) -> None:
    seconds[echo] = [0.1]
    stored = band.make(echo, readings(Options(echo, transports=(stdio,))))
    assert stored.entries[stdio].ratio == pytest.approx(10)
    assert judged(echo, None, stdio, stored).verdict is Verdict.PASS
    seconds[echo] = [0.12]
    assert judged(echo, None, stdio, stored).verdict is Verdict.REGRESSION


def test_a_build_that_breaks_in_the_middle_fails(
    monkeypatch: pytest.MonkeyPatch, echo: str, stdio: str
) -> None:
    calls = iter([0.1] * 4)

    def sometimes(_: measure.Target) -> float:
        for taken in calls:
            return taken
        raise LabError("E-EXITED: it fell over\n  and why")

    monkeypatch.setattr(measure.Target, "handshake", sometimes)
    outcome = judged(echo, echo, stdio)
    assert outcome.verdict is Verdict.FAILED
    assert outcome.why == "a handshake failed: E-EXITED: it fell over\n  and why"


def test_options_without_any_transport_are_wrong_usage(dead: str) -> None:
    with pytest.raises(UsageError, match="nothing to gate"):
        run(Options(dead, base=dead))


def test_few_pairs_are_inconclusive_and_leave_files_for_ci(
    tmp_path: Path, bare: Path, stdio: str
) -> None:
    files = ["--json", str(tmp_path / "g.json"), "--junit", str(tmp_path / "g.xml")]
    words = ["--plugin", str(bare), "--against", str(bare), "--transport", stdio, "--pairs", "2"]
    result = gate(*words, *files)
    assert result.code == 3, result.output
    assert "too few pairs" in result.output
    assert json.loads((tmp_path / "g.json").read_text())["outcomes"][0]["first"]["pairs"] == 2
    assert ET.parse(tmp_path / "g.xml").getroot().get("errors") == "1"


def test_a_head_that_does_not_answer_fails(dead: str, bare: Path, stdio: str) -> None:
    result = gate("--plugin", dead, "--against", str(bare), "--transport", stdio, "--pairs", "1")
    assert result.code == 4, result.output
    assert "FAILED" in result.output
    assert "E-EXITED" in result.output
    assert "the plugin ended with exit status 3" in result.output
    assert "no store today" in result.output


def test_a_base_that_does_not_answer_is_a_wrong_question(
    tmp_path: Path, dead: str, bare: Path, stdio: str
) -> None:
    result = gate("--plugin", str(bare), "--against", dead, "--transport", stdio)
    assert result.code == 2, result.output
    result = gate("--plugin", dead, "--write-band", str(tmp_path / "band.json"))
    assert result.code == 2, result.output
    assert "nothing to measure" in result.output


@pytest.fixture
def nothing_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails the test as soon as a batch begins."""

    def batch(*_: object) -> None:
        pytest.fail("something was measured")

    monkeypatch.setattr(measure, "batch", batch)


@pytest.mark.usefixtures("nothing_measured")
def test_a_band_without_the_transport_is_refused_first(
    tmp_path: Path, bare: Path, stdio: str
) -> None:
    path = tmp_path / "band.json"
    band.save(band.make(str(bare), {}), path)
    result = gate("--plugin", str(bare), "--band", str(path), "--transport", stdio)
    assert result.code == 2, result.output
    assert "the band has no entry" in result.output


@pytest.mark.usefixtures("nothing_measured")
@pytest.mark.parametrize("option", ["--json", "--junit"])
@pytest.mark.parametrize("path", ["", "none/g", "file/g"])
def test_a_result_that_cannot_be_written_is_refused_first(
    tmp_path: Path, bare: Path, stdio: str, option: str, path: str
) -> None:
    (tmp_path / "file").touch()
    words = ["--plugin", str(bare), "--against", str(bare), "--transport", stdio]
    result = gate(*words, option, str(tmp_path / path))
    assert result.code == 2, result.output
    assert "cannot be written" in result.output


@pytest.mark.usefixtures("nothing_measured")
def test_options_that_would_do_nothing_are_refused(tmp_path: Path, bare: Path) -> None:
    new = str(tmp_path / "new.json")
    result = gate("--plugin", str(bare), "--write-band", new, "--json", new)
    assert result.code == 2, result.output
    result = gate("--plugin", str(bare), "--write-band", str(tmp_path))
    assert result.code == 2, result.output


def test_what_keeps_the_gate_from_measuring_is_not_a_slower_build(
    monkeypatch: pytest.MonkeyPatch, echo: str, stdio: str, seconds: Seconds
) -> None:
    def fails(_: str) -> float:
        raise subprocess.CalledProcessError(1, "python")

    seconds[echo] = [0.1]
    monkeypatch.setattr(measure, "bare_spawn", fails)
    result = gate("--plugin", echo, "--against", echo, "--transport", stdio)
    assert result.code == 2, result.output
    assert "could not do its work" in result.output


def test_a_wide_band_is_refused(tmp_path: Path, seconds: Seconds, echo: str, stdio: str) -> None:
    seconds[echo] = [0.10, 0.16]
    path = tmp_path / "band.json"
    result = gate("--plugin", echo, "--write-band", str(path), "--transport", stdio)
    assert result.code == 3, result.output
    assert "too wide to judge by" in result.output
    assert not path.exists()
    wide = band.make(echo, {stdio: Reading(1.65, 1.38, 1.93, 1.0, 60)})
    band.save(wide, path)
    result = gate("--plugin", echo, "--band", str(path), "--transport", stdio)
    assert result.code == 2, result.output
    assert "too wide to judge by" in result.output


def test_a_band_of_another_python_is_noted(
    tmp_path: Path, seconds: Seconds, echo: str, stdio: str
) -> None:
    seconds[echo] = [0.1]
    path = tmp_path / "band.json"
    made = band.make(echo, {stdio: Reading(1000.0, 960.0, 1040.0, 1.0, 60)})
    band.save(band.Band(1, made.plugin, "2.7", made.machine, made.entries), path)
    result = gate("--plugin", echo, "--band", str(path), "--transport", stdio)
    assert result.code == 0, result.output
    assert "the band has 2.7" in result.output
    assert "PASS" in result.output


def test_a_band_is_written_only_of_batches_that_can_be_used(
    tmp_path: Path, seconds: Seconds, echo: str, stdio: str
) -> None:
    seconds[echo] = [0.1]
    path = tmp_path / "band.json"
    words = ["--plugin", echo, "--write-band", str(path), "--transport", stdio]
    result = gate(*words, "--pairs", "2")
    assert result.code == 3, result.output
    assert "at least 20 pairs" in result.output
    assert not path.exists()
    result = gate(*words)
    assert result.code == 0, result.output
    assert band.load(path).entries[stdio].pairs == 60


@pytest.mark.parametrize(
    "words",
    [
        ["--plugin", "ECHO"],
        ["--plugin", "ECHO", "--against", "ECHO", "--band", "x"],
        ["--plugin", "/none", "--against", "ECHO"],
        ["--plugin", "ECHO", "--against", "/none"],
        ["--plugin", "ECHO", "--against", "ECHO", "--transport", "pigeon"],
        ["--plugin", "ECHO", "--band", "/none"],
        ["--plugin", "ECHO", "--against", "ECHO", "--pairs", "0"],
    ],
)
def test_wrong_usage_exits_with_2(echo: str, words: list[str]) -> None:
    result = gate(*(echo if word == "ECHO" else word for word in words))
    assert result.code == 2, result.output


@pytest.mark.slow
def test_a_delay_that_doubles_the_handshake_never_passes(bare: Path, stdio: str) -> None:
    with wrapped(str(bare), 0.0) as base, wrapped(str(bare), 0.1) as slow:
        result = gate("--plugin", slow, "--against", base, "--transport", stdio, "--pairs", "20")
    assert result.code in {1, 3}, result.output  # 3: this machine is busy with other tests
    assert "PASS" not in result.output, result.output


@pytest.mark.slow
def test_every_transport_that_reaches_the_file_is_gated_unless_one_is_chosen(echo: str) -> None:
    result = gate("--plugin", echo, "--against", echo, "--pairs", "1")
    assert result.code == 3, result.output
    assert result.output.count("INCONCLUSIVE") >= 3
    assert "needs a shared library" in result.output


@pytest.mark.slow
def test_a_library_is_gated_in_fresh_hosts(library: str) -> None:
    result = gate("--plugin", library, "--against", library, "--pairs", "1")
    assert result.code == 3, result.output
    assert "needs a program" in result.output
