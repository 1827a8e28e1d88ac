"""Whole runs: the file is valid, in the order of its seed, and can be resumed.

Most of them measure nothing: their samples are made up. The slow ones are real.
"""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from sysconfig import get_path
from typing import Any

import jsonschema
import pytest

from transportlab.data import ROOT, SPEC
from transportlab.errors import UsageError
from transportlab.evidence.record import (
    Affinity,
    Conformance,
    Evidence,
    EvidenceError,
    NotRun,
    load,
    write,
)
from transportlab.evidence.run import runner
from transportlab.evidence.run.placement import available_cpus
from transportlab.evidence.run.plan import transport_arms
from transportlab.evidence.run.process import MeasureError
from transportlab.evidence.run.runner import EvidenceRun, Options
from transportlab.evidence.run.task import Task
from transportlab.evidence.run.worker import Result
from transportlab.evidence.suites import STEADY, SUITES

COMMAND = str(Path(get_path("scripts"), "transportlab"))
SCHEMA = json.loads((SPEC / "evidence.schema.json").read_text())

CODECS = ["codec-json"]
"""The codecs of MINE, which are measured as well."""

FEW = transport_arms()[0][0].id
"""An arm in this process."""


def made_up(task: Task) -> Result:
    """What a measuring process would have said."""
    samples = {suite: [task.arm.one("a case", "total", 0.5)] for suite in task.suites}
    return Result(samples, Affinity((0,), []))


@pytest.fixture
def measuring(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Task], Result]], None]:
    """Has that function stand for the measuring processes."""
    return lambda function: monkeypatch.setattr(runner, "run_task", function)


@pytest.fixture
def out(tmp_path: Path, measuring: Callable[[Callable[[Task], Result]], None]) -> Path:
    """The file of a run whose samples are made up."""
    measuring(made_up)
    return tmp_path / "e.json"


def measured(out: Path, *suites: str, **others: Any) -> Evidence:
    """The file of a smoke run."""
    EvidenceRun(Options("smoke", out, suites=suites, **others)).go()
    return checked(out)


def checked(out: Path) -> Evidence:
    jsonschema.validate(json.loads(out.read_text()), SCHEMA)
    return load(out)


def absent() -> list[str]:
    """The transports that cannot run here, as FFI without a C compiler."""
    return [gap.what for gap in transport_arms()[1]]


def test_every_suite_has_samples_of_every_arm(out: Path) -> None:
    found = measured(out, *SUITES, arms=(FEW, "codec-json"), seed=5)
    assert found.complete
    assert {block.suite for block in found.blocks} == set(found.suites) == set(SUITES)
    for block in found.blocks:
        assert {sample.arm for sample in block.samples} == set(block.order) == set(block.affinity)
    assert [gap.what for gap in found.not_run] == [*absent(), "carriage beyond 65536 bytes"]


def test_every_block_has_a_control_and_a_copy_of_one_of_its_arms(out: Path) -> None:
    found = measured(out, "unary", "codec", arms=(FEW, "codec-json"))
    roles = {arm.id: arm.role for arm in found.arms}
    assert found.blocks
    for block in found.blocks:
        assert [roles[name] for name in block.order].count("control") == 1
        (copy,) = (arm for arm in found.arms if arm.id in block.order and arm.role == "aa")
        assert copy.original in block.order


def test_the_file_tells_neither_user_nor_host_nor_places(out: Path) -> None:
    measured(out, "codec", arms=("codec-json",))
    text = out.read_text()
    for secret in (str(ROOT), str(Path.home()), os.uname().nodename, sys.prefix, "/tmp"):
        assert not re.search(rf"(?<![\w-]){re.escape(secret)}(?![\w-])", text), secret


def test_a_seed_gives_the_order(out: Path) -> None:
    def order(seed: int) -> list[Any]:
        return list(EvidenceRun(Options("quick", out, seed, ("unary",), arms=(FEW,))).plan)

    assert order(4) == order(4)
    assert order(4) != order(5)


def test_a_file_that_is_there_is_replaced_only_on_demand(out: Path) -> None:
    options = Options("smoke", out, suites=("unary",), arms=(FEW,))
    EvidenceRun(options).go()
    before = out.read_bytes()
    with pytest.raises(UsageError, match=r"e\.json is there already; --resume .* --force"):
        EvidenceRun(options).go()
    assert out.read_bytes() == before
    measured(out, "unary", arms=(FEW,), force=True)
    assert out.read_bytes() != before


def test_an_interrupted_run_leaves_a_valid_file_and_is_resumed(
    out: Path, measuring: Callable[[Callable[[Task], Result]], None]
) -> None:
    tasks: list[Task] = []

    def interrupted(task: Task) -> Result:
        tasks.append(task)
        if len(tasks) > 3:
            raise KeyboardInterrupt
        return made_up(task)

    measuring(interrupted)
    options = Options("smoke", out, 3, ("session", "unary"), arms=(FEW,))
    with pytest.raises(KeyboardInterrupt):
        EvidenceRun(options).go()
    before = checked(out)
    assert not before.complete
    assert len(before.blocks) == 1
    measuring(made_up)
    after = measured(out, "session", "unary", resume=True, arms=(FEW,))
    assert after.complete
    assert after.seed == 3
    assert after.blocks[0] == before.blocks[0]
    planned = [list(block.order) for block in EvidenceRun(options).plan]
    assert [block.order for block in after.blocks] == planned


def test_a_run_is_not_resumed_with_other_suites(out: Path) -> None:
    write(out, EvidenceRun(Options("smoke", out, suites=("unary",), arms=(FEW,))).evidence)
    with pytest.raises(EvidenceError, match="suites: "):
        EvidenceRun(Options("smoke", out, suites=("codec",), resume=True))


