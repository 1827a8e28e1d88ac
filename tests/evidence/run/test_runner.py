"""Whole runs, short ones: the file is valid, in the order of its seed, and can be gone on with."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from sysconfig import get_path
from typing import Any

import jsonschema
import pytest

from transportlab.errors import UsageError
from transportlab.evidence.record import Conformance, EvidenceError, NotRun, load, write
from transportlab.evidence.run import runner
from transportlab.evidence.run.placement import available_cpus
from transportlab.evidence.run.plan import transport_arms
from transportlab.evidence.run.process import MeasureError, run_task
from transportlab.evidence.run.runner import EvidenceRun, Options
from transportlab.evidence.suites import STEADY

ROOT = Path(__file__).resolve().parents[3]
COMMAND = str(Path(get_path("scripts"), "transportlab"))
SCHEMA = json.loads((ROOT / "spec" / "evidence.schema.json").read_text())


def measured(out: Path, *suites: str, **others: Any) -> dict[str, Any]:
    """The file of a smoke run with a few arms."""
    EvidenceRun(Options("smoke", out, suites=suites, **others)).go()
    return checked(out)


def checked(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(out.read_text())
    jsonschema.validate(found, SCHEMA)
    load(out)
    return found


def few_arms() -> tuple[str, ...]:
    """One arm in this process and one with a plugin of its own."""
    ids = [arm.id for arm in transport_arms()[0]]
    return (ids[0], ids[-1])


def absent() -> list[str]:
    """The transports that cannot run here, as FFI without a C compiler."""
    return [name for name, _ in transport_arms()[1]]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Every suite once."""
    suites = ("handshake", "session", "codec", *STEADY)
    only = (*few_arms(), "codec-json")
    return measured(tmp_path_factory.mktemp("whole") / "e.json", *suites, only=only, seed=5)


def test_every_suite_has_samples_of_every_arm(whole: dict[str, Any]) -> None:
    assert whole["complete"]
    assert {block["suite"] for block in whole["blocks"]} == set(whole["suites"])
    for block in whole["blocks"]:
        assert {sample["arm"] for sample in block["samples"]} == set(block["order"])
    left_out = [entry["what"] for entry in whole["not_run"]]
    assert left_out == [*absent(), "carriage beyond 65536 bytes"]


def test_every_block_has_a_control_and_a_copy_of_one_of_its_arms(whole: dict[str, Any]) -> None:
    roles = {arm["id"]: arm["role"] for arm in whole["arms"]}
    for block in whole["blocks"]:
        assert [roles[name] for name in block["order"]].count("control") == 1
        (copy,) = (name for name in block["order"] if roles[name] == "aa")
        assert copy.partition("#")[0] in block["order"]


def test_the_schema_refuses_what_is_no_evidence(whole: dict[str, Any]) -> None:
    for path, value in [
        (("blocks", 0, "samples", 0, "values"), [1.0, 2.0]),
        (("blocks", 0, "suite"), "other"),
        (("complete",), "yes"),
        (("facts", "source_sha256"), "none"),
    ]:
        broken: Any = json.loads(json.dumps(whole))
        inner = broken
        for step in path[:-1]:
            inner = inner[step]
        inner[path[-1]] = value
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(broken, SCHEMA)


def test_the_file_tells_neither_user_nor_host_nor_places(whole: dict[str, Any]) -> None:
    text = json.dumps(whole)
    for secret in (str(ROOT), str(Path.home()), os.uname().nodename, sys.prefix, "/tmp"):
        assert not re.search(rf"(?<![\w-]){re.escape(secret)}(?![\w-])", text), secret


def test_phases_of_a_handshake_are_told_apart(whole: dict[str, Any]) -> None:
    block = next(block for block in whole["blocks"] if block["suite"] == "handshake")
    arm = few_arms()[1]
    found = {
        s["metric"]: s["values"][0]
        for s in block["samples"]
        if s["arm"] == arm and s["case"] == "cold-start"
    }
    phases = ["spawn", "line", "connected", "opened", "first-read"]
    assert found["ready"] == pytest.approx(sum(found[phase] for phase in phases), rel=0.01)
    assert found["total"] == pytest.approx(found["ready"] + found["exit"], rel=0.01)
    assert {"cpu-host", "cpu-plugin", "rss-host", "rss-plugin"} <= found.keys()
    cases = {(s["arm"], s["case"]) for s in block["samples"]}
    assert {(arm, "imports"), (arm, "next-start"), ("control", "bare-spawn")} <= cases


def test_a_seed_gives_the_order(tmp_path: Path) -> None:
    def order(seed: int) -> list[Any]:
        options = Options("quick", tmp_path / "e.json", seed, only=few_arms())
        return list(EvidenceRun(options).plan)

    assert order(4) == order(4)
    assert order(4) != order(5)


