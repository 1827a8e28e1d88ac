"""The gate as a whole: with clocks that are made up, and as a command on real plugins."""

import json
import math
import re
import signal
import subprocess
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from random import Random
from shutil import copy2
from xml.etree import ElementTree as ET

import pytest

from tests.command import Done, in_process
from transportlab.errors import LabError, UsageError
from transportlab.evidence.gate import measure
from transportlab.evidence.gate.decide import Margins
from transportlab.evidence.gate.run import Options, run
from transportlab.evidence.gate.selftest import wrapped
from transportlab.evidence.gate.verdict import Outcome, Verdict


def gate(*words: str) -> Done:
    return in_process(["gate", *words], {})


Seconds = dict[str, list[float]]

WIDE = ["--fail-above", "100", "--pass-below", "900", "--seconds", "600"]
"""So that how busy the machine is decides nothing."""


@pytest.fixture
def seconds(monkeypatch: pytest.MonkeyPatch) -> Seconds:
    """What handshakes take in turn, by the build; a bare spawn takes 0.01."""
    told: Seconds = {}
    turns = count()

    def handshake(target: measure.Target) -> float:
        these = told[target.plugin]
        return these[next(turns) // 2 % len(these)]

    monkeypatch.setattr(measure.Target, "seconds", handshake)
    monkeypatch.setattr(measure, "bare_spawn", lambda _: 0.01)
    return told


def judged(options: Options, said: list[str] | None = None) -> Outcome:
    (outcome,) = run(options, (said if said is not None else []).append).outcomes
    return outcome


@pytest.mark.parametrize(
    ("head", "verdict"),
    [([0.101, 0.099], Verdict.PASS), ([0.121, 0.119], Verdict.REGRESSION)],
)
def test_a_head_is_judged_by_its_base(
    seconds: Seconds, builds: tuple[str, str], stdio: str, head: list[float], verdict: Verdict
) -> None:
    new, old = builds
    seconds |= {new: head, old: [0.1]}
    outcome = judged(Options(new, old, transports=(stdio,), counted=False))
    assert outcome.verdict is verdict
    assert outcome.pairs is not None
    assert len(outcome.pairs.head) == 30


def test_margins_decide_what_fails(seconds: Seconds, echo: str, other: str, stdio: str) -> None:
    seconds |= {echo: [0.104], other: [0.1]}
    options = Options(echo, other, transports=(stdio,), counted=False)
    assert judged(options).verdict is Verdict.PASS
    strict = Options(echo, other, transports=(stdio,), counted=False, margins=Margins(2.0, 5.0))
    assert judged(strict).verdict is Verdict.REGRESSION


def test_it_goes_on_until_the_time_is_over_and_says_what_would_decide(
    seconds: Seconds, echo: str, other: str, stdio: str
) -> None:
    said: list[str] = []
    chance = Random(1)
    seconds |= {echo: [0.107 * math.exp(chance.gauss(0, 0.8)) for _ in range(997)], other: [0.1]}
    options = Options(echo, other, transports=(stdio,), counted=False, seconds=1.0)
    outcome = judged(options, said)
    assert outcome.verdict is Verdict.INCONCLUSIVE
    assert re.search(r"; about \d+ more would decide: --seconds \d+$", outcome.why)
    assert any(re.search(r"open: .* 30 pairs; about \d+ more pairs would decide", s) for s in said)
    assert any("60 pairs" in line for line in said)


def test_a_build_that_breaks_in_the_middle_fails(
    monkeypatch: pytest.MonkeyPatch, echo: str, other: str, stdio: str
) -> None:
    calls = iter([0.1] * 8)

    def sometimes(_: measure.Target) -> float:
        for taken in calls:
            return taken
        raise LabError("E-EXITED: it fell over\n  and why")

    monkeypatch.setattr(measure.Target, "seconds", sometimes)
    outcome = judged(Options(echo, other, transports=(stdio,), counted=False))
    assert outcome.verdict is Verdict.FAILED
    assert outcome.why == "a handshake failed: E-EXITED: it fell over\n  and why"


def test_options_without_any_transport_are_wrong_usage(dead: str) -> None:
    with pytest.raises(UsageError, match="nothing to gate"):
        run(Options(dead, base=dead))


def words(plugin: Path | str, against: Path | str, stdio: str) -> list[str]:
    return ["--plugin", str(plugin), "--against", str(against), "--transport", stdio]


@pytest.mark.long
def test_a_result_leaves_files_for_ci_with_samples_and_circumstances(
    tmp_path: Path, bare: Path, bare_base: Path, stdio: str
) -> None:
    files = {name: tmp_path / f"g.{name}" for name in ("json-file", "junit", "markdown")}
    options = [word for name, path in files.items() for word in (f"--{name}", str(path))]
    result = gate(*words(bare, bare_base, stdio), "--pairs", "20", *WIDE, *options)
    assert result.code in {0, 1, 3}, result.output  # the machine is busy with other tests
    found = json.loads(files["json-file"].read_text())
    assert found["exit_code"] == result.code
    [outcome] = found["outcomes"]
    assert len(outcome["pairs"]["head"]) == len(outcome["pairs"]["base"]) >= 20
    about = found["about"]
    assert about["files"]["head"]["sha256"] == about["files"]["base"]["sha256"]
    assert about["machine"]["python"]["version"]
    assert (about["seed"], len(about["load"])) == (1, 2)
    suite = ET.parse(files["junit"]).getroot()
    assert suite.get("tests") == "1"
    assert "base, ms: " in (suite.findtext("testcase/system-out") or "")
    summary = files["markdown"].read_text()
    assert re.search(rf"^\| {stdio} \| .* \| [\d.]+ -> [\d.]+ ms \|", summary, re.M)
    assert f"{stdio}: transport 1 of 1, at most 600 s left in all" in result.err


def test_a_head_that_does_not_answer_fails(dead: str, bare: Path, stdio: str) -> None:
    result = gate(*words(dead, bare, stdio))
    assert result.code == 4, result.output
    assert "FAILED" in result.output
    assert "E-EXITED" in result.output
    assert "the plugin ended with exit status 3" in result.output
    assert "no store today" in result.output


def test_a_base_that_does_not_answer_is_a_wrong_question(dead: str, bare: Path, stdio: str) -> None:
    result = gate(*words(bare, dead, stdio))
    assert result.code == 2, result.output


@pytest.fixture
def nothing_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails the test as soon as something is started."""

    def started(*_: object) -> float:
        pytest.fail("something was measured")

    monkeypatch.setattr(measure.Target, "seconds", started)


@pytest.mark.usefixtures("nothing_measured")
@pytest.mark.parametrize("option", ["--json-file", "--junit", "--markdown", "--history"])
@pytest.mark.parametrize("path", ["", "none/g", "file/g"])
def test_a_result_that_cannot_be_written_is_refused_first(
    tmp_path: Path, builds: tuple[str, str], stdio: str, option: str, path: str
) -> None:
    (tmp_path / "file").touch()
    result = gate(*words(*builds, stdio), option, str(tmp_path / path))
    assert result.code == 2, result.output
    assert "cannot be written" in result.output


@pytest.mark.usefixtures("nothing_measured")
@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--plugin", "ECHO"], "give --against, --history or --self-test"),
        (["--plugin", "/none", "--against", "ECHO"], "/none: no such file"),
        (["--plugin", "ECHO", "--against", "/none"], "/none: no such file"),
        (["--plugin", "ECHO", "--against", "/"], "/: is a directory; give the file in it"),
        (["--plugin", "ECHO", "--against", "ECHO"], "is the same file as the build to judge"),
        (["--plugin", "ECHO", "--against", "LINK"], "is the same file as the build to judge"),
        (["--plugin", "ECHO", "--against", "OTHER", "--pairs", "0"], "at least 20"),
        (["--plugin", "ECHO", "--against", "OTHER", "--pairs", "5000"], "at most 2000"),
        (["--plugin", "ECHO", "--against", "OTHER", "--fail-above", "12"], "--pass-below 10"),
        (["--plugin", "ECHO", "--against", "OTHER", "--self-test", "1"], "needs neither"),
        (["--plugin", "ECHO", "--against", "OTHER", "--build", "b"], "goes with --history"),
        (["--against", "OTHER"], "give --plugin"),
        (["--plugin", "ECHO", "--accept", "why"], "--accept goes with --history alone"),
    ],
)
def test_wrong_usage_is_told_before_anything_is_measured(
    tmp_path: Path, echo: str, other: str, options: list[str], told: str
) -> None:
    link = tmp_path / "cronix-backend-link"
    link.symlink_to(echo)
    known = {"ECHO": echo, "OTHER": other, "LINK": str(link)}
    result = gate(*(known.get(word, word) for word in options))
    assert result.code == 2, result.output
    assert told in result.output


def test_an_unknown_transport_is_wrong_usage(echo: str, other: str) -> None:
    assert gate(*words(echo, other, "pigeon")).code == 2


def test_too_little_time_is_told_before_anything_is_measured(
    echo: str, other: str, stdio: str
) -> None:
    result = gate(*words(echo, other, stdio), "--seconds", "1")
    assert result.code == 2, result.output
    assert re.search(r"20 pairs, the least for a verdict, take about \d+ s", result.output)


def test_what_keeps_the_gate_from_measuring_is_not_a_slower_build(
    monkeypatch: pytest.MonkeyPatch, echo: str, other: str, stdio: str, seconds: Seconds
) -> None:
    def fails(_: str) -> float:
        raise subprocess.CalledProcessError(1, "python")

    seconds |= {echo: [0.1], other: [0.1]}
    monkeypatch.setattr(measure, "bare_spawn", fails)
    result = gate(*words(echo, other, stdio))
    assert result.code == 2, result.output
    assert "could not do its work" in result.output


@pytest.mark.long
def test_an_interrupted_gate_says_how_far_it_came(
    bare: Path, bare_base: Path, stdio: str, process: Callable[..., "subprocess.Popen[bytes]"]
) -> None:
    options = ["--pairs", "2000", "--no-counts"]
    with process("gate", *words(bare, bare_base, stdio), *options) as running:
        assert running.stderr is not None
        assert b"transport 1 of 1" in running.stderr.readline()
        time.sleep(1)
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=60)
    assert running.returncode == 130
    assert out == b""
    assert re.search(rb"error: interrupted\n.* pairs were taken, nothing is concluded", err), err


@pytest.mark.long
def test_a_delay_that_doubles_the_handshake_never_passes(bare: Path, stdio: str) -> None:
    with wrapped(str(bare), 0.0) as base, wrapped(str(bare), 0.1) as slow:
        options = ["--pairs", "20", "--fail-above", "20", "--pass-below", "90", "--seconds", "600"]
        result = gate(*words(slow, base, stdio), *options)
    assert result.code in {1, 3}, result.output  # 3: this machine is busy with other tests
    assert "PASS" not in result.output, result.output


STDLIB = Path(__file__).resolve().parents[3] / "plugins" / "stdlib" / "cronix-backend-stdlib"


@pytest.mark.long
def test_every_transport_that_reaches_the_file_is_gated_unless_one_is_chosen(
    tmp_path: Path,
) -> None:
    base = copy2(STDLIB, tmp_path / "cronix-backend-base")
    options = ["--plugin", str(STDLIB), "--against", str(base), "--pairs", "20", "--no-counts"]
    result = gate(*options, *WIDE)
    assert result.code in {0, 3}, result.output  # 3: this machine is busy with other tests
    assert len(re.findall("^[a-z]+ +(?:PASS|INCONCLUSIVE) ", result.out, re.M)) == 2
    assert "needs a shared library" in result.output


def test_a_library_is_gated_in_fresh_hosts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, library: str
) -> None:
    """One pair is enough to see that."""
    monkeypatch.setattr("transportlab.evidence.gate.run.MIN_PAIRS", 0)
    base = copy2(library, tmp_path / "cronix-backend-echo.so")
    result = run(Options(library, str(base), seconds=0.1, counted=False))
    assert [outcome.verdict for outcome in result.outcomes] == [Verdict.INCONCLUSIVE]
    assert any("needs a program" in note for note in result.notes)
