"""The way from a backend's name to an open session, and plugins that are lost on it."""

import json
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from transportlab import model
from transportlab.channel import EndpointKind
from transportlab.context import Context
from transportlab.errors import LabError, PluginError, RpcError, UsageError
from transportlab.host import HostOptions, LogRecord, open_backend
from transportlab.host.blame import UNKNOWN
from transportlab.methods import METHODS
from transportlab.registry import load_transport, transport_names

KINDS = {name: load_transport(name).traits.endpoint for name in transport_names()}
SOCKETS = transport_names(EndpointKind.SOCKET)
PROCESS = [*SOCKETS, *transport_names(EndpointKind.STDIO)]

Make = Callable[[str], str]
Refusal = Callable[..., PluginError]


def test_an_unknown_transport_or_codec_is_a_wrong_use() -> None:
    with pytest.raises(UsageError, match=r'unknown transport "pigeon"; there are .*direct'):
        open_backend("echo", "pigeon")
    with pytest.raises(UsageError, match="unknown transport"):
        open_backend("echo", "../direct")
    with pytest.raises(UsageError, match='no codec "morse"'):
        open_backend("echo", SOCKETS[0], HostOptions(codec="morse"))


def test_an_unknown_backend_is_told_on_every_way() -> None:
    for transport in transport_names():
        with pytest.raises(PluginError) as caught:
            open_backend("nobody", transport)
        assert caught.value.code == "E-NOT-FOUND"


@pytest.mark.parametrize("text", ["#!/no/such/interpreter\n", "hello\n"])
def test_what_cannot_be_executed_is_told(tmp_path: Path, refusal: Refusal, text: str) -> None:
    path = tmp_path / "cronix-backend-lost"
    path.write_text(text)
    path.chmod(0o755)
    error = refusal(str(path), SOCKETS[0])
    assert error.code == "E-START"
    assert "interpreter" in error.action


# ---- what the plugin is given

TELL = """
told = {"environ": dict(os.environ), "arguments": sys.argv[1:],
    "leads": os.getpgid(0) == os.getpid(), "files": sorted(os.listdir("/proc/self/fd"))}
print(json.dumps({"told": json.dumps(told)}), file=sys.stderr, flush=True)
"""


@pytest.mark.parametrize("transport", PROCESS)
def test_a_plugin_gets_an_allow_listed_environment_a_group_and_three_pipes(
    echo_with: Make, monkeypatch: pytest.MonkeyPatch, transport: str
) -> None:
    monkeypatch.setenv("DATABASE_PASSWORD", "hunter2")
    monkeypatch.setenv("MINE", "1")
    monkeypatch.setenv("LC_TIME", "C")
    monkeypatch.setenv("CRONIX_PLUGIN_ENV", os.environ["CRONIX_PLUGIN_ENV"] + ", MINE")
    allowed = {"HOME", "LANG", "LOGNAME", "PATH", "SHELL", "TMPDIR", "TZ", "USER", "LC_TIME"}
    named = {name.strip() for name in os.environ["CRONIX_PLUGIN_ENV"].split(",")}
    wanted = {f"CRONIX_PLUGIN_{word}" for word in ("TRANSPORT", "CODEC", "SOCKET")}
    records: list[LogRecord] = []
    with open_backend(echo_with(TELL), transport, HostOptions(on_log=records.append)) as session:
        socket = getattr(session.endpoint, "path", None)
    [text] = [record.fields["told"] for record in records if "told" in record.fields]
    told = json.loads(str(text))
    environ = told["environ"]
    # An interpreter may set LC_CTYPE for itself.
    assert set(environ) <= allowed | named | wanted | {"LC_CTYPE"}
    assert {"PATH", "MINE", "LC_TIME", "CRONIX_PLUGIN_TRANSPORT"} <= set(environ)
    assert environ.get("CRONIX_PLUGIN_SOCKET") == socket
    assert told["arguments"] == []
    assert told["leads"] is True
    assert told["files"] == ["0", "1", "2", "3"]  # the last is the listing's own


def test_a_long_tmpdir_does_not_make_the_socket_path_too_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = tmp_path / ("x" * 100)
    long.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(long))
    with open_backend("echo", SOCKETS[0]) as session:
        assert session.info.plugin_name == "echo"
        folder = Path(getattr(session.endpoint, "path", "")).parent
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert not list(long.iterdir())
    assert not folder.exists()


@pytest.mark.parametrize("name", ["a b", "a#b", "a?b", "a%20b", "a,b", "a\nb", "a\udcffb"])
@pytest.mark.parametrize("transport", SOCKETS)
def test_a_tmpdir_that_neither_a_line_nor_a_uri_can_carry_is_not_used_for_a_socket(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, transport: str, name: str
) -> None:
    """The host of a "#" would call, with its secret, who listens at the path before it."""
    (odd := tmp_path / name).mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(odd))
    with open_backend("echo", transport) as session:
        assert session.info.plugin_name == "echo"
    assert not list(odd.iterdir())


# ---- plugins that are lost on the way


@pytest.mark.parametrize("transport", PROCESS)
def test_exiting_at_once_is_told_with_status_and_stderr(
    plugin: Make, refusal: Refusal, transport: str
) -> None:
    error = refusal(plugin("echo 'boom: missing libfoo' >&2; exit 3"), transport)
    assert (error.code, error.exit, error.name) == ("E-EXITED", "exit status 3", "bad")
    assert error.stderr == ("boom: missing libfoo",)
    for part in (error.path, "exit status 3", "boom: missing libfoo", "E-EXITED"):
        assert part in str(error)


