"""The measuring functions themselves: they do the work that they time, and notice if it is not."""

import os
import signal
import threading
import time

import pytest

from transportlab import model
from transportlab.context import Context
from transportlab.evidence.run import control
from transportlab.evidence.run import subprocess as processes
from transportlab.evidence.run.conformance import conformance
from transportlab.evidence.run.placement import UNPINNED, Placement
from transportlab.evidence.run.plan import CONTROL_ARM, Arm, transport_arms
from transportlab.evidence.run.session import Run
from transportlab.evidence.run.subprocess import MeasureError, run_job
from transportlab.evidence.run.timing import Effort
from transportlab.evidence.run.worker import Job
from transportlab.evidence.run.workload import SIZES, app, fill, jobs, messages
from transportlab.evidence.suites import (
    SUITES,
    carriage,
    codec,
    concurrency,
    handshake,
    load_suite,
    session,
    stream,
    unary,
)
from transportlab.registry import load_transport

HERE = Placement(UNPINNED, None, None)
SHORT = Effort(0.001, 2, 5, 1024)


def run_of(transport: str, codec: str) -> Run:
    found = {(arm.transport, arm.codec): arm for arm in transport_arms()[0]}
    arm = found.get((transport, codec))
    if arm is None:
        pytest.skip("not run: the libraries were not built (no C compiler)")
    return Run(arm, HERE, SHORT, spawned=time.monotonic())


def test_every_suite_says_what_it_asks() -> None:
    for name in SUITES:
        assert load_suite(name).QUESTION.endswith("?")
        assert load_suite(name).UNIT in {"s", "1/s"}


def test_steady_suites_measure_on_one_plugin(transport: str, codec: str) -> None:
    run = run_of(transport, codec)
    with run.open("echo", {"faults": "requests"}) as opened:
        found = [unary.measure(run, opened), stream.measure(run, opened)]
        found += [concurrency.measure(run, opened), carriage.measure(run, opened)]
    for samples in found:
        assert samples
        for sample in samples:
            assert sample.values == sorted(sample.values)
            assert sample.n >= 1
    keys = [(sample.case, sample.metric) for samples in found for sample in samples]
    assert len(set(keys)) == len(keys)
    sizes = {case for case, _ in keys if case.startswith("Read/")}
    assert sizes == {f"Read/{size}" for size in SIZES}
    floors = {case for case, _ in keys if case.startswith("floor/")}
    assert bool(floors) == (carriage.floor_of(run.arm) is not None)


def test_a_life_has_the_phases_that_its_transport_has(transport: str, codec: str) -> None:
    run = run_of(transport, codec)
    metrics = {sample.metric for sample in handshake.measure(run)}
    assert {"connected", "opened", "first-read", "ready", "exit", "total"} <= metrics
    plugin = {"spawn", "line", "cpu-plugin", "rss-plugin"}
    assert metrics & plugin == (plugin if run.affinity else set())


def test_a_session_leaves_the_jobs_and_the_foreign_lines(transport: str, codec: str) -> None:
    found = {
        sample.metric: sample.values[0] for sample in session.measure(run_of(transport, codec))
    }
    phases = ("start", "manifest", "opened", "plan", "apply", "exit")
    assert found["total"] == pytest.approx(sum(found[phase] for phase in phases), rel=0.01)


def test_a_session_that_did_not_do_its_work_is_no_sample() -> None:
    for content, counts in [
        (b"", model.Counts(created=12)),
        (session.FOREIGN, model.Counts(created=11)),
        (session.FOREIGN, None),
    ]:
        with pytest.raises(RuntimeError, match="did not do its work"):
            session._check(content, counts, 12)


def test_a_program_that_fails_is_no_start() -> None:
    with pytest.raises(RuntimeError, match="exit status 3"):
        handshake.spawn(["/bin/sh", "-c", "exit 3"], HERE)


def test_the_backend_holds_what_the_calls_ask_for() -> None:
    run = run_of("direct", "none")
    with run.open("echo", {"faults": "requests"}) as opened:
        backend = opened.session.backend
        fill(backend, 100)
        fill(backend, 100)
        assert len(backend.read(model.ReadRequest(app(100)), Context()).entries) == 100
        plan = backend.plan(model.PlanRequest(app(100), jobs(100)), Context())
        assert {op.kind for op in plan.ops} == {model.OpKind.SKIP}


def test_messages_are_of_every_type_of_the_operations(capfd: pytest.CaptureFixture[str]) -> None:
    kinds = {type(message).__name__ for message in messages(10)}
    rpcs = ("OpenSession", "Read", "Plan", "Drift", "Prune", "Adopt", "VerifyOwnership")
    assert {f"{rpc}{end}" for rpc in rpcs for end in ("Request", "Reply")} <= kinds
    assert {"ApplyRequest", "ApplyEvent"} <= kinds
    assert capfd.readouterr().err == ""


