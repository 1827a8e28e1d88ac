"""Who may call a plugin on a socket: the host that started it, and nobody else (P-AUTH)."""

import base64
import contextlib
import http.client
import json
import os
import resource
import socket
import stat
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from msgspec.structs import replace

from transportlab import model
from transportlab.auth import new_secret
from transportlab.channel import Channel, EndpointKind, SocketEndpoint
from transportlab.context import Context
from transportlab.errors import LabError, PluginError, RpcError, unauthenticated
from transportlab.host import HostOptions, HostSession, LogRecord, open_backend
from transportlab.host.launch import check_peer
from transportlab.host.process import PluginProcess
from transportlab.methods import APPLY, METHODS, OPEN_SESSION, READ, SERVICE, Method
from transportlab.registry import load_transport, transport_names
from transports.http.service import MAX_STRANGERS

TRANSPORTS = {name: load_transport(name) for name in transport_names()}
SOCKETS = [n for n, t in TRANSPORTS.items() if t.traits.endpoint is EndpointKind.SOCKET]
CODECS = [(name, codec) for name in SOCKETS for codec in TRANSPORTS[name].traits.codecs]
HANG_GUARD = 30.0
PLUGIN = str(Path(sys.executable).with_name("cronix-backend-echo"))

Make = Callable[[str], str]
Refusal = Callable[..., PluginError]


def endpoint_of(session: HostSession) -> SocketEndpoint:
    assert isinstance(session.endpoint, SocketEndpoint)
    return session.endpoint


def refused(channel: Channel, method: Method[Any, Any], request: object) -> None:
    """The call gets the one answer that a stranger gets, to the letter."""
    call = (lambda *of: list(channel.stream(*of))) if method.streams else channel.unary
    with pytest.raises(RpcError) as caught:
        call(method, request, Context())
    assert caught.value.to_status() == unauthenticated().to_status()


@pytest.mark.parametrize("arm", CODECS, ids="-".join)
def test_a_stranger_is_unauthenticated_whatever_it_calls(arm: tuple[str, str]) -> None:
    transport, codec = arm
    options = HostOptions(codec=codec, config={"faults": "requests"})
    with open_backend("echo", transport, options) as session:
        for other in ("", "0" * 64, "short"):
            stranger = replace(endpoint_of(session), secret=other)
            with TRANSPORTS[transport].connect(stranger, codec=codec) as channel:
                refused(channel, READ, model.ReadRequest())
                refused(channel, READ, model.ReadRequest("!exit:3"))
                refused(channel, APPLY, model.ApplyRequest())
                refused(channel, OPEN_SESSION, model.OpenSessionRequest("1", (1,)))
                refused(channel, replace(READ, name="Nonsense"), model.ReadRequest())
                refused(channel, METHODS["CloseSession"], model.CloseSessionRequest())
        assert session.backend.read(model.ReadRequest(), Context(timeout=30)) == model.ReadReply()


@pytest.mark.parametrize("transport", SOCKETS)
def test_a_stranger_that_comes_first_cannot_take_the_session(transport: str) -> None:
    with open_backend("echo", transport, HostOptions(opens=False)) as session:
        stranger = replace(endpoint_of(session), secret=new_secret())
        codec = TRANSPORTS[transport].traits.codecs[0]
        with TRANSPORTS[transport].connect(stranger, codec=codec) as channel:
            refused(channel, OPEN_SESSION, model.OpenSessionRequest("1", (1,)))
        opened = session.channel.unary(OPEN_SESSION, model.OpenSessionRequest("1", (1,)), Context())
        assert opened.plugin_name == "echo"


def test_each_launch_has_a_secret_of_its_own_that_no_text_shows() -> None:
    secrets = set()
    for _ in range(2):
        with open_backend("echo", SOCKETS[0]) as session:
            endpoint = endpoint_of(session)
            assert endpoint.secret not in repr(endpoint) + repr(vars(session))
            secrets.add(endpoint.secret)
    assert len(secrets) == 2


@pytest.mark.parametrize("transport", SOCKETS)
def test_the_secret_is_in_no_argument_and_no_variable(transport: str) -> None:
    with open_backend("echo", transport) as session:
        assert session.process is not None
        process = Path("/proc", str(session.process.pid))
        secret = endpoint_of(session).secret.encode()
        assert len(secret) == 64
        for file in ("cmdline", "environ"):
            data = (process / file).read_bytes()
            assert b"python" in data or b"CRONIX_PLUGIN_SOCKET" in data
            assert secret not in data


