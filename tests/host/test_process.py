"""A plugin's process: the ladder that stops it, hosts without room for it, and what it writes."""

import errno
import os
import resource
import shlex
import signal
import subprocess
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from transportlab import model
from transportlab.channel import EndpointKind
from transportlab.context import Context
from transportlab.errors import PluginError
from transportlab.host import HostOptions, LogRecord, open_backend
from transportlab.host.process import PluginProcess
from transportlab.registry import transport_names

SOCKETS = transport_names(EndpointKind.SOCKET)
PROCESS = [*SOCKETS, *transport_names(EndpointKind.STDIO)]

Make = Callable[[str], str]
MEBIBYTE = 1 << 20

HANG_GUARD = 30.0
"""Seconds: what takes longer hangs. Nothing that is tested here depends on it."""


def stopped(script: str, tmp_path: Path, seconds: float = HANG_GUARD) -> PluginProcess:
    path = tmp_path / "stubborn"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    process = PluginProcess("stubborn", [str(path)], os.environ)
    assert process.stdout.read(6) == b"ready\n"
    process.stop(seconds)
    process.stop(seconds)
    return process


def test_the_end_of_stdin_is_enough_for_a_good_plugin(tmp_path: Path) -> None:
    assert stopped("echo ready; read line; exit 0", tmp_path).exit == "exit status 0"


def test_a_plugin_that_ignores_stdin_gets_sigterm(tmp_path: Path) -> None:
    assert stopped("echo ready; exec sleep 60", tmp_path, 1.0).exit == "signal SIGTERM"


def test_a_plugin_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    script = "trap '' TERM; echo ready; while :; do sleep 0.05; done"
    assert stopped(script, tmp_path, 1.0).exit == "signal SIGKILL"


def test_a_plugin_that_has_left_its_group_for_its_hosts_is_killed_alone(tmp_path: Path) -> None:
    code = """import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
os.setpgid(0, os.getpgid(os.getppid()))
os.write(1, b"ready\\n")
time.sleep(60)"""
    script = f"exec {sys.executable} -c {shlex.quote(code)}"
    assert stopped(script, tmp_path, 1.0).exit == "signal SIGKILL"


def test_a_stopped_plugin_is_killed_in_time(tmp_path: Path) -> None:
    begin = time.monotonic()
    process = stopped("echo ready; kill -STOP $$; sleep 60", tmp_path, 1.0)
    assert process.exit == "signal SIGKILL"
    assert time.monotonic() - begin < HANG_GUARD


def test_a_process_that_no_signal_ends_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    process = PluginProcess("stuck", ["/bin/sh", "-c", "exec sleep 600"], os.environ)
    begin = time.monotonic()
    with monkeypatch.context() as deaf:  # as if it waited for a disk that does not answer
        for name in ("kill", "killpg"):
            deaf.setattr(os, name, lambda *_: None)
        process.stop(0.4)
    assert time.monotonic() - begin < HANG_GUARD
    assert process.exit == ""
    process.stop(0.4)
    assert process.exit == "signal SIGTERM"


