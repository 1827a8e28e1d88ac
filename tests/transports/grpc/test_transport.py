"""gRPC beside what every transport owes: foreign clients and servers, and grpcio's own errors."""

import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from inspect import isgeneratorfunction
from pathlib import Path
from typing import Any
from urllib.parse import quote

import grpc
import pytest

from transportlab import methods, model
from transportlab.backend import PROTOCOL_VERSIONS, ConfigKey, Plugin
from transportlab.channel import Channel, SocketEndpoint
from transportlab.codecs import load_codec
from transportlab.context import Cancellation, Context
from transportlab.errors import (
    MAX_MESSAGE_BYTES,
    Code,
    ConnectionLost,
    LabError,
    ProtocolViolation,
    RpcError,
    TransportError,
)
from transportlab.registry import load_backend, load_transport
from transportlab.sdk.session import PluginSession
from transports.grpc.wire import CODEC_KEY, MAX_GRPC_MESSAGE, OPTIONS, STATUS_KEY, grpc_message

GRPC = load_transport("grpc")


Serve = Callable[..., Any]


@pytest.fixture
def served(serve: Serve, socket_path: str) -> str:
    """The path of a socket behind which the echo backend is served, its session open."""
    plugin = load_backend("echo")
    assert plugin is not None
    opened(serve, plugin, socket_path, {"faults": "requests"})
    return socket_path


def opened(serve: Serve, plugin: Plugin, path: str, config: dict[str, str]) -> Any:
    """Serve the plugin at the path, and open its session."""
    served = serve("grpc", PluginSession(plugin), SocketEndpoint(path), "protobuf")
    with GRPC.connect(SocketEndpoint(path), codec="json") as channel:
        request = model.OpenSessionRequest("1", PROTOCOL_VERSIONS, config)
        channel.unary(methods.OPEN_SESSION, request, Context())
    return served


def raw(path: str, method: str, data: bytes, *metadata: tuple[str, str]) -> Any:
    """A foreign client's call; gives what it raises."""
    with grpc.insecure_channel(f"unix:{path}", options=OPTIONS) as channel:
        call: Any = channel.unary_unary(method)
        with pytest.raises(grpc.RpcError) as caught:
            call(data, metadata=metadata)
        return caught.value


def status_of(error: Any, codec: str = "protobuf") -> model.Status:
    trailer = dict(error.trailing_metadata())[STATUS_KEY]
    return load_codec(codec).decode(model.Status, trailer)


def test_reading_the_traits_needs_no_grpcio() -> None:
    assert GRPC.traits.requires == ("grpc", "google.protobuf")


def test_a_request_that_cannot_be_read_is_invalid_argument(served: str) -> None:
    error = raw(served, methods.READ.path, b"\xff\xff")
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert status_of(error).details.reason == "UNREADABLE_REQUEST"
    error = raw(served, methods.READ.path, b"{", (CODEC_KEY, "json"))
    assert "not valid JSON" in status_of(error, "json").message


def test_protobuf_may_be_named_as_the_codec(served: str) -> None:
    error = raw(served, methods.READ.path, b"\xff\xff", (CODEC_KEY, "protobuf"))
    assert status_of(error).details.reason == "UNREADABLE_REQUEST"


def test_a_request_over_the_limit_is_refused(served: str) -> None:
    # By grpcio, which knows the length before the rest has come (P-LIMIT-1).
    error = raw(served, methods.READ.path, bytes(MAX_MESSAGE_BYTES + 1))
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "message larger than max" in error.details()


def test_an_unknown_method_and_an_unknown_codec_are_unimplemented(served: str) -> None:
    error = raw(served, "/cronix.backend.v1.Backend/Explode", b"")
    assert error.code() is grpc.StatusCode.UNIMPLEMENTED
    assert status_of(error).message == 'unknown method "Explode"'
    error = raw(served, methods.READ.path, b"", (CODEC_KEY, "morse"))
    assert error.code() is grpc.StatusCode.UNIMPLEMENTED
    details = model.ErrorDetails("UNKNOWN_CODEC", expected="protobuf, json", got="morse")
    assert status_of(error).details == details


