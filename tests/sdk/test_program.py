"""A plugin program started by hand, or by a host that asks for what it does not have."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from transportlab.auth import new_secret, secret_line
from transportlab.channel import EndpointKind
from transportlab.registry import transport_names

PLUGIN = str(Path(sys.executable).with_name("cronix-backend-echo"))
SOCKETS = transport_names(EndpointKind.SOCKET)


def start(*command: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command or [PLUGIN],
        env={**os.environ, **environment},
        input=f"{'0' * 64}\n",
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_plugin_started_by_hand_says_what_it_is() -> None:
    done = start()
    assert done.returncode == 1
    assert "is a plugin: a host starts it and sets CRONIX_PLUGIN_TRANSPORT" in done.stderr
    assert not done.stdout


def test_a_transport_that_it_does_not_have_is_told() -> None:
    done = start(CRONIX_PLUGIN_TRANSPORT="pigeon")
    assert done.returncode == 1
    assert 'unknown transport "pigeon"' in done.stderr
    assert "Traceback" not in done.stderr


def test_a_transport_without_a_plugins_side_is_told() -> None:
    done = start(CRONIX_PLUGIN_TRANSPORT="direct")
    assert done.returncode == 1
    assert "has no plugin's side" in done.stderr


@pytest.mark.parametrize(("transport", "library"), [("grpc", "grpc"), ("jsonrpc", "jsonrpcserver")])
def test_a_library_that_is_not_installed_is_told(transport: str, library: str) -> None:
    code = f"""
import sys
sys.modules[{library!r}] = None
from transportlab.backends.echo import PLUGIN
from transportlab.sdk import run
run(PLUGIN)
"""
    done = start(sys.executable, "-c", code, CRONIX_PLUGIN_TRANSPORT=transport)
    told = f"not installed: {library}; pip install 'transportlab[{transport}]'"
    assert done.stderr == f'cronix-backend-echo: transport "{transport}": {told}\n'
    assert (done.returncode, done.stdout) == (1, "")


@pytest.mark.parametrize("transport", SOCKETS)
def test_a_socket_that_cannot_be_made_is_told(transport: str) -> None:
    done = start(CRONIX_PLUGIN_TRANSPORT=transport, CRONIX_PLUGIN_SOCKET="/nonexistent/s")
    assert done.returncode == 1
    assert "/nonexistent/s" in done.stderr
    assert not done.stdout


@pytest.mark.parametrize("transport", SOCKETS)
def test_sigterm_ends_a_plugin_cleanly_and_takes_its_socket_along(
    transport: str, tmp_path: Path
) -> None:
    folder = Path("/tmp") / f"tl-{os.getpid()}-{transport}"
    folder.mkdir()
    path = folder / "s"
    names = {"CRONIX_PLUGIN_TRANSPORT": transport, "CRONIX_PLUGIN_SOCKET": str(path)}
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [PLUGIN], env={**os.environ, **names}, stdin=pipe, stdout=pipe, stderr=pipe
    ) as plugin:
        assert plugin.stdin is not None
        assert plugin.stdout is not None
        plugin.stdin.write(secret_line(new_secret()))
        plugin.stdin.flush()
        line = plugin.stdout.readline()
        assert line.startswith(f"CRONIX-PLUGIN-V1 {path} transport={transport} ".encode())
        assert path.is_socket()
        plugin.send_signal(signal.SIGTERM)
        assert plugin.wait(60) == 0
    assert not folder.exists()


POOL = """
import atexit
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from transportlab.backends.echo import PLUGIN
from transportlab.sdk import run

if __name__ == "__main__":
    pool = ProcessPoolExecutor(1, mp_context=get_context("spawn"))
    assert pool.submit(abs, -1).result() == 1
    atexit.register(pool.shutdown, cancel_futures=True)
    run(PLUGIN)
"""


def test_a_plugin_with_a_pool_of_processes_ends_as_the_guide_says(tmp_path: Path) -> None:
    program = tmp_path / "pool.py"
    program.write_text(POOL)
    done = subprocess.run(
        [sys.executable, program],
        env={**os.environ, "CRONIX_PLUGIN_TRANSPORT": "jsonrpc"},
        input="",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("CRONIX-PLUGIN-V1 stdio ")


def wait_in(program: str) -> None:
    """Run a program that waits by ProcessLife, called `life`, in its main thread, and ends."""
    head = """
import os, signal, threading
from transportlab.sdk.program import ProcessLife
life = ProcessLife("", None, None)
"""
    done = subprocess.run(
        [sys.executable, "-c", head + program], timeout=60, capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_signal_that_interrupts_no_poll_ends_the_wait() -> None:
    """As one does that comes just before the poll; another thread gets it here."""
    wait_in("""
life.stop_at(signal.SIGTERM)
polling = threading.Event()
def send():
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    polling.wait()
    signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
threading.Thread(target=send).start()
threading.Timer(0.3, polling.set).start()
life.wait()
""")


def test_a_signal_of_the_backends_own_does_not_end_the_wait() -> None:
    wait_in("""
life.stop_at(signal.SIGTERM)
seen = []
signal.signal(signal.SIGUSR1, lambda *_: seen.append(1))
def send():
    while not seen:
        os.kill(os.getpid(), signal.SIGUSR1)
    seen.append(2)
    os.kill(os.getpid(), signal.SIGTERM)
threading.Thread(target=send).start()
life.wait()
assert 2 in seen
""")


def test_a_forked_child_that_is_terminated_does_not_end_its_parent() -> None:
    """multiprocessing's fork copies the handlers and the pipe."""
    wait_in("""
life.stop_at(signal.SIGTERM)
ended = []
def fork():
    child = os.fork()
    if not child:
        while True:
            signal.pause()
            os._exit(0)
    while True:
        os.kill(child, signal.SIGTERM)
        pid, _ = os.waitpid(child, os.WNOHANG)
        if pid:
            break
    ended.append(child)
    os.kill(os.getpid(), signal.SIGTERM)
threading.Thread(target=fork).start()
life.wait()
assert ended
""")