def test_a_grandchild_that_holds_stderr_is_killed_with_its_group(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    stopped(f"sleep 60 & echo $! > {note}; echo ready; read line; exit 0", tmp_path)
    grandchild = int(note.read_text())
    end = time.monotonic() + HANG_GUARD
    while running(grandchild):
        assert time.monotonic() < end
        time.sleep(0.01)


def running(pid: int) -> bool:
    """Whether a process runs; one that is not reaped yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_grandchild_in_a_group_of_its_own_does_not_hold_the_host(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    script = f"setsid sleep 60 & echo $! > {note}; echo ready; read line; exit 0"
    begin = time.monotonic()
    stopped(script, tmp_path)
    assert time.monotonic() - begin < HANG_GUARD
    os.kill(int(note.read_text()), signal.SIGKILL)


# ---- hosts without room for it


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

    class Last(subprocess.Popen[bytes]):
        """What is started while there is room, and leaves none."""

        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            monkeypatch.setattr(os, what, refused)

    monkeypatch.setattr(subprocess, "Popen", Last)
    with pytest.raises(PluginError, match=r"E-START.*no room for it: Too many open files"):
        PluginProcess("crowded", [str(program)], os.environ)
    monkeypatch.undo()
    assert set(os.listdir("/proc/self/fd")) <= there


@pytest.mark.parametrize("refusal", [errno.EPERM, errno.ENOSYS])
def test_a_sandbox_that_refuses_pidfd_open_is_no_obstacle(
    refusal: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refused(*_: object) -> int:
        raise OSError(refusal, os.strerror(refusal))

    monkeypatch.setattr(os, "pidfd_open", refused)
    there = set(os.listdir("/proc/self/fd"))
    process = stopped("echo ready; read line; exit 3", tmp_path)
    assert process.exit == "exit status 3"
    lost = threading.Event()
    process = PluginProcess("killed", ["/bin/sh", "-c", "sleep 60"], os.environ)
    process.on_lost = lost.set
    os.kill(process.pid, signal.SIGKILL)
    assert lost.wait(HANG_GUARD)
    assert process.exit == "signal SIGKILL"
    process.stop(1.0)
    assert set(os.listdir("/proc/self/fd")) <= there


def test_no_core_of_a_plugin_is_written() -> None:
    process = PluginProcess("core", ["/bin/sh", "-c", "read line"], os.environ)
    try:
        soft, hard = resource.prlimit(process.pid, resource.RLIMIT_CORE)
    finally:
        process.stop(1.0)
    assert (soft, hard) == ((1 if hard else 0), resource.getrlimit(resource.RLIMIT_CORE)[1])


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


# ---- what it writes


def test_output_without_line_ends_does_not_fill_memory_or_block(tmp_path: Path) -> None:
    script = "head -c 5000000 /dev/zero >&2; echo last >&2; echo ready; read line; exit 0"
    process = stopped(script, tmp_path)
    error = process.error("E-TEST", "shown")
    assert process.exit == "exit status 0"
    assert sum(map(len, error.stderr)) < 100_000


LONG_LINES = """
ready, session = sdk.ProcessLife.ready, sdk.PluginSession
def write(fd, size):
    data = memoryview(b"x" * size)
    while data:
        data = data[os.write(fd, data):]
def remember(life):
    global stdout
    stdout = life._stdout.fileno()
    ready(life)
class Loud(session):
    def read(self, request, context):
        write(2, 10 << 20)
        if os.environ.get("CRONIX_PLUGIN_SOCKET"):
            write(stdout, 10 << 20)
        return super().read(request, context)
sdk.ProcessLife.ready, sdk.PluginSession = remember, Loud
"""


@pytest.mark.parametrize("transport", PROCESS)
def test_lines_of_10_mib_without_end_hold_up_neither_plugin_nor_host(
    echo_with: Make, transport: str
) -> None:
    with open_backend(echo_with(LONG_LINES), transport, HostOptions(stop=HANG_GUARD)) as session:
        tracemalloc.start()
        try:
            reply = session.backend.read(model.ReadRequest(), Context(timeout=HANG_GUARD))
            assert reply == model.ReadReply()
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < MEBIBYTE
        assert session.backend.read(model.ReadRequest(), Context(timeout=HANG_GUARD)) == reply
        process = session.process
    assert process is not None
    assert process.exit == "exit status 0"
    assert sum(map(len, process.tail)) < MEBIBYTE


def test_lines_of_stderr_come_out_as_they_are_written() -> None:
    records: list[LogRecord] = []
    with open_backend("echo", SOCKETS[0], HostOptions(on_log=records.append)) as session:
        session.backend.read(model.ReadRequest(), Context())
    (record,) = [record for record in records if record.message == "Read"]
    assert (record.plugin, record.level) == ("echo", "info")
    assert record.fields == {"rpc": "Read", "app": None, "count": 0, "outcome": "OK"}


def test_several_threads_may_stop_it_at_once(tmp_path: Path) -> None:
    path = tmp_path / "plain"
    path.write_text("#!/bin/sh\nread line\n")
    path.chmod(0o755)
    for _ in range(10):
        process = PluginProcess("plain", [str(path)], os.environ)
        with ThreadPoolExecutor(4) as pool:
            for stopped in [pool.submit(process.stop, HANG_GUARD) for _ in range(4)]:
                stopped.result()
        assert process.exit == "exit status 1"


def test_asking_how_it_is_does_not_wait_for_who_waits_for_its_end() -> None:
    process = PluginProcess("slow", ["/bin/sh", "-c", "exec sleep 600"], os.environ)
    with ThreadPoolExecutor(1) as pool:
        ended = pool.submit(process.wait, 600.0)
        assert process.condition == "still runs"
        assert not ended.done()
        os.kill(process.pid, signal.SIGKILL)
        assert ended.result(HANG_GUARD)
    process.stop(1.0)
    assert process.exit == "signal SIGKILL"


def test_a_status_that_the_host_cannot_get_is_not_made_up() -> None:
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        process = PluginProcess("lost", ["/bin/sh", "-c", "read line; exit 3"], os.environ)
        process.stdin.close()
        assert process.wait(HANG_GUARD)
    finally:
        signal.signal(signal.SIGCHLD, before)
    process.stop(1.0)
    assert "SIGCHLD" in process.exit
    assert "status 0" not in process.exit


def test_a_plugin_that_has_gone_before_it_is_looked_at_is_no_lack_of_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    look = os.pidfd_open

    def late(pid: int) -> int:
        while Path(f"/proc/{pid}").exists():
            time.sleep(0.001)
        return look(pid)

    monkeypatch.setattr(os, "pidfd_open", late)
    there = set(os.listdir("/proc/self/fd"))
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        with pytest.raises(PluginError, match=r"E-EXITED.*ended before its handshake") as caught:
            PluginProcess("lost", ["/bin/sh", "-c", "exit 3"], os.environ)
    finally:
        signal.signal(signal.SIGCHLD, before)
    assert "SIGCHLD" in caught.value.exit
    assert set(os.listdir("/proc/self/fd")) <= there
