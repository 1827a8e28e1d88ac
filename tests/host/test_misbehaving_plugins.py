"""Real plugins that misbehave: each is one clear error, in bounded time, and nothing is left."""

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from transportlab import model
from transportlab.channel import EndpointKind
from transportlab.context import Context
from transportlab.errors import LabError, PluginError, RpcError, UsageError
from transportlab.host import HostOptions, LogRecord, open_backend
from transportlab.host.process import PluginProcess, plugin_environment
from transportlab.registry import load_transport, transport_names

PROCESS = [
    name
    for name in transport_names()
    if load_transport(name).traits.endpoint in (EndpointKind.SOCKET, EndpointKind.STDIO)
]
SOCKET = next(n for n in PROCESS if load_transport(n).traits.endpoint is EndpointKind.SOCKET)
STDIO = next(n for n in PROCESS if load_transport(n).traits.endpoint is EndpointKind.STDIO)

Make = Callable[[str], str]


@pytest.fixture
def plugin(tmp_path: Path) -> Make:
    """Make a plugin of a shell script; gives its path."""

    def make(script: str) -> str:
        path = tmp_path / "cronix-backend-bad"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return str(path)

    return make


def refusal(path: str, transport: str = SOCKET, **options: float) -> PluginError:
    with pytest.raises(PluginError) as caught:
        open_backend(path, transport, HostOptions(**{"handshake": 5.0, "stop": 2.0, **options}))  # type: ignore[arg-type]  # bounds only
    return caught.value


@pytest.mark.parametrize("transport", PROCESS)
def test_exiting_at_once_is_told_with_status_and_stderr(plugin: Make, transport: str) -> None:
    error = refusal(plugin("echo 'boom: missing libfoo' >&2; exit 3"), transport)
    assert error.code == "E-EXITED"
    assert error.exit == "exit status 3"
    assert error.stderr == ("boom: missing libfoo",)
    assert error.name == "bad"


def test_exiting_with_0_before_the_handshake_is_an_error_too(plugin: Make) -> None:
    assert refusal(plugin("exit 0")).exit == "exit status 0"


def test_dying_by_a_signal_is_told(plugin: Make) -> None:
    assert refusal(plugin("kill -SEGV $$")).exit == "signal SIGSEGV"


def test_printing_garbage_is_told_with_its_bytes(plugin: Make) -> None:
    error = refusal(plugin("echo 'Starting up...'; sleep 60"))
    assert error.code == "E-HANDSHAKE"
    assert "'Starting up...'" in error.problem


def test_printing_nothing_ends_at_the_bound(plugin: Make) -> None:
    error = refusal(plugin("exec sleep 60"), handshake=0.2)
    assert error.code == "E-HANDSHAKE-TIMEOUT"
    assert error.got == "nothing"


def test_half_a_line_is_told_with_its_bytes(plugin: Make) -> None:
    error = refusal(plugin("printf CRONIX-PLUG; exec sleep 60"), handshake=0.2)
    assert "CRONIX-PLUG" in error.got


def test_a_line_without_end_is_cut_off(plugin: Make) -> None:
    error = refusal(plugin("head -c 100000 /dev/zero | tr '\\0' x; exec sleep 60"))
    assert error.code == "E-HANDSHAKE"
    assert "more than 4096 bytes" in error.problem


def test_closing_stdout_while_running_is_told(plugin: Make) -> None:
    error = refusal(plugin("exec >&-; exec sleep 60"))
    assert error.code == "E-HANDSHAKE"
    assert "closed stdout" in error.problem


def test_another_transport_is_told(plugin: Make) -> None:
    error = refusal(plugin("echo CRONIX-PLUGIN-V1 stdio transport=pigeon; exec sleep 60"))
    assert error.code == "E-TRANSPORT"
    assert error.got == "pigeon"


def test_another_endpoint_is_told(plugin: Make) -> None:
    error = refusal(plugin("echo CRONIX-PLUGIN-V1 127.0.0.1:99; exec sleep 60"))
    assert error.code == "E-ENDPOINT"
    assert error.got == "127.0.0.1:99"


@pytest.mark.parametrize("transport", PROCESS)
def test_a_socket_or_pipe_where_nobody_answers_is_an_error(plugin: Make, transport: str) -> None:
    kind = load_transport(transport).traits.endpoint
    word = "stdio" if kind is EndpointKind.STDIO else "$CRONIX_PLUGIN_SOCKET"
    error = refusal(plugin(f"echo CRONIX-PLUGIN-V1 {word}; exit 4"), transport)
    assert error.code in ("E-CONNECT", "E-CALL")
    assert error.exit == "exit status 4"


@pytest.mark.parametrize("transport", PROCESS)
def test_answering_garbage_is_told(tmp_path: Path, transport: str) -> None:
    path = tmp_path / "cronix-backend-noise"
    path.write_text(NOISE.format(python=sys.executable))
    path.chmod(0o755)
    error = refusal(str(path), transport)
    assert error.code in ("E-CALL", "E-CONNECT")
    assert error.path == str(path)


NOISE = """#!{python}
import os, socket, sys
path = os.environ.get("CRONIX_PLUGIN_SOCKET")
if not path:
    print("CRONIX-PLUGIN-V1 stdio", flush=True)
    sys.stdin.buffer.readline()
    os.write(1, b"!! this is no answer !!\\n")
    sys.stdin.buffer.read()
else:
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    server.listen()
    print("CRONIX-PLUGIN-V1", path, flush=True)
    while True:
        peer = server.accept()[0]
        peer.recv(100)
        peer.sendall(b"!! this is no answer !!\\r\\n\\r\\n" * 10)
        peer.close()
"""


