"""FFI seen from outside the host's process: what ends it, interrupts it, and what it needs."""

import subprocess
import sys
from pathlib import Path

import pytest

HANG_GUARD = 60.0
DATA = Path(__file__).parents[2] / "data" / "ffi"


def run_host(
    code: str, *arguments: Path, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """A host in a process of its own, which a plugin may end."""
    text = f"""
import sys
from transportlab import model
from transportlab.backend import PROTOCOL_VERSIONS
from transportlab.channel import LibraryEndpoint
from transportlab.context import Context
from transportlab.registry import load_transport
from transportlab.remote import RemoteBackend

def opened(path):
    channel = load_transport("ffi").connect(LibraryEndpoint(path), codec="json")
    backend = RemoteBackend(channel)
    config = {{"faults": "requests"}}
    backend.open_session(model.OpenSessionRequest("1", PROTOCOL_VERSIONS, config), Context())
    return backend, channel

{code}
"""
    return subprocess.run(
        [sys.executable, "-c", text, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=HANG_GUARD,
        env=env,
    )


def test_what_a_plugin_prints_is_out_when_its_session_ends(ffi_stubborn: Path) -> None:
    code = """
import os
sys.path.append(sys.argv[2])
channel = load_transport("ffi").connect(LibraryEndpoint(sys.argv[1]), codec="json")
backend = RemoteBackend(channel)
backend.open_session(model.OpenSessionRequest("1", PROTOCOL_VERSIONS), Context())
backend.read(model.ReadRequest("print"), Context())
channel.close()
os._exit(0)
"""
    assert run_host(code, ffi_stubborn, DATA).stdout == "printed\n"


def test_a_plugin_that_ends_its_process_ends_the_host(ffi_echo: Path) -> None:
    code = """
backend, _ = opened(sys.argv[1])
backend.read(model.ReadRequest("!exit:3"), Context())
"""
    assert run_host(code, ffi_echo).returncode == 3


@pytest.mark.usefixtures("heeded_signals")
def test_an_interrupt_during_a_call_reaches_the_host_and_the_channel_stays_usable(
    ffi_echo: Path,
) -> None:
    code = """
import os, signal, threading
backend, channel = opened(sys.argv[1])
for app in ("!sleep:60", "!block:60"):
    threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
    try:
        backend.read(model.ReadRequest(app), Context())
    except KeyboardInterrupt:
        print("interrupted")
print(backend.read(model.ReadRequest("!echo:alive"), Context()).entries[0].command)
channel.close()
"""
    done = run_host(code, ffi_echo)
    assert done.stdout.split() == ["interrupted", "interrupted", "!echo:alive"], done.stderr


def test_a_host_needs_no_compiler_and_no_c_parser(ffi_echo: Path) -> None:
    code = """
backend, channel = opened(sys.argv[1])
channel.close()
print(sorted({name.partition(".")[0] for name in sys.modules} & {"cffi", "pycparser"}))
"""
    done = run_host(code, ffi_echo, env={"PATH": ""})
    assert done.stdout == "[]\n", done.stderr