def test_an_arm_that_fails_is_told_and_the_others_are_measured(
    out: Path, measuring: Callable[[Callable[[Task], Result]], None]
) -> None:
    def failing(task: Task) -> Result:
        if task.arm.role == "aa":
            raise MeasureError("exit status 1: it fell over")
        return made_up(task)

    measuring(failing)
    found = measured(out, "session", arms=(FEW,))
    (block,) = found.blocks
    assert {sample.arm for sample in block.samples} == {FEW, "control"}
    assert found.not_run == [
        NotRun(f"session/{FEW}#2 in a block", "exit status 1: it fell over"),
    ]


def test_an_arm_that_fails_in_every_block_is_the_end_of_a_run(tmp_path: Path) -> None:
    out = tmp_path / "e.json"
    arm = "name=mine,plugin=/bin/true,transport=jsonrpc"
    options = ["--profile", "smoke", "--suite", "session", "--arm", arm, "--out", str(out)]
    command = [COMMAND, "evidence", *options]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 1
    told = [line for line in done.stderr.splitlines() if "failed in every block" in line]
    for line, name in zip(told, ("", "#2"), strict=True):
        assert f"session/python/mine/jsonrpc-json{name} failed in every block: exit" in line
        assert "E-EXITED: " in line
        assert "ended with exit status 0; run it by hand" in line
    assert {sample.arm for sample in checked(out).blocks[0].samples} == {"control"}


def test_with_one_cpu_split_is_not_run_and_says_why(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "available_cpus", lambda: available_cpus()[:1])
    run = EvidenceRun(Options("quick", out, arms=(FEW,)))
    assert not [block for block in run.plan if block.placement == "split"]
    assert NotRun("placement split", "only one CPU is available") in run.evidence.not_run


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"profile": "huge"}, "unknown profile huge; there are smoke, quick, full"),
        ({"suites": ("hash",)}, "unknown suite hash; there are handshake"),
        ({"arms": ("nobody",)}, "--arm nobody: nobody is neither an arm nor NAME=VALUE"),
    ],
)
def test_unknown_names_are_refused(out: Path, options: dict[str, Any], problem: str) -> None:
    everything: dict[str, Any] = {"profile": "smoke", "out": out} | options
    with pytest.raises(UsageError, match=problem):
        EvidenceRun(Options(**everything))


def test_conformance_is_a_part_of_a_run_of_all_suites(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = Conformance(1, [])
    chosen: list[str] = []

    def conformance(arms: list[Any]) -> Conformance:
        chosen.extend(arm.id for arm in arms)
        return told

    monkeypatch.setattr(runner, "conformance", conformance)
    arms = transport_arms()[0]
    found = measured(out, arms=tuple(arm.id for arm in arms))
    assert found.conformance == told
    assert chosen == [arm.id for arm in arms if arm.usual]
    assert {gap.what for gap in found.not_run} == {
        *(f"conformance {arm.id}" for arm in arms if not arm.usual),
        "carriage beyond 65536 bytes",
    }


MINE = "name=mine,plugin=plugins/stdlib/cronix-backend-stdlib,transport=jsonrpc"


def test_anybodys_plugin_is_measured_alone_and_the_file_tells_no_place(out: Path) -> None:
    found = measured(out, arms=(MINE,))
    assert [arm.id for arm in found.measured] == ["python/mine/jsonrpc-json", *CODECS]
    assert found.facts["programs"].keys() == {"plugin mine"}
    told = {gap.what: gap.why for gap in found.not_run}
    assert told["stream of python/mine"] == "the plugin does not offer faults"
    assert told["conformance"].startswith("no arm is the lab's own; ")
    assert str(ROOT) not in out.read_text()
    suites = {block.suite for block in found.blocks if "python/mine/jsonrpc-json" in block.order}
    assert {"handshake", "session", "unary", "concurrency"} <= suites


@pytest.mark.slow
def test_a_real_run_measures_every_suite(tmp_path: Path) -> None:
    arms = (FEW, transport_arms()[0][-1].id)
    suites = ("handshake", "session", "codec", *STEADY)
    found = measured(tmp_path / "e.json", *suites, arms=(*arms, "codec-json"), seed=5)
    assert [gap.what for gap in found.not_run] == [*absent(), "carriage beyond 65536 bytes"]
    for block in found.blocks:
        assert {sample.arm for sample in block.samples} == set(block.order)
    block = next(block for block in found.blocks if block.suite == "handshake")
    cases = {(sample.arm, sample.case) for sample in block.samples}
    assert {(arms[1], "imports"), (arms[1], "next-start"), ("control", "bare-spawn")} <= cases


@pytest.mark.slow
@pytest.mark.usefixtures("heeded_signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_says_how_to_resume_after_an_interrupt(
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
    assert not found.complete
    assert len(found.blocks) == 1


def test_the_process_that_starts_the_plugins_loads_no_library_of_theirs(tmp_path: Path) -> None:
    """A plugin would share it, and its unique memory would be too small."""
    code = """
import sys
from pathlib import Path
from transportlab.evidence.run.runner import EvidenceRun, Options
arm = "name=one,plugin=echo,transport=grpc"
run = EvidenceRun(Options("quick", Path(sys.argv[1]), suites=("handshake", "codec"), arms=(arm,)))
run.measure(run.plan[0])
loaded = ("grpc", "google.protobuf", "httpx", "cffi", "jsonrpcserver")
print(*(name for name in loaded if name in sys.modules))
"""
    command = [sys.executable, "-c", code, str(tmp_path / "none.json")]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "\n"
