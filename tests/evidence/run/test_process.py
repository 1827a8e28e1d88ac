"""Measuring processes: those that fail, hang, are interrupted, or run elsewhere."""

import os
import signal
import threading

import pytest

from transportlab.evidence.record import Arm
from transportlab.evidence.run.placement import Placement, available_cpus
from transportlab.evidence.run.plan import CONTROL_ARM, transport_arms
from transportlab.evidence.run.process import MeasureError, run_task
from transportlab.evidence.run.task import Task
from transportlab.evidence.run.timing import Effort
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
