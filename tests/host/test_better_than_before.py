"""Faults of other plugin hosts: each row of docs/how-the-host-works.md names a real test."""

import ast
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from transportlab import model
from transportlab.channel import EndpointKind
from transportlab.context import Context
from transportlab.errors import Code, RpcError
from transportlab.host import HostOptions, HostSession, open_backend
from transportlab.registry import transport_names

HERE = Path(__file__).parent
DOCUMENT = (HERE.parents[1] / "docs" / "how-the-host-works.md").read_text()
PROCESS = transport_names(EndpointKind.SOCKET, EndpointKind.STDIO)
HANG_GUARD = 30.0


def rows() -> list[list[str]]:
    section = DOCUMENT.split("\n## Faults that other plugin hosts have had\n")[1].split("\n## ")[0]
    cells = [[c.strip() for c in row.strip("|").split("|")] for row in section.splitlines()]
    return [row for row in cells if len(row) == 3][2:]


def test_each_row_names_a_test_that_there_is() -> None:
    assert len(rows()) >= 16
    for weakness, here, test in rows():
        assert weakness
        assert here
        file, _, name = test.partition("::")
        tree = ast.parse((HERE / file).read_text())
        assert name in {n.name for n in tree.body if isinstance(n, ast.FunctionDef)}, test


HOST = """
import sys, time
from transportlab.host import HostOptions, open_backend
bound = float(sys.argv[2])
session = open_backend("echo", sys.argv[1], HostOptions(handshake=bound, open=bound))
print(session.process.pid, getattr(session.endpoint, "path", ""), flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("transport", PROCESS)
def test_a_killed_host_leaves_no_plugin_and_no_socket(transport: str) -> None:
    command = [sys.executable, "-c", HOST, transport, str(HANG_GUARD)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as host:
        assert host.stdout is not None
        pid, _, socket = host.stdout.readline().strip().partition(" ")
        assert Path("/proc", pid).exists()
        assert Path(socket).is_socket() or not socket
        host.kill()
    end = time.monotonic() + HANG_GUARD
    while running(pid) and time.monotonic() < end:
        time.sleep(0.01)
    assert not running(pid)
    assert not socket or not Path(socket).parent.exists()


def running(pid: str) -> bool:
    """Whether the process runs; one that nobody has reaped yet does not."""
    try:
        return Path("/proc", pid, "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def freeze(pid: int) -> None:
    """Stop the process, and wait until each of its threads has stopped."""
    os.kill(pid, signal.SIGSTOP)
    end = time.monotonic() + HANG_GUARD
    while time.monotonic() < end:
        states = [(task / "stat").read_text() for task in Path(f"/proc/{pid}/task").iterdir()]
        if all(state.rpartition(")")[2].split()[0] == "T" for state in states):
            return
        time.sleep(0.001)
    raise AssertionError("the plugin did not stop")


@pytest.mark.parametrize("transport", PROCESS)
def test_a_stopped_plugin_holds_up_neither_a_call_nor_the_stop(transport: str) -> None:
    with open_backend("echo", transport, HostOptions(close=0.2, stop=0.4)) as session:
        assert session.process is not None
        freeze(session.process.pid)
        begin = time.monotonic()
        with pytest.raises(RpcError) as caught:
            session.backend.read(model.ReadRequest(), Context(timeout=0.2))
        assert caught.value.code is Code.DEADLINE_EXCEEDED
    assert time.monotonic() - begin < HANG_GUARD
    assert session.process.exit == "signal SIGKILL"


@pytest.fixture(scope="module", params=PROCESS)
def faulty(request: pytest.FixtureRequest) -> Iterator[HostSession]:
    """A session whose requests may say what is to go wrong."""
    with open_backend("echo", request.param, HostOptions(config={"faults": "requests"})) as session:
        yield session


def test_what_a_backend_prints_breaks_nothing(faulty: HostSession) -> None:
    for _ in range(2):
        faulty.backend.read(model.ReadRequest('!print:{"jsonrpc":"2.0"}\n'), Context())
    assert faulty.backend.read(model.ReadRequest("web"), Context()) == model.ReadReply()


def test_a_reply_of_5_mib_is_nothing_special(faulty: HostSession) -> None:
    [entry] = faulty.backend.read(model.ReadRequest("!size:5242880"), Context()).entries
    assert len(entry.command) == 5242880