def test_an_interrupted_run_leaves_a_valid_file_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, calls = tmp_path / "e.json", []
    real = run_task

    def interrupted(task: Any) -> Any:
        calls.append(task)
        if len(calls) > 3:
            raise KeyboardInterrupt
        return real(task)

    arms = {"only": few_arms()[:1]}
    monkeypatch.setattr(runner, "run_task", interrupted)
    options = Options("smoke", out, 3, ("session", "unary"), only=few_arms()[:1])
    with pytest.raises(KeyboardInterrupt):
        EvidenceRun(options).go()
    before = checked(out)
    assert not before["complete"]
    assert len(before["blocks"]) == 1
    monkeypatch.setattr(runner, "run_task", real)
    after = measured(out, "session", "unary", resume=True, **arms)
    assert after["complete"]
    assert after["seed"] == 3
    assert after["blocks"][0] == before["blocks"][0]
    planned = [block.order for block in EvidenceRun(options).plan]
    assert [tuple(block["order"]) for block in after["blocks"]] == planned


def test_a_run_does_not_go_on_with_other_suites(tmp_path: Path) -> None:
    out = tmp_path / "e.json"
    run = EvidenceRun(Options("smoke", out, suites=("unary",), only=few_arms()[:1]))
    write(out, run.evidence)
    with pytest.raises(EvidenceError, match="suites: "):
        EvidenceRun(Options("smoke", out, suites=("codec",), resume=True))


def test_an_arm_that_fails_is_told_and_the_others_are_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = run_task

    def failing(task: Any) -> Any:
        if task.arm.role == "aa":
            raise MeasureError("exit status 1: it fell over")
        return real(task)

    monkeypatch.setattr(runner, "run_task", failing)
    found = measured(tmp_path / "e.json", "session", only=few_arms()[:1])
    (block,) = found["blocks"]
    assert {sample["arm"] for sample in block["samples"]} == {few_arms()[0], "control"}
    missing = [{"what": name, "why": why} for name, why in transport_arms()[1]]
    assert found["not_run"] == [
        *missing,
        {"what": f"session/{few_arms()[0]}#2 in a block", "why": "exit status 1: it fell over"},
    ]


def test_with_one_cpu_split_is_not_run_and_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "available_cpus", lambda: available_cpus()[:1])
    run = EvidenceRun(Options("quick", tmp_path / "e.json", only=few_arms()))
    assert not [block for block in run.plan if block.placement == "split"]
    assert NotRun("placement split", "only one CPU is available") in run.evidence.not_run


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"profile": "huge"}, "unknown profile huge; there are smoke, quick, full"),
        ({"suites": ("hash",)}, "unknown suite hash; there are handshake"),
        ({"only": ("nobody",)}, "nothing is left to measure"),
    ],
)
def test_unknown_names_are_refused(tmp_path: Path, options: dict[str, Any], problem: str) -> None:
    everything: dict[str, Any] = {"profile": "smoke", "out": tmp_path / "e.json"} | options
    with pytest.raises(UsageError, match=problem):
        EvidenceRun(Options(**everything))


def test_conformance_is_a_part_of_a_run_of_all_suites(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = Conformance(1, [])
    chosen: list[str] = []

    def conformance(arms: list[Any]) -> Conformance:
        chosen.extend(arm.id for arm in arms)
        return told

    monkeypatch.setattr(runner, "conformance", conformance)
    run = EvidenceRun(Options("smoke", tmp_path / "e.json", only=few_arms()[:1]))
    run.plan.clear()  # nothing but the matrix
    run.go()
    found = checked(tmp_path / "e.json")
    assert found["conformance"] == {"vectors": 1, "results": []}
    usual = {arm.id for arm in transport_arms()[0] if arm.usual}
    assert set(chosen) == usual
    left_out = {entry["what"] for entry in found["not_run"]}
    unusual = {f"conformance {a.id}" for a in transport_arms()[0] if a.id not in usual}
    unusual |= {f"conformance {name}" for name in absent()}
    assert left_out == {*absent(), *unusual, "carriage beyond 65536 bytes"}


@pytest.mark.usefixtures("heeded_signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_says_how_to_go_on_after_an_interrupt(
    tmp_path: Path, number: signal.Signals
) -> None:
    out = tmp_path / "e.json"
    command = [COMMAND, "evidence", "--profile", "full"]
    command += ["--suite", "codec", "--out", str(out)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        lines = []
        for line in process.stderr:
            lines.append(line)
            if line.startswith("2/"):
                break
        process.send_signal(number)
        rest = process.stderr.read()
    assert process.returncode == 128 + number
    assert f"transportlab evidence --profile full --out {out} --resume --suite codec" in rest
    assert re.search(r"about \d+ (s|min)", lines[-1])
    found = checked(out)
    assert not found["complete"]
    assert len(found["blocks"]) == 1


def test_the_command_refuses_what_does_not_exist(tmp_path: Path) -> None:
    command = [COMMAND, "evidence", "--profile", "huge"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 2
    assert "unknown profile huge" in done.stderr
    missing = [*command[:-1], "smoke", "--resume", "--out", str(tmp_path / "none.json")]
    done = subprocess.run(missing, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "none.json: cannot be read" in done.stderr