@pytest.mark.parametrize("character", ["x", "%", "é", "\u2028", "\U0001f600"])
def test_a_long_text_is_short_in_grpcs_own_place_and_whole_in_the_trailer(
    served: str, character: str
) -> None:
    text = character * (8192 // len(character.encode()))
    request = load_codec("protobuf").encode(model.ReadRequest(f"!refuse:{text}"))
    error = raw(served, methods.READ.path, request)
    assert status_of(error).message == text
    start = error.details().removesuffix("...")
    assert start != error.details()
    assert text.startswith(start)
    encoded = quote(error.details(), safe="".join(map(chr, range(0x20, 0x7F))).replace("%", ""))
    assert MAX_GRPC_MESSAGE - 12 < len(encoded) <= MAX_GRPC_MESSAGE


@pytest.mark.parametrize("text", ["x" * 1024, "é" * 170, ""])
def test_a_text_that_fits_stays_whole_in_grpcs_own_place(text: str) -> None:
    assert grpc_message(text) == text


@pytest.mark.parametrize("authority", ["localhost", "tmp%2Fs", "example.org:1"])
def test_the_server_takes_any_authority(served: str, authority: str) -> None:
    options = [*OPTIONS, ("grpc.default_authority", authority)]
    with grpc.insecure_channel(f"unix:{served}", options=options) as channel:
        call: Any = channel.unary_unary(methods.READ.path)
        assert call(b"") == b""


def test_the_host_calls_the_server_localhost(socket_path: str) -> None:
    """The path of the socket is no authority, and some languages' servers refuse it."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(socket_path)
        listener.listen()
        with GRPC.connect(SocketEndpoint(socket_path), codec="protobuf") as channel:
            calling = threading.Thread(target=failure, args=(channel,))
            calling.start()
            peer, _ = listener.accept()
            with peer:
                peer.settimeout(60)
                peer.sendall(b"\0\0\0\4\0\0\0\0\0")  # SETTINGS without any
                seen = b""
                while methods.READ.path.encode() not in seen or b":authority" not in seen:
                    data = peer.recv(65536)
                    assert data, seen
                    seen += data
            calling.join(60)
    assert b":authority\tlocalhost" in seen
    assert b"%2F" not in seen


def test_a_foreign_client_gets_the_text_in_grpcs_own_place(served: str) -> None:
    request = load_codec("protobuf").encode(model.ReadRequest("!error:NOT_FOUND"))
    error = raw(served, methods.READ.path, request)
    assert error.code() is grpc.StatusCode.NOT_FOUND
    assert error.details() == 'fault NOT_FOUND: "quoted" <&> é \u2028 end'


def test_the_socket_is_the_users_alone(served: str) -> None:
    assert Path(served).stat().st_mode & 0o077 == 0


def test_a_socket_that_is_not_there_is_told(socket_path: str) -> None:
    with pytest.raises(TransportError, match="No such file"):
        GRPC.connect(SocketEndpoint(socket_path), codec="protobuf")
    Path(socket_path).touch()
    with pytest.raises(TransportError, match="not a socket"):
        GRPC.connect(SocketEndpoint(socket_path), codec="protobuf")


SECRET = "s3cr3t-5eb63bbb"


class Telling:
    """Operations that raise an exception with the secret in its text at any place there is."""

    def __init__(self, config: Mapping[str, str]) -> None:
        self._token = config["token"]

    def __getattr__(self, name: str) -> Any:
        raise ValueError(f"no {name} but {self._token}")

    def read(self, request: model.ReadRequest, context: Context) -> Any:
        if request.app == "exit":
            raise SystemExit(self._token)
        if request.app == "raise":
            raise ValueError(self._token)
        return model.ReadReply((self,))  # type: ignore[arg-type]  # what encodes it raises

    def apply(self, request: model.ApplyRequest, context: Context) -> Iterator[Any]:
        yield model.ApplyEvent()
        if request.plan.app == "exit":
            raise SystemExit(self._token)
        if request.plan.app == "raise":
            raise ValueError(self._token)
        yield model.ApplyEvent(counts=self)  # type: ignore[arg-type]  # as above


@pytest.mark.parametrize("app", ["raise", "exit", "no message"])
def test_an_exceptions_text_reaches_no_client_with_a_secret_in_it(
    app: str,
    serve: Serve,
    socket_path: str,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """grpcio's own way is to send it as the call's details, and to log it."""
    plugin = Plugin("telling", "1", Telling, (ConfigKey("token", "a token", secret=True),))
    codec = load_codec("protobuf")
    served = opened(serve, plugin, socket_path, {"token": SECRET})
    errors = [raw(socket_path, methods.READ.path, codec.encode(model.ReadRequest(app)))]
    with grpc.insecure_channel(f"unix:{socket_path}", options=OPTIONS) as channel:
        begin: Any = channel.unary_stream(methods.APPLY.path)
        with pytest.raises(grpc.RpcError) as caught:
            list(begin(codec.encode(model.ApplyRequest(model.PlanReply(app)))))
        errors.append(caught.value)
    served.end()
    for error in errors:
        assert status_of(error).details.reason == "PANIC"
        assert "[token]" in error.details()
        assert SECRET not in repr(error) + error.debug_error_string() + str(status_of(error))
    logged = capfd.readouterr().err
    assert "[token]" in logged
    assert SECRET not in logged + caplog.text


def test_a_socket_that_cannot_be_bound_is_told(socket_path: str) -> None:
    plugin = load_backend("echo")
    assert plugin is not None
    endpoint = SocketEndpoint(f"{socket_path}/no/such/folder")
    life: Any = None  # it fails before
    with pytest.raises(TransportError, match="cannot listen on"):
        GRPC.serve(PluginSession(plugin), endpoint, codec="protobuf", life=life)


# ---- foreign servers

Behaviour = Callable[[bytes, grpc.ServicerContext], Any]


class Foreign(grpc.GenericRpcHandler):
    """A server that is not the lab's: Read behaves as told, Apply streams as told."""

    def __init__(self, behaviour: Behaviour) -> None:
        self._behaviour = behaviour

    def service(self, call: grpc.HandlerCallDetails) -> Any:
        if call.method.endswith("Apply") or isgeneratorfunction(self._behaviour):
            return grpc.unary_stream_rpc_method_handler(self._behaviour)
        return grpc.unary_unary_rpc_method_handler(self._behaviour)


@pytest.fixture
def foreign(socket_path: str) -> Iterator[Callable[[Behaviour], Channel]]:
    """A channel to a foreign server with that behaviour."""
    servers: list[grpc.Server] = []
    channels: list[Channel] = []

    def start(behaviour: Behaviour) -> Channel:
        server = grpc.server(ThreadPoolExecutor(4), options=OPTIONS)
        server.add_generic_rpc_handlers((Foreign(behaviour),))
        server.add_insecure_port(f"unix:{socket_path}")
        server.start()
        servers.append(server)
        channels.append(GRPC.connect(SocketEndpoint(socket_path), codec="protobuf"))
        return channels[-1]

    yield start
    for channel in channels:
        channel.close()
    for server in servers:
        server.stop(None).wait()


def failure(channel: Channel) -> LabError:
    with pytest.raises(LabError) as caught:
        channel.unary(methods.READ, model.ReadRequest(), Context())
    return caught.value


Start = Callable[[Behaviour], Channel]


def test_a_reply_that_cannot_be_read_is_a_violation(foreign: Start) -> None:
    error = failure(foreign(lambda data, call: b"\xff"))
    assert isinstance(error, ProtocolViolation)


@pytest.mark.parametrize("cancellation", [None, Cancellation()], ids=["plain", "cancellable"])
def test_ok_without_a_reply_is_a_violation(
    foreign: Start, cancellation: Cancellation | None
) -> None:
    def nothing(data: bytes, call: grpc.ServicerContext) -> Iterator[bytes]:
        yield from ()

    channel = foreign(nothing)
    with pytest.raises(ProtocolViolation, match="without a reply"):
        channel.unary(methods.READ, model.ReadRequest(), Context(cancellation=cancellation))


def test_two_replies_are_a_violation_at_the_first_call_and_end_others_at_the_deadline(
    foreign: Start,
) -> None:
    def twice(data: bytes, call: grpc.ServicerContext) -> Iterator[bytes]:
        yield b""
        yield b""

    channel = foreign(twice)
    with pytest.raises(ProtocolViolation, match="more than one reply"):
        channel.unary(methods.READ, model.ReadRequest(), Context(timeout=30.0))
    with pytest.raises(RpcError, match="DEADLINE_EXCEEDED"):
        channel.unary(methods.READ, model.ReadRequest(), Context(timeout=0.5))


def test_a_reply_over_the_limit_is_a_violation(foreign: Start) -> None:
    error = failure(foreign(lambda data, call: bytes(MAX_MESSAGE_BYTES + 1)))
    assert isinstance(error, ProtocolViolation)
    assert "over the limit" in str(error)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (grpc.StatusCode.UNAVAILABLE, ConnectionLost),
        (grpc.StatusCode.CANCELLED, ConnectionLost),
        (grpc.StatusCode.UNKNOWN, ProtocolViolation),
        (grpc.StatusCode.NOT_FOUND, ProtocolViolation),
        (grpc.StatusCode.UNIMPLEMENTED, RpcError),
        (grpc.StatusCode.DEADLINE_EXCEEDED, RpcError),
    ],
)
def test_an_error_without_a_status_is_grpcios_own(
    foreign: Start, code: grpc.StatusCode, kind: type[LabError]
) -> None:
    def behave(data: bytes, call: grpc.ServicerContext) -> bytes:
        call.abort(code, "as told")
        return b""

    assert type(failure(foreign(behave))) is kind


