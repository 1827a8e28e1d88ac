"""The campaign of faults: each fault once, and what it rests on."""

import _thread
import os
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

from bench.faults import state, table
from bench.faults.actions import ENV_GROUP
from bench.faults.campaign import Campaign
from bench.faults.catalogue import BRIEF, FAULTS, Fault, Point, control_limit, fault_named
from bench.faults.columns import Artifacts, Column, chosen, columns, not_applicable
from bench.faults.disk import MemoryGroup
from bench.faults.leftovers import ENV_MARK, census, clear, settled
from bench.faults.trial import Job, RunResult, converge, run_fault
from transportlab.registry import load_transport

HANG_GUARD = 20.0
ISOLATED = [c for c in columns() if load_transport(c.transport).traits.isolated and not c.library]
IN_HOST = [c for c in columns() if c.in_host]

CODES = {
    "exit-0-at-start": {"E-EXITED"},
    "exit-3-at-start": {"E-EXITED"},
    "hang-at-start": {"E-HANDSHAKE-TIMEOUT"},
    "noise": {"E-HANDSHAKE-NOISE"},
    "never-reads": {"DEADLINE_EXCEEDED", "E-CONNECT"},
    "panic": {"INTERNAL"},
    "hang": {"DEADLINE_EXCEEDED"},
    "sigstop": {"DEADLINE_EXCEEDED"},
    "panic-in-apply": {"INTERNAL"},
    "hang-in-apply": {"DEADLINE_EXCEEDED"},
    "close-wire": {"E-CALL", "DEADLINE_EXCEEDED"},
    "garbage": {"E-CALL", "DEADLINE_EXCEEDED"},
}
"""The codes of the errors; E-CALL where none is named, and none at the stop."""


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The misbehaving program."""
    folder = tmp_path_factory.mktemp("plugins")
    Artifacts.write_program(folder / "cronix-backend-crontab")
    return folder / "cronix-backend-crontab"


@pytest.fixture(scope="module")
def states(tmp_path_factory: pytest.TempPathFactory) -> state.States:
    """The crontab before and after."""
    return state.States.make(tmp_path_factory.mktemp("states"))


@pytest.fixture
def memory() -> Iterator[MemoryGroup]:
    """A control group of little memory, or none."""
    group = MemoryGroup(f"tl-test-{os.getpid()}")
    yield group
    group.remove()


def met(
    found: Fault, column: Column, plugin: Path, states: state.States, folder: Path
) -> tuple[RunResult, Job]:
    """What a host, this process, has met."""
    job = Job(found.name, column.transport, str(plugin), str(folder), [0], "brief")
    job.crontab.write_bytes(states.old)
    before, seen = census(os.environ[ENV_MARK]), RunResult(0, "brief")
    run_fault(job, found, seen, lambda _: None)
    after = settled(before, os.environ[ENV_MARK])
    seen.left = after.since(before)
    clear(before, after)
    seen.state, seen.done = states.judge(job.crontab.read_bytes())
    return seen, job


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "found"),
    [pytest.param(n, f, id=f.name) for n, f in enumerate(FAULTS) if not f.full],
)
def test_a_host_bears_each_fault(  # noqa: PLR0913, PLR0917  # fixtures
    number: int,
    found: Fault,
    artifacts: Path,
    states: state.States,
    memory: MemoryGroup,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with tempfile.TemporaryDirectory(prefix="f") as folder:
        monkeypatch.setattr(tempfile, "tempdir", folder)
        monkeypatch.setenv("TMPDIR", folder)
        monkeypatch.setenv(ENV_MARK, folder)
        monkeypatch.setenv(ENV_GROUP, memory.path)
        allowed = f"TL_FAULT,{ENV_GROUP},{ENV_MARK},PYTHONPATH,{os.environ['CRONIX_PLUGIN_ENV']}"
        monkeypatch.setenv("CRONIX_PLUGIN_ENV", allowed)
        column = ISOLATED[number % len(ISOLATED)]
        seen, job = met(found, column, artifacts, states, Path(folder))
        at_stop = found.point is Point.STOP
        wanted = CODES.get(found.name, {"E-CALL"})
        if found.name == "memory" and not memory.path:  # a bound of its own: MemoryError
            wanted = {"INTERNAL"}
        assert seen.code in ({""} if at_stop else wanted)
        assert seen.control < control_limit(found, BRIEF) + HANG_GUARD
        assert not table.is_left({"fault": found.name}, asdict(seen))
        if not at_stop:
            assert str(artifacts) in seen.text
        if seen.exit == "signal SIGKILL":
            assert "kernel" in seen.text
        if seen.code == "E-CALL" and not seen.exit:
            assert "the plugin still runs" in seen.text
        if found.point is Point.APPLY:
            assert seen.state == "2 of 3 ops"
            assert table.report_is_true(asdict(seen))
            applied = list(seen.reached["applied"])
            # Of a plugin that has ended, the transport's library may still have held an event.
            assert applied == list(state.OPS[: len(applied) if seen.exit else 2])
            assert converge(job, states)
        else:
            assert seen.state == "old"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "column"),
    [("exit-3", IN_HOST), ("disk-full", ISOLATED[:1])],
    ids=["a library that takes the host along", "a disk that is full"],
)
def test_a_campaign_sees_what_its_hosts_meet(name: str, column: list[Column]) -> None:
    with Campaign() as campaign:
        for one in column:
            reason = campaign.not_run(fault_named(name), one)
            if reason:
                pytest.skip(reason)
            [seen] = campaign.run_cell(fault_named(name), one, [0])
            assert seen.converged
            if one.in_host:
                assert (seen.code, seen.exit) == ("HOST ENDED", "exit status 3")
                assert seen.state == "old"
            else:
                assert seen.code == "RESOURCE_EXHAUSTED"
                assert list(seen.reached["failed"]) == ["to-create"]


def test_what_does_not_apply_to_a_library_says_why() -> None:
    for found in FAULTS:
        for column in columns():
            assert not not_applicable(found, column) or column.library


def test_an_unknown_fault_or_column_is_told() -> None:
    with pytest.raises(KeyError):
        chosen(["fly"], [])
    with pytest.raises(ValueError, match="no column pigeon; there are"):
        chosen([], ["pigeon"])
    assert len(chosen(["hang"], [])) == len(columns())


# ---- the checks


def test_a_child_that_nobody_has_reaped_is_left_behind() -> None:
    before = census("no run")
    with subprocess.Popen(["true"]) as child:
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert census("no run").since(before)["process"] == 1
    assert "process" not in census("no run").since(before)


def test_a_thread_that_a_library_has_started_is_left_behind() -> None:
    before, lock = census("no run"), threading.Lock()
    with lock:
        _thread.start_new_thread(lock.acquire, ())  # threading has no list of it
        assert census("no run").since(before)["thread"] == 1


def test_a_file_is_old_or_new_or_on_the_way(states: state.States) -> None:
    assert states.judge(states.old) == ("old", ())
    assert states.judge(states.new) == ("new", state.OPS)
    before, foreign = state.blocks(states.old)
    after, _ = state.blocks(states.new)
    mixed = foreign + before["to-keep"] + after["to-update"] + before["to-delete"]
    assert states.judge(mixed) == ("1 of 3 ops", ("to-update",))


def test_a_file_in_between_is_broken(states: state.States) -> None:
    lines = states.old.splitlines(keepends=True)
    for at, line in enumerate(lines):
        assert states.judge(b"".join(lines[:at] + lines[at + 1 :]))[0].startswith("BROKEN"), line
    assert states.judge(states.old[:-10])[0].startswith("BROKEN")
    assert states.judge(states.old + b"* * * * * other\n")[0].startswith("BROKEN")
    assert states.judge(states.old * 2)[0].startswith("BROKEN")
