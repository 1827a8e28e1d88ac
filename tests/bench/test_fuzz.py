"""A short run of the fuzzing of all that a host reads from a plugin; and that it does find."""

import importlib.util
import sys
from collections.abc import Callable
from dataclasses import replace

import pytest

from bench import fuzz, fuzz_targets


@pytest.mark.slow
def test_nothing_is_found(capsys: pytest.CaptureFixture[str]) -> None:
    assert fuzz.main(["--seconds", "2", "--engine", "hypothesis"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(fuzz.NAMES) == list(fuzz_targets.TARGETS)
    for line in lines:
        assert line.endswith("nothing found")
        assert int(line.split()[2]) > 0


def test_an_input_is_checked_even_when_there_is_no_time() -> None:
    assert fuzz.by_hypothesis("handshake", 0).executions > 0


def test_the_inputs_to_begin_with_keep_the_promises() -> None:
    for target in fuzz_targets.TARGETS.values():
        assert target.seeds
        for seed in target.seeds:
            target.check(seed)  # raises nothing


def fails_on(byte: bytes) -> Callable[[bytes], None]:
    def check(data: bytes) -> None:
        if byte in data:
            raise ValueError("a promise is broken")

    return check


def test_what_is_found_is_shown_with_its_input(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    target = replace(fuzz_targets.TARGETS["log"], check=fails_on(b"{"))
    monkeypatch.setitem(fuzz_targets.TARGETS, "log", target)
    chosen = ["--target", "log", "--engine", "hypothesis"]
    assert fuzz.main(["--seconds", "30", *chosen]) == 1
    told = capsys.readouterr().out
    assert "FOUND" in told
    assert "input: b'{'" in told
    assert "a promise is broken" in told


@pytest.mark.long
@pytest.mark.skipif(
    importlib.util.find_spec("atheris") is None, reason="not run: atheris is not installed"
)
def test_the_other_engine_finds_nothing_either() -> None:
    outcome = fuzz.by_atheris("handshake", 1)
    assert outcome.finding == ""
    assert outcome.executions > 0


def test_an_engine_that_does_not_end_is_told_with_what_it_said() -> None:
    code = "import time; print('at work', flush=True); time.sleep(60)"
    status, said = fuzz._run([sys.executable, "-c", code], 3)
    assert (status, said) == ("no end within 3 s", "at work\n")
    assert fuzz._run([sys.executable, "-c", "exit(3)"], 30) == ("exit status 3", "")