def test_codecs_are_measured_by_message_and_direction() -> None:
    run = Run(Arm("codec-json", "", "json"), HERE, SHORT)
    found = {(sample.case, sample.metric) for sample in codec.measure(run)}
    assert {("PlanRequest/256", "encode"), ("PlanRequest/256", "decode")} <= found
    assert codec.sizes("json")["PlanRequest/256"] > codec.sizes("protobuf")["PlanRequest/256"]


def test_more_calls_in_flight_are_really_at_once() -> None:
    together = threading.Barrier(4, timeout=60)
    calls = iter(range(1))

    def call() -> None:
        if next(calls, None) is None:  # the first one is the warm-up, and alone
            together.wait()

    taken, whole = concurrency.closed_loop(call, 4, 0.0)
    assert len(taken) == 4
    assert whole > 0


def test_an_open_loop_counts_from_the_moment_a_call_was_due(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(concurrency, "OPEN_THREADS", 1)
    taken = concurrency.open_loop(lambda: time.sleep(0.02), 5, 1000)
    # One thread, calls of 20 ms due every millisecond: the last has waited for all before it.
    assert sorted(taken) == taken
    assert taken[-1] >= 0.09


def test_what_fails_in_a_thread_is_raised() -> None:
    def fails() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        concurrency.open_loop(fails, 3, 1000)


def test_an_echo_that_loses_bytes_is_noticed() -> None:
    with pytest.raises(RuntimeError, match="something else"):
        carriage.floor_call(lambda payload: payload[1:], 10)()
    run = run_of("direct", "none")
    with (
        run.open("echo", {"faults": "Read=size:3"}) as opened,
        pytest.raises(RuntimeError, match="something else"),
    ):
        carriage.echo_call(opened, 10)()


def test_a_stream_that_ends_early_is_noticed() -> None:
    run = run_of("direct", "none")
    with (
        run.open("echo", {"faults": "Apply=events:2"}) as opened,
        pytest.raises(RuntimeError, match="2 events after the first, not 5"),
    ):
        stream.stream(opened, 5)


def test_a_large_payload_takes_one_call() -> None:
    assert carriage.effort_for(carriage.LARGE, SHORT).least == 1
    assert carriage.effort_for(64, SHORT) == SHORT


def test_the_control_starts_a_bare_interpreter_beside_suites_that_start_processes() -> None:
    run = Run(CONTROL_ARM, HERE, SHORT)
    assert {sample.case for sample in control.measure(run, "unary")} == {"echo/64"}
    assert {s.case for s in control.measure(run, "session")} == {"echo/64", "bare-spawn"}


def test_a_measuring_process_that_fails_is_told_without_places() -> None:
    job = Job(("unary",), Arm("x", "nosuch", "json"), HERE, SHORT, (), 0.0)
    with pytest.raises(MeasureError, match=r'exit status 1: .*unknown transport "nosuch"'):
        run_job(job)


def test_a_measuring_process_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "TIMEOUT", 0.01)
    job = Job(("unary",), CONTROL_ARM, HERE, SHORT, (), 0.0)
    with pytest.raises(MeasureError, match=r"no result within 0\.01 s"):
        run_job(job)


@pytest.mark.usefixtures("heeded_signals")
def test_an_interrupted_measuring_process_stops_its_plugin_and_ends() -> None:
    (arm, *_) = (a for a in transport_arms()[0] if load_transport(a.transport).traits.isolated)
    job = Job(("unary",), arm, HERE, Effort(30.0, 2, 10**6), (), 0.0)
    timer = threading.Timer(1.5, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        run_job(job)
    timer.join()


def test_a_process_that_did_not_run_where_it_should_is_no_sample() -> None:
    job = Job(("unary",), CONTROL_ARM, HERE, SHORT, (), 0.0)
    result = run_job(job)
    elsewhere = Placement("same", (max(result.host) + 1,), None)
    pinned = Job(("unary",), CONTROL_ARM, elsewhere, SHORT, (), 0.0)
    with pytest.raises(MeasureError, match="ran on CPUs"):
        processes._checked(pinned, result)


def test_the_conformance_of_arms_is_as_the_file_wants_it() -> None:
    from transportlab.conformance.vectors import load_vectors

    vectors = [v for v in load_vectors() if v.id.startswith("read")][:2]
    found = conformance([a for a in transport_arms()[0] if a.usual], vectors)
    assert found["vectors"] == len(vectors)
    assert {result["transport"] for result in found["results"]} == {
        arm.transport for arm in transport_arms()[0]
    }
    assert all(not result["failures"] for result in found["results"])