TELLS = {
    "as noise": "echo $s",
    "as its version": "echo CRONIX-PLUGIN-V1 $CRONIX_PLUGIN_SOCKET version=$s",
    "as its endpoint": "echo CRONIX-PLUGIN-V1 $s",
    "as its transport": "echo CRONIX-PLUGIN-V1 $CRONIX_PLUGIN_SOCKET transport=$s",
    "as its reason": "echo no $s >&2; exit 3",
    "in base64": "printf %s $s | base64 -w 0 >&2; exit 3",
}


@pytest.mark.parametrize("how", TELLS)
def test_a_plugin_that_tells_the_secret_before_it_serves_is_not_repeated(
    how: str, plugin: Make, refusal: Refusal, tmp_path: Path
) -> None:
    told = tmp_path / "told"
    records: list[LogRecord] = []
    path = plugin(f"read s; printf %s $s > {told}; {TELLS[how]}")
    error = refusal(path, SOCKETS[0], on_log=records.append)
    said = "".join(traceback.format_exception(error)) + repr(vars(error)) + repr(records)
    assert "[launch secret]" in said
    for written in (told.read_bytes(), base64.b64encode(told.read_bytes())[:80]):
        assert len(written) >= 64
        assert written.decode() not in said


@pytest.mark.parametrize("transport", SOCKETS)
def test_a_plugin_that_tells_the_secret_when_it_is_called_is_not_repeated(transport: str) -> None:
    records: list[LogRecord] = []
    options = HostOptions(config={"faults": "requests"}, on_log=records.append)
    said = ""
    with open_backend("echo", transport, options) as session:
        secret = endpoint_of(session).secret
        session.backend.read(model.ReadRequest(f"!log:told {secret}"), Context())
        for fault in ("refuse", "panic", "die"):
            with pytest.raises(LabError) as caught:
                session.backend.read(model.ReadRequest(f"!{fault}:by {secret}"), Context())
            assert "by [launch secret]" in str(caught.value)
            said += "".join(traceback.format_exception(caught.value)) + repr(vars(caught.value))
    assert "told [launch secret]" in [record.message for record in records]
    assert secret not in said + repr(records)


# ---- by hand, as a stranger might who knows the secret or does not


def test_over_http_a_call_with_two_secrets_is_refused_and_says_how_to_call() -> None:
    with open_backend("echo", "http") as session, socket.socket(socket.AF_UNIX) as peer:
        endpoint = endpoint_of(session)
        peer.connect(endpoint.path)
        connection = http.client.HTTPConnection("localhost")
        connection.sock = peer
        connection.putrequest("POST", f"/{SERVICE}/Read")
        for name, value in (
            ("Content-Type", "text/nonsense"),
            ("Content-Length", "0"),  # the answer does not wait for a body, so none is sent
            ("Cronix-Secret", endpoint.secret),
            ("Cronix-Secret", "0" * 64),
        ):
            connection.putheader(name, value)
        connection.endheaders()
        response = connection.getresponse()
        assert (response.status, response.getheader("Connection")) == (401, "close")
        assert response.getheader("WWW-Authenticate") == "Cronix-Secret"
        body = json.loads(response.read())
        assert (body["code"], body["details"]["reason"]) == ("UNAUTHENTICATED", "SECRET")
        assert endpoint.secret not in json.dumps(body)


@pytest.mark.parametrize("codec", ["protobuf", "json", "morse"])
def test_over_grpc_a_call_with_two_secrets_is_refused_in_any_codec(codec: str) -> None:
    with open_backend("echo", "grpc") as session:
        endpoint = endpoint_of(session)
        with grpc.insecure_channel(f"unix:{endpoint.path}") as connection:
            call: Any = connection.unary_unary(f"/{SERVICE}/Read")
            secrets = (("cronix-secret", endpoint.secret), ("cronix-secret", "0" * 64))
            with pytest.raises(grpc.RpcError) as caught:
                call(b"", metadata=(("cronix-codec", codec), *secrets))
            assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED


@pytest.mark.parametrize("transport", SOCKETS)
@pytest.mark.parametrize(
    ("said", "problem"),
    [(b"", "stdin ended before the secret"), (b"hello\n", "64 lower-case hex digits")],
)
def test_a_plugin_that_is_told_no_secret_does_not_serve_and_leaves_nothing(
    transport: str, said: bytes, problem: str, tmp_path: Path
) -> None:
    folder = tmp_path / "private"
    folder.mkdir()
    names = {
        "CRONIX_PLUGIN_TRANSPORT": transport,
        "CRONIX_PLUGIN_SOCKET": str(folder / "s"),
    }
    done = subprocess.run(
        [PLUGIN], env={**os.environ, **names}, input=said, capture_output=True, check=False
    )
    assert done.returncode == 1
    assert problem in done.stderr.decode()
    assert not done.stdout
    assert not folder.exists()