def test_an_error_has_what_the_plugin_wrote_before_it_ended(plugin: Make, refusal: Refusal) -> None:
    slow = {"on_log": lambda _: time.sleep(0.1)}  # its lines are read later than its end is seen
    error = refusal(plugin("echo one >&2; echo two >&2; exit 3"), SOCKETS[0], **slow)
    assert error.stderr == ("one", "two")


def test_exiting_with_0_before_the_handshake_is_an_error_too(
    plugin: Make, refusal: Refusal
) -> None:
    assert refusal(plugin("exit 0"), SOCKETS[0]).exit == "exit status 0"


def test_dying_by_a_signal_is_told(plugin: Make, refusal: Refusal) -> None:
    assert refusal(plugin("kill -SEGV $$"), SOCKETS[0]).exit == "signal SIGSEGV"
    assert refusal(plugin("kill -40 $$"), SOCKETS[0]).exit == "signal 40"  # it has no name


DAEMON = """
read, write = os.pipe()
started = os.getpid()
if os.fork():
    os.read(read, 1)
    os._exit(0)
os.setsid()
os.write(write, b"x")
while os.path.exists(f"/proc/{started}"):  # it is there until the host has taken its status
    time.sleep(0.01)
"""


@pytest.mark.parametrize("transport", PROCESS)
def test_a_plugin_that_goes_into_the_background_is_told_as_one_that_has_ended(
    echo_with: Make, refusal: Refusal, transport: str
) -> None:
    error = refusal(echo_with(DAEMON), transport)
    assert (error.code, error.exit) == ("E-CALL", "exit status 0")
    assert "the plugin has ended" in error.problem


@pytest.mark.parametrize("transport", SOCKETS)
def test_a_listener_that_fails_is_no_quiet_exit(
    echo_with: Make, refusal: Refusal, transport: str
) -> None:
    code = "os.mkdir(os.environ['CRONIX_PLUGIN_SOCKET'])"
    error = refusal(echo_with(code), transport)
    assert (error.code, error.exit) == ("E-EXITED", "exit status 1")
    assert "cannot listen on" in error.stderr[-1]


CROWDED = """
import socket
listener = socket.socket(socket.AF_UNIX)
listener.bind(os.environ["CRONIX_PLUGIN_SOCKET"])
listener.listen(0)
waiting = socket.socket(socket.AF_UNIX)
waiting.connect(os.environ["CRONIX_PLUGIN_SOCKET"])
print("CRONIX-PLUGIN-V1 " + os.environ["CRONIX_PLUGIN_SOCKET"], flush=True)
sys.stdin.read()
"""


def test_a_listener_that_takes_no_connection_holds_nobody_up(
    echo_with: Make, refusal: Refusal
) -> None:
    error = refusal(echo_with(CROWDED), SOCKETS[0])
    assert error.code == "E-CONNECT"
    assert "Resource temporarily unavailable" in error.problem


@pytest.mark.parametrize("transport", PROCESS)
def test_a_socket_or_pipe_where_nobody_answers_is_an_error(
    plugin: Make, refusal: Refusal, transport: str
) -> None:
    word = "stdio" if KINDS[transport] is EndpointKind.STDIO else "$CRONIX_PLUGIN_SOCKET"
    error = refusal(plugin(f"echo CRONIX-PLUGIN-V1 {word}; exit 4"), transport)
    assert error.code == ("E-CALL" if word == "stdio" else "E-CONNECT")
    assert error.exit == "exit status 4"


@pytest.mark.parametrize("transport", PROCESS)
def test_answering_garbage_is_told(echo_with: Make, refusal: Refusal, transport: str) -> None:
    path = echo_with(NOISE)
    error = refusal(path, transport)
    assert error.code in ("E-CALL", "E-CONNECT")
    assert error.path == path


NOISE = """
import socket, threading
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
    ended = lambda: (sys.stdin.buffer.read(), os._exit(0))
    threading.Thread(target=ended, daemon=True).start()
    print("CRONIX-PLUGIN-V1", path, flush=True)
    while True:
        peer = server.accept()[0]
        peer.recv(100)
        try:
            peer.sendall(b"!! this is no answer !!\\r\\n\\r\\n" * 10)
        except OSError:  # the host has only looked who listens
            pass
        peer.close()
"""


@pytest.mark.parametrize("transport", PROCESS)
def test_a_plugin_that_dies_in_a_call_is_told(transport: str) -> None:
    for name, what_to_do in (("Read", ""), ("Prune", UNKNOWN)):
        options = HostOptions(config={"faults": f"{name}=exit:3"})
        with open_backend("echo", transport, options) as session:
            call = METHODS[name]
            request = model.PruneRequest("web", ("job",)) if call.writes else model.ReadRequest()
            with pytest.raises(PluginError) as caught:
                getattr(session.backend, call.attribute)(request, Context())
            assert caught.value.exit == "exit status 3"
            assert caught.value.action == what_to_do


def test_an_error_from_open_session_leaves_nothing_running() -> None:
    with pytest.raises(RpcError):
        open_backend("echo", SOCKETS[0], HostOptions(config={"nonsense": "x"}))


def test_every_failure_is_a_lab_error() -> None:
    assert issubclass(PluginError, LabError)
    assert issubclass(UsageError, LabError)


def test_a_plugin_that_fails_to_serve_ends_whatever_threads_it_has(
    echo_with: Make, refusal: Refusal
) -> None:
    path = echo_with("""
import threading
threading.Thread(target=time.sleep, args=(60,)).start()
sdk.load_transport = lambda _name: 1 / 0
""")
    error = refusal(path, "jsonrpc")
    assert (error.code, error.exit) == ("E-EXITED", "exit status 1")
    assert "ZeroDivisionError" in error.stderr[-1]
