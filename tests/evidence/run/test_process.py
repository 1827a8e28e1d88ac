"""Measuring processes: those that fail, hang, are interrupted, or run elsewhere."""

import json
import os
import signal
import threading
from pathlib import Path

import pytest

from transportlab.evidence.arms import Host
from transportlab.evidence.record import Arm
from transportlab.evidence.run.placement import Placement, available_cpus
from transportlab.evidence.run.plan import CONTROL_ARM, transport_arms
from transportlab.evidence.run.process import MeasureError, run_task
from transportlab.evidence.run.task import Task
from transportlab.evidence.run.timing import Effort
from transportlab.evidence.run.worker import Result
from transportlab.registry import load_transport

HERE = Placement("unpinned", None, None)
SHORT = Effort(0.001, 2, 5, 1024)


def test_the_samples_are_those_of_the_arm_by_suite() -> None:
    result = run_task(Task(("unary", "stream"), CONTROL_ARM, HERE, SHORT))
    assert list(result.samples) == ["unary", "stream"]
    assert {sample.arm for found in result.samples.values() for sample in found} == {"control"}


def test_a_measuring_process_that_fails_is_told_without_places() -> None:
    task = Task(("unary",), Arm("x", "nosuch", "json", "arm"), HERE, SHORT)
    with pytest.raises(MeasureError, match=r'exit status 1: .*unknown transport "nosuch"'):
        run_task(task)


def test_a_measuring_process_that_hangs_is_ended() -> None:
    task = Task(("unary",), CONTROL_ARM, HERE, SHORT)
    with pytest.raises(MeasureError, match=r"no result within 0\.01 s"):
        run_task(task, timeout=0.01)


@pytest.mark.usefixtures("heeded_signals")
def test_an_interrupted_measuring_process_stops_its_plugin_and_ends() -> None:
    (arm, *_) = (a for a in transport_arms()[0] if load_transport(a.transport).traits.isolated)
    task = Task(("unary",), arm, HERE, Effort(30.0, 2, 10**6))
    timer = threading.Timer(1.5, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        run_task(task)
    timer.join()


def test_a_process_that_did_not_run_where_it_should_is_no_sample(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cpu = available_cpus()[0]
    elsewhere = Placement("same", (cpu + 1000,), None)
    monkeypatch.setattr(Placement, "pin_host", lambda *_: None)
    with pytest.raises(MeasureError, match="ran on CPUs"):
        run_task(Task(("unary",), CONTROL_ARM, elsewhere, SHORT))


def test_a_host_that_does_not_tell_where_its_plugin_ran_is_no_sample(tmp_path: Path) -> None:
    cpus = available_cpus()
    place = Placement("split", cpus[:1], cpus[-1:])
    line = {"opened": 1, "first-read": 1, "ready": 1, "exit": 1, "total": 1, "calls": [1.0]}
    program = tmp_path / "host"

    def measured(line: dict[str, object]) -> Result:
        program.write_text(f"#!/bin/sh\necho '{json.dumps(line)}'\n")
        program.chmod(0o755)
        host = Host(id="h", title="H", role="candidate", program=str(program))
        arm = Arm("h/sdk/jsonrpc-json", "jsonrpc", "json", "arm", "h")
        return run_task(Task(("unary",), arm, place, SHORT, host))

    with pytest.raises(MeasureError, match="nothing tells on which CPUs the plugin ran"):
        measured(line)
    with pytest.raises(MeasureError, match=r"ran on CPUs \[\(1000,\)\]"):
        measured({**line, "plugin-cpus": [1000]})
    assert measured({**line, "plugin-cpus": list(cpus[-1:])}).affinity.plugin == [cpus[-1:]]
