"""The end of a plugin: by itself, by its host, and without one."""

import contextlib
import errno
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from transportlab import model
from transportlab.channel import EndpointKind
from transportlab.context import Context
from transportlab.errors import LabError, PluginError, RpcError
from transportlab.host import HostOptions, HostSession, open_backend
from transportlab.host.pipes import Watch
from transportlab.host.process import PluginProcess
from transportlab.host.spawn import spawn
from transportlab.registry import transport_names

HANG_GUARD = 30.0
PROCESS = transport_names(EndpointKind.SOCKET, EndpointKind.STDIO)

HEIR = """#!{python}
import os, time
from dataclasses import replace
from transportlab.backends.echo import PLUGIN
from transportlab.sdk import run

class Heir:
    def __init__(self, inner):
        self.inner = inner
    def __getattr__(self, name):
        return getattr(self.inner, name)
    def read(self, request, context):
        here, there = os.pipe()
        if os.fork() == 0:
            if request.app == "away":
                os.setsid()
            os.write(2, b"%d\\n" % os.getpid())
            os.write(there, b".")
            time.sleep(600)
        os.read(here, 1)
        if request.app != "stay":
            os._exit(3)
        return self.inner.read(request, context)

create = PLUGIN.create
run(replace(PLUGIN, create=lambda config: Heir(create(config))))
"""


@pytest.fixture
def heir(tmp_path: Path) -> str:
    """A plugin whose Read leaves a child with all of its descriptors; then it ends, or stays."""
    path = tmp_path / "cronix-backend-heir"
    path.write_text(HEIR.format(python=sys.executable))
    path.chmod(0o755)
    return str(path)


def opened(backend: str, transport: str) -> HostSession:
    options = HostOptions(config={"faults": "requests"}, close=0.2, stop=2.0)
    return open_backend(backend, transport, options)


def gone(pid: int) -> bool:
    """Whether a process ends in time; one that is not ours is reaped by somebody else."""
    end = time.monotonic() + HANG_GUARD
    while time.monotonic() < end:
        try:
            status = Path(f"/proc/{pid}/stat").read_text()
        except OSError:
            return True
        if status.rpartition(")")[2].split()[0] == "Z":
            return True
        time.sleep(0.01)
    return False


@pytest.mark.parametrize("transport", PROCESS)
def test_a_plugin_ends_with_its_stdin_although_a_call_does_not(transport: str) -> None:
    with opened("echo", transport) as session:
        with pytest.raises(RpcError):
            session.backend.read(model.ReadRequest("!block:60"), Context(timeout=0.1))
        plugin = session.process
        assert plugin is not None
        plugin.stdin.close()
        assert plugin.wait(HANG_GUARD)
    assert plugin.exit == "exit status 0"


@pytest.mark.parametrize("app", ["", "away"])
def test_a_call_without_a_deadline_ends_with_the_plugin_whoever_holds_its_wire(
    heir: str, app: str
) -> None:
    # The pipes of stdio are what a child inherits most easily.
    stdio = transport_names(EndpointKind.STDIO)[0]
    with opened(heir, stdio) as session:
        begin = time.monotonic()
        with pytest.raises(PluginError) as caught:
            session.backend.read(model.ReadRequest(app), Context())
        with pytest.raises(PluginError, match="E-CALL"):
            session.backend.read(model.ReadRequest("stay"), Context())
    assert time.monotonic() - begin < HANG_GUARD
    assert caught.value.exit == "exit status 3"
    child = int(caught.value.stderr[-1])
    if app:
        os.kill(child, signal.SIGKILL)
    assert gone(child)