def test_a_missing_interpreter_is_told(tmp_path: Path) -> None:
    path = tmp_path / "cronix-backend-lost"
    path.write_text("#!/no/such/interpreter\n")
    path.chmod(0o755)
    error = refusal(str(path))
    assert error.code == "E-START"
    assert "interpreter" in error.action


def test_a_text_without_a_first_line_is_not_a_program(tmp_path: Path) -> None:
    path = tmp_path / "cronix-backend-text"
    path.write_text("hello\n")
    path.chmod(0o755)
    assert refusal(str(path)).code == "E-START"


def test_an_unknown_transport_or_codec_is_a_wrong_use() -> None:
    with pytest.raises(UsageError, match=r'unknown transport "pigeon"; there are .*direct'):
        open_backend("echo", "pigeon")
    with pytest.raises(UsageError, match="unknown transport"):
        open_backend("echo", "../direct")
    with pytest.raises(UsageError, match='no codec "morse"'):
        open_backend("echo", SOCKET, HostOptions(codec="morse"))


def test_an_unknown_backend_is_told_on_every_way() -> None:
    for transport in transport_names():
        with pytest.raises(PluginError) as caught:
            open_backend("nobody", transport)
        assert caught.value.code == "E-NOT-FOUND"


# ---- the ladder


def stopped(script: str, tmp_path: Path, seconds: float = 2.0) -> PluginProcess:
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
    assert stopped("echo ready; exec sleep 60", tmp_path).exit == "signal SIGTERM"


def test_a_plugin_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    script = "trap '' TERM; echo ready; while :; do sleep 0.05; done"
    assert stopped(script, tmp_path, 1.0).exit == "signal SIGKILL"


def test_a_stopped_plugin_is_killed_in_time(tmp_path: Path) -> None:
    begin = time.monotonic()
    process = stopped("echo ready; kill -STOP $$; sleep 60", tmp_path, 1.0)
    assert process.exit == "signal SIGKILL"
    assert time.monotonic() - begin < 30


def test_a_grandchild_that_holds_stderr_is_killed_with_its_group(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    stopped(f"sleep 60 & echo $! > {note}; echo ready; read line; exit 0", tmp_path)
    grandchild = int(note.read_text())
    for _ in range(1000):
        if not Path(f"/proc/{grandchild}").exists() or zombie(grandchild):
            break
        time.sleep(0.01)
    assert not Path(f"/proc/{grandchild}").exists() or zombie(grandchild)


def zombie(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


def test_a_grandchild_in_a_group_of_its_own_does_not_hold_the_host(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    script = f"setsid sleep 60 & echo $! > {note}; echo ready; read line; exit 0"
    begin = time.monotonic()
    stopped(script, tmp_path)
    assert time.monotonic() - begin < 30
    os.kill(int(note.read_text()), signal.SIGKILL)


def test_output_without_line_ends_does_not_fill_memory_or_block(tmp_path: Path) -> None:
    script = "head -c 5000000 /dev/zero >&2; echo last >&2; echo ready; read line; exit 0"
    process = stopped(script, tmp_path)
    error = process.error("E-TEST", "shown")
    assert process.exit == "exit status 0"
    assert sum(map(len, error.stderr)) < 100_000


def test_lines_of_stderr_come_out_as_they_are_written(plugin: Make) -> None:
    records: list[LogRecord] = []
    with open_backend("echo", SOCKET, HostOptions(on_log=records.append)) as session:
        session.backend.read(model.ReadRequest(), Context())
    (record,) = [record for record in records if record.message == "Read"]
    assert (record.plugin, record.level) == ("echo", "info")
    assert record.fields == {"rpc": "Read", "app": None, "count": 0, "outcome": "OK"}


# ---- the way to the plugin


def test_only_what_is_allowed_of_the_environment_reaches_a_plugin() -> None:
    host = {
        "PATH": "/bin",
        "LC_ALL": "C",
        "SECRET": "x",
        "MINE": "1",
        "CRONIX_PLUGIN_ENV": "MINE, ",
    }
    assert plugin_environment(host) == {"PATH": "/bin", "LC_ALL": "C", "MINE": "1"}


def test_a_long_tmpdir_does_not_make_the_socket_path_too_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = tmp_path / ("x" * 100)
    long.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(long))
    with open_backend("echo", SOCKET) as session:
        assert session.info.plugin_name == "echo"
    assert not list(long.iterdir())


def test_a_version_mismatch_names_both_sets_and_who_must_act(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("transportlab.host.session.PROTOCOL_VERSIONS", (2, 3))
    for transport in PROCESS:
        error = refusal("echo", transport)
        assert error.code == "E-PROTO-MISMATCH"
        assert (error.expected, error.got) == ("{2,3}", "{1}")
        assert error.action == "install a newer plugin"
        assert error.version


def test_a_plugin_that_dies_in_the_middle_of_apply_is_told(plugin: Make) -> None:
    for transport in PROCESS:
        options = HostOptions(config={"faults": "Read=exit:3"})
        with open_backend("echo", transport, options) as session:
            with pytest.raises(PluginError) as caught:
                session.backend.read(model.ReadRequest(), Context())
            assert caught.value.exit == "exit status 3"
            assert "read, then plan again" in caught.value.action


def test_an_error_from_open_session_leaves_nothing_running() -> None:
    with pytest.raises(RpcError):
        open_backend("echo", SOCKET, HostOptions(config={"nonsense": "x"}))


def test_every_failure_is_a_lab_error() -> None:
    assert issubclass(PluginError, LabError)
    assert issubclass(UsageError, LabError)
