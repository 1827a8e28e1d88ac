"""The end of a plugin: by itself, by its host, and without one."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from transportlab import model
from transportlab.channel import EndpointKind
from transportlab.context import Context
from transportlab.errors import LabError, PluginError, RpcError
from transportlab.host import HostOptions, HostSession, open_backend
from transportlab.registry import transport_names

HANG_GUARD = 30.0
PROCESS = transport_names(EndpointKind.SOCKET, EndpointKind.STDIO)

HEIR = """#!{python}
import os, time
from msgspec.structs import replace
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
    options = HostOptions(config={"faults": "requests"}, close=0.2, stop=HANG_GUARD)
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
    # From 3.12 on Python may warn of the fork beside it: the threads are the plugin's own.
    child = next(int(line) for line in caught.value.stderr if line.isdigit())
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
options = HostOptions(on_log=tell, handshake={HANG_GUARD}, open={HANG_GUARD})
session = open_backend({heir!r}, {PROCESS[-1]!r}, options)
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


@pytest.mark.parametrize("transport", PROCESS)
def test_whoever_closes_a_session_finds_its_plugin_stopped(transport: str) -> None:
    def close(session: HostSession) -> str:
        session.close()
        assert session.process is not None
        return session.process.exit

    options = HostOptions(stop=HANG_GUARD)
    with open_backend("echo", transport, options) as session, ThreadPoolExecutor(4) as pool:
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
        if opened.wait(HANG_GUARD) and not told.is_set():
            told.set()
            if how == "closes the session":
                session.close()
            else:
                closed.wait(HANG_GUARD)

    with open_backend("echo", transport):  # what the first one brings for good
        pass
    before, threads = descriptors(), threading.active_count()
    session = open_backend("echo", transport, HostOptions(on_log=listen))
    opened.set()
    with contextlib.suppress(LabError):
        session.backend.read(model.ReadRequest("app"), Context(timeout=HANG_GUARD))
    assert told.wait(HANG_GUARD)
    session.close()
    closed.set()
    end = time.monotonic() + HANG_GUARD
    while descriptors() > before or threading.active_count() > threads:
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.parametrize("transport", PROCESS)
def test_a_process_that_a_host_forks_off_does_not_stop_its_parents_plugin(transport: str) -> None:
    bounds = f"handshake={HANG_GUARD}, open={HANG_GUARD}, stop={HANG_GUARD}"
    code = f"""
import os, sys
from transportlab import model
from transportlab.context import Context
from transportlab.host import HostOptions, open_backend
with open_backend("echo", {transport!r}, HostOptions({bounds})) as session:
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