def test_after_the_hosts_death_a_plugin_takes_its_group_along(heir: str) -> None:
    code = f"""
import sys, time
from transportlab import model
from transportlab.context import Context
from transportlab.host import HostOptions, open_backend
def tell(record):
    if record.message.isdigit():
        print(record.message, flush=True)
session = open_backend({heir!r}, {PROCESS[-1]!r}, HostOptions(on_log=tell))
print(session.process.pid, flush=True)
session.backend.read(model.ReadRequest("stay"), Context())
time.sleep(600)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as host:
        assert host.stdout is not None
        plugin, child = int(host.stdout.readline()), int(host.stdout.readline())
        host.kill()
    assert gone(plugin)
    assert gone(child)


def test_a_watch_that_is_stopped_tells_nothing() -> None:
    told: list[str] = []
    with subprocess.Popen(["sleep", "60"]) as child:
        pidfd = os.pidfd_open(child.pid)
        watch = Watch(pidfd, lambda: told.append("ended"), lambda: told.append("lost"), 0.0)
        assert watch.stop()
        assert watch.stop()
        child.kill()
    os.close(pidfd)
    assert told == []


def test_a_watch_tells_the_end_and_then_that_nobody_came() -> None:
    told: list[str] = []
    with subprocess.Popen(["true"]) as child:
        pidfd = os.pidfd_open(child.pid)
        watch = Watch(pidfd, lambda: told.append("ended"), lambda: told.append("lost"), 0.01)
        end = time.monotonic() + HANG_GUARD
        while len(told) < 2 and time.monotonic() < end:
            time.sleep(0.005)
        assert watch.stop()
    os.close(pidfd)
    assert told == ["ended", "lost"]


@pytest.mark.parametrize("what", ["pidfd_open", "pipe", "eventfd"])
def test_a_host_without_descriptors_to_spare_leaves_no_plugin_running(
    what: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refused(*_: object) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    program = tmp_path / "program"
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o755)
    there = set(os.listdir("/proc/self/fd"))

    def started(*arguments: Any) -> Any:
        child = spawn(*arguments)
        monkeypatch.setattr(os, what, refused)
        return child

    monkeypatch.setattr("transportlab.host.process.spawn", started)
    with pytest.raises(PluginError, match=r"E-START.*no room for it: Too many open files"):
        PluginProcess("crowded", [str(program)], os.environ)
    monkeypatch.undo()
    assert set(os.listdir("/proc/self/fd")) <= there


@pytest.mark.parametrize("spare", [0, 1, 2])
def test_a_host_without_threads_to_spare_leaves_no_plugin_running(
    spare: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o755)
    there = set(os.listdir("/proc/self/fd"))
    started: list[threading.Thread] = []
    start = threading.Thread.start

    def counted(thread: threading.Thread) -> None:
        if len(started) == spare:
            raise RuntimeError("can't start new thread")
        started.append(thread)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", counted)

    def begin() -> None:
        process = PluginProcess("crowded", [str(program)], os.environ)
        try:
            process.drain_stdout()
        finally:
            process.stop(0.4)

    with pytest.raises(PluginError, match=r"E-START.*no room for it: can't start new thread") as no:
        begin()
    assert "-v" in no.value.action  # a limit of memory leaves no room for a thread's stack
    assert not any(thread.is_alive() for thread in started)
    assert set(os.listdir("/proc/self/fd")) <= there


def test_a_limit_of_descriptors_is_not_taken_for_a_bad_program() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with open("/dev/null", "rb") as last:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (last.fileno() + 1, hard))
            with pytest.raises(PluginError, match=r"E-START.*Too many open files") as caught:
                PluginProcess("crowded", ["/bin/true"], os.environ)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert "ulimit -n" in caught.value.action
    assert "diagnose" not in caught.value.action


@pytest.mark.parametrize("transport", PROCESS)
def test_whoever_closes_a_session_finds_its_plugin_stopped(transport: str) -> None:
    def close(session: HostSession) -> str:
        session.close()
        assert session.process is not None
        return session.process.exit

    with open_backend("echo", transport) as session, ThreadPoolExecutor(4) as pool:
        assert list(pool.map(close, [session] * 4)) == ["exit status 0"] * 4


@pytest.mark.parametrize("how", ["closes the session", "returns after its close"])
@pytest.mark.parametrize("transport", PROCESS)
def test_of_a_session_whose_listener_is_busy_nothing_is_left_once_it_returns(
    transport: str, how: str
) -> None:
    def descriptors() -> int:
        return len(os.listdir("/proc/self/fd"))

    opened, closed, told = (threading.Event() for _ in range(3))

    def listen(_line: object) -> None:
        if opened.wait(10) and not told.is_set():
            told.set()
            if how == "closes the session":
                session.close()
            else:
                closed.wait(10)

    with open_backend("echo", transport):  # what the first one brings for good
        pass
    before, threads = descriptors(), threading.active_count()
    session = open_backend("echo", transport, HostOptions(on_log=listen))
    opened.set()
    with contextlib.suppress(LabError):
        session.backend.read(model.ReadRequest("app"), Context(timeout=10))
    assert told.wait(10)
    session.close()
    closed.set()
    end = time.monotonic() + 10
    while descriptors() > before or threading.active_count() > threads:
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.parametrize("transport", PROCESS)
def test_a_process_that_a_host_forks_off_does_not_stop_its_parents_plugin(transport: str) -> None:
    code = f"""
import os, sys
from transportlab import model
from transportlab.context import Context
from transportlab.host import open_backend
with open_backend("echo", {transport!r}) as session:
    child = os.fork()
    if child == 0:
        sys.exit(3)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 3
    session.backend.read(model.ReadRequest("app"), Context())
print(session.process.exit)
"""
    command = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(command, capture_output=True, check=False, text=True)
    assert done.stdout == "exit status 0\n", done.stderr
