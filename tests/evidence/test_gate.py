import json
import math
import sys
import textwrap
from collections import Counter
from collections.abc import Callable
from itertools import count
from pathlib import Path
from random import Random
from sysconfig import get_path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from typer.testing import CliRunner

from transportlab.cli import app
from transportlab.errors import LabError, PluginError, UsageError
from transportlab.evidence.evidence import EvidenceError
from transportlab.evidence.gate import band, measure, output
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
from transportlab.evidence.gate.measure import Target, batch, interpreter
from transportlab.evidence.gate.run import Job, Outcome, Result, Verdict, against, conclude, run
from transportlab.evidence.gate.selftest import Rates, shown, wrapped

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


def gate(*words: str) -> Any:
    return CliRunner().invoke(app, ["gate", *words])


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A plugin on nothing but the wire, that starts as fast as an interpreter can."""
    program = tmp_path / "cronix-backend-bare"
    program.write_text(
        f"#!{sys.executable} -SE\n"
        + textwrap.dedent("""\
            import sys
            print("CRONIX-PLUGIN-V1 stdio", flush=True)
            for line in sys.stdin:
                tail = line.partition('"id":')[2]
                call = tail.split(",")[0].rstrip("}\\n ")
                opened = '{"protocol_version":1,"plugin_name":"bare","plugin_version":"1"}'
                reply = opened if "OpenSession" in line else "{}"
                if call:
                    print('{"jsonrpc":"2.0","id":%s,"result":%s}' % (call, reply), flush=True)
            """)
    )
    program.chmod(0o755)
    return program


@pytest.fixture
def stdio() -> str:
    from transportlab.channel import EndpointKind
    from transportlab.registry import load_transport, transport_names

    return next(
        name
        for name in transport_names()
        if load_transport(name).traits.endpoint is EndpointKind.STDIO
    )


def test_a_delay_that_doubles_the_handshake_never_passes(bare: Path, stdio: str) -> None:
    with wrapped(str(bare), 0.0) as base, wrapped(str(bare), 0.1) as slow:
        result = gate("--plugin", slow, "--against", base, "--transport", stdio, "--pairs", "20")
    assert result.exit_code in {1, 3}, result.output  # 3: this machine is busy with other tests
    assert "REGRESSION" in result.output or "contaminated" in result.output, result.output


def test_few_pairs_are_inconclusive_and_leave_files_for_ci(tmp_path: Path, stdio: str) -> None:
    files = ["--json", str(tmp_path / "g.json"), "--junit", str(tmp_path / "g.xml")]
    words = ["--plugin", ECHO, "--against", ECHO, "--transport", stdio, "--pairs", "2", *files]
    result = gate(*words)
    assert result.exit_code == 3, result.output
    assert "too few pairs" in result.output
    assert json.loads((tmp_path / "g.json").read_text())["outcomes"][0]["first"]["pairs"] == 2
    assert ET.parse(tmp_path / "g.xml").getroot().get("errors") == "1"


def test_every_transport_that_reaches_the_file_is_gated_unless_one_is_chosen() -> None:
    result = gate("--plugin", ECHO, "--against", ECHO, "--pairs", "1")
    assert result.exit_code == 3, result.output
    assert result.output.count("INCONCLUSIVE") >= 3
    assert "needs a shared library" in result.output


def test_a_library_is_gated_in_fresh_hosts() -> None:
    library = Path(ECHO + ".so")
    if not library.exists():
        pytest.skip("not run: the libraries were not built (no C compiler)")
    result = gate("--plugin", str(library), "--against", str(library), "--pairs", "1")
    assert result.exit_code == 3, result.output
    assert "needs a program" in result.output


def test_a_library_that_cannot_be_opened_is_an_error_with_the_reason(tmp_path: Path) -> None:
    from transportlab.channel import EndpointKind
    from transportlab.registry import load_transport, transport_names

    kinds = {name: load_transport(name).traits.endpoint for name in transport_names()}
    name = next(name for name, kind in kinds.items() if kind is EndpointKind.LIBRARY)
    broken = tmp_path / "cronix-backend-broken.so"
    broken.write_bytes(b"no library")
    with pytest.raises(PluginError, match="could not be opened"):
        Target(str(broken), name).handshake()


def test_a_head_that_does_not_answer_fails(tmp_path: Path, stdio: str) -> None:
    dead = tmp_path / "cronix-backend-dead"
    dead.write_text("#!/bin/sh\nexit 3\n")
    dead.chmod(0o755)
    result = gate("--plugin", str(dead), "--against", ECHO, "--transport", stdio, "--pairs", "1")
    assert result.exit_code == 1, result.output
    assert "FAILED" in result.output
    assert "E-EXITED" in result.output


def test_a_base_that_does_not_answer_is_a_wrong_question(tmp_path: Path, stdio: str) -> None:
    dead = tmp_path / "cronix-backend-dead"
    dead.write_text("#!/bin/sh\nexit 3\n")
    dead.chmod(0o755)
    result = gate("--plugin", ECHO, "--against", str(dead), "--transport", stdio)
    assert result.exit_code == 2, result.output
    result = gate("--plugin", str(dead), "--write-band", str(tmp_path / "band.json"))
    assert result.exit_code == 2, result.output
    assert "nothing to measure" in result.output


def test_a_build_that_breaks_in_the_middle_fails(
    monkeypatch: pytest.MonkeyPatch, stdio: str
) -> None:
    calls = count()
    whole = Target.handshake

    def sometimes(self: Target) -> float:
        if next(calls) > 3:
            raise LabError("E-EXITED: it fell over\nand more")
        return whole(self)

    monkeypatch.setattr(Target, "handshake", sometimes)
    result = run(Job(ECHO, base=ECHO, transports=(stdio,), pairs=20))
    assert result.outcomes[0].verdict is Verdict.FAILED
    assert result.outcomes[0].why == "a handshake failed: E-EXITED: it fell over"


def test_a_band_entry_that_is_missing_fails(tmp_path: Path, stdio: str) -> None:
    path = tmp_path / "band.json"
    band.save(band.make(ECHO, {}), path)
    result = gate("--plugin", ECHO, "--band", str(path), "--transport", stdio)
    assert result.exit_code == 1, result.output
    assert "no entry" in result.output


def test_a_band_of_too_few_pairs_is_not_written(tmp_path: Path, bare: Path, stdio: str) -> None:
    path = tmp_path / "band.json"
    words = ["--plugin", str(bare), "--write-band", str(path), "--transport", stdio]
    result = gate(*words, "--pairs", "2")
    assert result.exit_code == 3, result.output
    assert "too few pairs" in result.output
    assert not path.exists()


def test_a_handshake_far_under_its_band_is_never_slower(
    tmp_path: Path, bare: Path, stdio: str
) -> None:
    path = tmp_path / "band.json"
    entry = band.Entry(1000.0, 900.0, 1100.0, 60)
    made = band.make(str(bare), {})
    band.save(band.Band(1, made.plugin, "2.7", made.machine, {stdio: entry}), path)
    result = gate("--plugin", str(bare), "--band", str(path), "--transport", stdio, "--pairs", "20")
    assert "the band has 2.7" in result.output
    assert "PASS" in result.output or "contaminated" in result.output, result.output


@pytest.mark.parametrize(
    "words",
    [
        ["--plugin", ECHO],
        ["--plugin", ECHO, "--against", ECHO, "--band", "x"],
        ["--plugin", "/none", "--against", ECHO],
        ["--plugin", ECHO, "--against", "/none"],
        ["--plugin", ECHO, "--against", ECHO, "--transport", "pigeon"],
        ["--plugin", ECHO, "--band", "/none"],
        ["--plugin", ECHO, "--against", ECHO, "--pairs", "0"],
    ],
)
def test_wrong_usage_exits_with_2(words: list[str]) -> None:
    result = gate(*words)
    assert result.exit_code == 2, result.output


def test_a_job_without_any_transport_is_wrong_usage(tmp_path: Path) -> None:
    dead = tmp_path / "cronix-backend-dead"
    dead.write_text("#!/bin/sh\nexit 3\n")
    dead.chmod(0o755)
    with pytest.raises(UsageError, match="nothing to gate"):
        run(Job(str(dead), base=str(dead)))


def test_the_self_test_prints_its_rates(bare: Path, stdio: str) -> None:
    words = ["--plugin", str(bare), "--self-test", "1", "--transport", stdio, "--pairs", "2"]
    result = gate(*words)
    assert result.exit_code == 0, result.output  # nothing was failed, and no delay passed
    assert "unchanged: 1 runs: 1 inconclusive" in result.output
    assert "delayed by 20 %: 1 runs: 1 inconclusive" in result.output


def test_rates_are_sound_only_without_a_false_alarm_and_a_missed_delay() -> None:
    fine = Rates(Counter({Verdict.PASS: 3}), Counter({Verdict.REGRESSION: 3}))
    assert fine.sound
    assert shown(fine)[1] == "delayed by 20 %: 3 runs: 3 regression"
    assert not Rates(Counter({Verdict.REGRESSION: 1}), Counter()).sound
    assert not Rates(Counter(), Counter({Verdict.PASS: 1})).sound