class Passing(Context):
    """A context whose deadline is far when the call starts, and has come when it ends."""

    asked = False

    def remaining(self) -> float | None:
        left = 0.0 if self.asked else 60.0
        self.asked = True
        return left


@pytest.mark.parametrize(
    ("make", "kind"), [(Passing, RpcError), (lambda: Context(timeout=60), ConnectionLost)]
)
def test_a_call_that_the_server_resets_at_the_deadline_is_late(
    foreign: Start, make: Callable[[], Context], kind: type[LabError]
) -> None:
    def behave(data: bytes, call: grpc.ServicerContext) -> bytes:
        call.abort(grpc.StatusCode.CANCELLED, "reset")
        return b""

    with pytest.raises(LabError) as caught:
        foreign(behave).unary(methods.READ, model.ReadRequest(), make())
    assert type(caught.value) is kind
    if isinstance(caught.value, RpcError):
        assert caught.value.code is Code.DEADLINE_EXCEEDED


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("grpc: received message larger than max (5000000 vs. 4194304)", "MESSAGE_TOO_LARGE"),
        ("gRPC message exceeds maximum size 4194304: 5000000", "MESSAGE_TOO_LARGE"),
        ("Received RST_STREAM with error code 11", None),
    ],
)
def test_a_message_that_a_library_refuses_is_too_large(
    foreign: Start, text: str, reason: str | None
) -> None:
    def behave(data: bytes, call: grpc.ServicerContext) -> bytes:
        call.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, text)
        return b""

    error = failure(foreign(behave))
    assert text in str(error)
    assert (error.details.reason if isinstance(error, RpcError) else None) == reason


def test_a_stream_that_breaks_off_is_an_error(foreign: Start) -> None:
    def behave(data: bytes, call: grpc.ServicerContext) -> Iterator[bytes]:
        yield b""
        call.abort(grpc.StatusCode.UNAVAILABLE, "gone")

    stream = foreign(behave).stream(methods.APPLY, model.ApplyRequest(), Context())
    assert next(stream) == model.ApplyEvent()
    with pytest.raises(ConnectionLost):
        next(stream)