# ---- the socket itself


@pytest.mark.parametrize("transport", SOCKETS)
def test_directory_and_socket_are_their_users_alone(transport: str) -> None:
    with open_backend("echo", transport) as session:
        path = Path(endpoint_of(session).path)
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert path.parent.stat().st_uid == path.stat().st_uid == os.geteuid()
    assert not path.parent.exists()


def test_a_listener_of_another_user_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    user, path = os.geteuid(), str(tmp_path / "s")
    process = PluginProcess("other", ["/bin/cat"], os.environ)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        check_peer(process, path)
        monkeypatch.setattr(os, "geteuid", lambda: user + 1)
        with pytest.raises(PluginError) as caught:
            check_peer(process, path)
    process.stop(1.0)
    error = caught.value
    assert (error.code, error.expected, error.got) == (
        "E-PEER",
        f"user {user + 1}",
        f"user {user}",
    )


OTHER_USER = """
import socket
os.read(0, 65)
listener = socket.socket(socket.AF_UNIX)
listener.bind(os.environ["CRONIX_PLUGIN_SOCKET"])
if os.fork() == 0:
    os.setuid(65534)
    listener.listen()
    print("CRONIX-PLUGIN-V1", os.environ["CRONIX_PLUGIN_SOCKET"], flush=True)
    os.read(0, 1)
    os._exit(0)
os.read(0, 1)
os._exit(0)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="not run: only root can start another user's process")
@pytest.mark.parametrize("transport", SOCKETS)
def test_a_process_of_another_user_cannot_stand_in_for_the_plugin(
    echo_with: Make, refusal: Refusal, transport: str
) -> None:
    error = refusal(echo_with(OTHER_USER), transport)
    assert (error.code, error.expected, error.got) == ("E-PEER", "user 0", "user 65534")


def test_a_host_without_room_for_a_descriptor_says_so(tmp_path: Path) -> None:
    process = PluginProcess("crowded", ["/bin/cat"], os.environ)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with open("/dev/null", "rb") as last:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (last.fileno(), hard))
            with pytest.raises(PluginError, match=r"E-CONNECT.*no room") as caught:
                check_peer(process, str(tmp_path / "s"))
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    process.stop(1.0)
    assert "ulimit -n" in caught.value.action


def test_where_the_platform_cannot_tell_the_directory_has_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr("socket.SO_PEERCRED")
    with open_backend("echo", SOCKETS[0]) as session:
        assert session.info.plugin_name == "echo"


def test_over_http_strangers_are_few_and_the_host_finds_room() -> None:
    with open_backend("echo", "http") as session, contextlib.ExitStack() as strangers:
        path = endpoint_of(session).path
        sockets: list[socket.socket] = []
        for _ in range(MAX_STRANGERS + 10):
            sock = strangers.enter_context(socket.socket(socket.AF_UNIX))
            sock.settimeout(HANG_GUARD)
            sock.connect(path)
            sock.sendall(b"POST / HTTP/1.1\r\nX: ")
            sockets.append(sock)
        assert [sock.recv(1) for sock in sockets[:10]] == [b""] * 10
        endpoint = endpoint_of(session)
        with TRANSPORTS["http"].connect(endpoint, codec="json") as another:
            assert another.unary(READ, model.ReadRequest(), Context()) == model.ReadReply()


def test_over_http_a_stranger_cannot_send_headers_without_end() -> None:
    with open_backend("echo", "http") as session, socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(HANG_GUARD)
        sock.connect(endpoint_of(session).path)
        sock.sendall(b"POST / HTTP/1.1\r\n")
        line = b"X: " + b"x" * 40_000 + b"\r\n"
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for _ in range(20):
                sock.sendall(line)
        assert b" 431 " in sock.recv(65536)


def test_over_grpc_a_stranger_is_refused_before_its_message_is_taken() -> None:
    with open_backend("echo", "grpc") as session:
        ended = threading.Event()

        def never() -> Iterator[bytes]:
            ended.wait(HANG_GUARD)
            yield from ()

        with grpc.insecure_channel(f"unix:{endpoint_of(session).path}") as connection:
            call: Any = connection.stream_unary(f"/{SERVICE}/Read")
            with pytest.raises(grpc.RpcError) as caught:
                call(never(), timeout=HANG_GUARD)
            ended.set()
            assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
