import json
import sys
import textwrap
from collections import Counter
from itertools import count
from pathlib import Path
from sysconfig import get_path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from typer.testing import CliRunner

from transportlab.cli import app
from transportlab.errors import LabError, PluginError, UsageError
from transportlab.evidence.gate import decide as band
from transportlab.evidence.gate.measure import Target
from transportlab.evidence.gate.run import Job, Verdict, run
from transportlab.evidence.gate.selftest import Rates, shown, wrapped

ECHO = str(Path(get_path("scripts"), "cronix-backend-echo").absolute())


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
    from transportlab.registry import transport_names

    return transport_names(EndpointKind.STDIO)[0]


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
    from transportlab.registry import transport_names

    name = transport_names(EndpointKind.LIBRARY)[0]
    broken = tmp_path / "cronix-backend-broken.so"
    broken.write_bytes(b"no library")
    with pytest.raises(PluginError, match="could not be opened"):
        Target(str(broken), name).handshake()


@pytest.mark.parametrize("suffix", ["", ".so"])
def test_a_build_is_given_its_secrets_and_none_is_shown(suffix: str, stdio: str) -> None:
    """A library's come to its fresh host by a pipe, a program's as to any session."""
    if not Path(ECHO + suffix).exists():
        pytest.skip("not run: the libraries were not built (no C compiler)")
    name = "ffi" if suffix else stdio
    config, secrets = {"faults": "OpenSession=refuse:no {token}"}, {"token": "s3cr3t-5eb63"}
    assert Target(ECHO + suffix, name, {}, secrets).handshake() > 0
    with pytest.raises(LabError) as caught:
        Target(ECHO + suffix, name, config, secrets).handshake()
    assert "no [token]" in str(caught.value)
    assert "s3cr3t" not in str(caught.value) + repr(Target(ECHO, name, config, secrets))


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
