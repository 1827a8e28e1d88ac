"""The HTTP transport's plugin side against clients that are not the lab's: bytes on a socket."""

import json
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

import pytest

from transportlab.backend import Backend
from transportlab.codecs import load_codec
from transportlab.errors import MAX_MESSAGE_BYTES
from transportlab.model import ReadReply, ReadRequest
from transportlab.registry import load_backend
from transportlab.sdk.session import PluginSession

Serve = Callable[[str, Backend, str], Callable[[], None]]

HANG_GUARD = 30.0
JSON, PROTOBUF = "application/json", "application/x-protobuf"
PREFIX = "/cronix.backend.v1.Backend/"
CALL = f"POST {PREFIX}Read HTTP/1.1\r\nContent-Type: {JSON}\r\n".encode()


def post(method: str, body: bytes | str, *headers: str, content_type: str = JSON) -> bytes:
    data = body.encode() if isinstance(body, str) else body
    lines = [f"POST {PREFIX}{method} HTTP/1.1", "Host: x", f"Content-Type: {content_type}"]
    lines += [f"Content-Length: {len(data)}", *headers, "\r\n"]
    return "\r\n".join(lines).encode() + data


class Client:
    """Writes bytes, and reads responses without a library that could be too kind to them."""

    def __init__(self, path: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(HANG_GUARD)
        self.socket.connect(path)
        self._file: BinaryIO = self.socket.makefile("rb")

    def close(self) -> None:
        self._file.close()
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def head(self) -> tuple[int, dict[str, str]]:
        status = int(self._file.readline().split()[1])
        lines = iter(self._file.readline, b"\r\n")
        pairs = (line.decode().rstrip("\r\n").split(": ", 1) for line in lines)
        return status, {name.lower(): value for name, value in pairs}

    def response(self) -> tuple[int, dict[str, str], bytes]:
        status, headers = self.head()
        if headers.get("transfer-encoding") == "chunked":
            return status, headers, b"".join(iter(self.chunk, b""))
        return status, headers, self._file.read(int(headers["content-length"]))

    def chunk(self) -> bytes:
        size = int(self._file.readline(), 16)
        data = self._file.read(size)
        assert self._file.readline() == b"\r\n"
        return data

    def problem(self) -> tuple[int, dict[str, Any]]:
        status, headers, body = self.response()
        assert headers["content-type"] == "application/problem+json"
        document: dict[str, Any] = json.loads(body)
        assert document["status"] == status
        return status, document

    def ended(self) -> bool:
        return not self._file.read(1)


@pytest.fixture
def path(serve_http: Serve, socket_path: str) -> str:
    plugin = load_backend("echo")
    assert plugin is not None
    serve_http(socket_path, PluginSession(plugin), "json")
    return socket_path


@pytest.fixture
def connect(path: str) -> Iterator[Callable[[], Client]]:
    clients: list[Client] = []

    def one() -> Client:
        clients.append(Client(path))
        return clients[-1]

    yield one
    for client in clients:
        client.close()


@pytest.fixture
def client(connect: Callable[[], Client]) -> Client:
    first = connect()
    first.send(post("OpenSession", '{"protocol_versions":[1],"config":{"faults":"requests"}}'))
    assert first.response()[0] == 200
    return first


def alive(client: Client) -> bool:
    client.send(post("Read", '{"app":"!echo:alive"}'))
    return b"alive" in client.response()[2]


def test_a_request_may_come_byte_by_byte(client: Client) -> None:
    for byte in post("Read", '{"app":"!echo:slow"}'):
        client.send(bytes((byte,)))
    status, headers, body = client.response()
    assert (status, headers) == (200, {"content-type": JSON, "content-length": str(len(body))})
    assert json.loads(body)["entries"][0]["command"] == "!echo:slow"


def test_requests_that_come_together_are_answered_in_order(client: Client) -> None:
    apps = [f"!echo:{number}" for number in range(20)]
    client.send(b"".join(post("Read", json.dumps({"app": app})) for app in apps))
    bodies = [json.loads(client.response()[2]) for _ in apps]
    assert [body["entries"][0]["command"] for body in bodies] == apps


def test_a_request_may_come_in_chunks(client: Client) -> None:
    head = CALL + b"Transfer-Encoding: chunked\r\n\r\n"
    client.send(head + b'8\r\n{"app":"\r\n9;x=y\r\n!echo:a"}\r\n0\r\nTrailer: 1\r\n\r\n')
    assert b"!echo:a" in client.response()[2]
    assert alive(client)


def test_a_client_that_waits_for_leave_to_send_gets_it(client: Client) -> None:
    whole = post("Read", '{"app":"!echo:x"}', "Expect: 100-continue")
    head, _, body = whole.partition(b"\r\n\r\n")
    client.send(head + b"\r\n\r\n")
    assert client.head() == (100, {})
    client.send(body)
    assert client.response()[0] == 200


def test_a_client_that_waits_for_leave_to_send_too_much_does_not_get_it(client: Client) -> None:
    length = f"Content-Length: {MAX_MESSAGE_BYTES + 1}\r\n"
    client.send(CALL + length.encode() + b"Expect: 100-continue\r\n\r\n")
    assert client.problem()[0] == 413
    assert client.ended()


def test_a_connection_is_closed_if_the_client_asks_for_it(client: Client) -> None:
    client.send(post("Read", "{}", "Connection: close"))
    status, headers, _ = client.response()
    assert (status, headers["connection"]) == (200, "close")
    assert client.ended()


def test_either_codec_is_understood(client: Client) -> None:
    codec = load_codec("protobuf")
    request = codec.encode(ReadRequest("!echo:pb"))
    client.send(post("Read", request, content_type=f"{PROTOBUF}; charset=binary"))
    status, headers, body = client.response()
    assert (status, headers["content-type"]) == (200, PROTOBUF)
    assert codec.decode(ReadReply, body).entries[0].command == "!echo:pb"


def test_a_json_stream_is_a_chunk_and_a_line_an_event(client: Client) -> None:
    client.send(post("Apply", '{"plan":{"app":"!events:1"}}'))
    status, headers = client.head()
    assert (status, headers["content-type"]) == (200, "application/x-ndjson")
    lines = list(iter(client.chunk, b""))
    assert all(line.endswith(b"\n") for line in lines)
    kinds = [json.loads(line).get("event", {}).get("kind") for line in lines]
    assert kinds == ["started", "finished", None]
    assert json.loads(lines[-1]) == {"status": {"code": 0}}
    assert alive(client)


def test_a_protobuf_stream_is_a_chunk_and_a_frame_an_event(client: Client) -> None:
    client.send(post("Apply", b"\n\x0b\n\t!events:1", content_type=PROTOBUF))
    status, headers = client.head()
    assert (status, headers["content-type"]) == (200, "application/x-protobuf-stream")
    frames = list(iter(client.chunk, b""))
    assert [frame[0] for frame in frames] == [0, 0, 1]
    assert frames[-1] == b"\x01\x00\x00\x00\x00"


def test_an_error_of_a_protobuf_call_is_a_problem_document_too(client: Client) -> None:
    request = load_codec("protobuf").encode(ReadRequest("!error:NOT_FOUND"))
    client.send(post("Read", request, content_type=PROTOBUF))
    status, problem = client.problem()
    assert (status, problem["code"]) == (404, "NOT_FOUND")
    assert problem["detail"] == 'fault NOT_FOUND: "quoted" <&> \u00e9 \u2028 end'


def test_a_deadline_in_the_header_reaches_the_backend(client: Client) -> None:
    client.send(post("Read", '{"app":"!sleep:60"}', "Cronix-Timeout-Us: 50000"))
    status, problem = client.problem()
    assert (status, problem["code"]) == (504, "DEADLINE_EXCEEDED")
    assert alive(client)


@pytest.mark.parametrize(
    ("request_bytes", "status", "code"),
    [
        (post("Explode", "{}"), 501, "UNIMPLEMENTED"),
        (post("Read", '{"app":1}'), 400, "INVALID_ARGUMENT"),
        (post("Read", "{"), 400, "INVALID_ARGUMENT"),
        (post("Read", b"\xff", content_type=PROTOBUF), 400, "INVALID_ARGUMENT"),
        (post("Read", "{}", "Cronix-Timeout-Us: soon"), 400, "INVALID_ARGUMENT"),
        (post("Read", '{"app":"!error:ABORTED"}'), 409, "ABORTED"),
        (post("Apply", '{"plan":{"app":"!error:CANCELLED"}}'), 499, "CANCELLED"),
        (post("OpenSession", "{}"), 400, "FAILED_PRECONDITION"),
    ],
    ids=range(8),
)
def test_after_an_error_of_a_call_the_connection_goes_on(
    client: Client, request_bytes: bytes, status: int, code: str
) -> None:
    client.send(request_bytes)
    got, problem = client.problem()
    assert (got, problem["code"]) == (status, code)
    assert alive(client)


def test_an_unknown_path_is_named(client: Client) -> None:
    for target, name in ((f"{PREFIX}No", "No"), ("/nope?x=1", "/nope?x=1"), ("Read", "Read")):
        client.send(post("Read", "{}").replace(f"{PREFIX}Read".encode(), target.encode()))
        status, problem = client.problem()
        assert (status, problem["detail"]) == (501, f'unknown method "{name}"')
        assert problem["details"]["got"] == name


def test_a_client_that_leaves_in_a_call_cancels_it(
    connect: Callable[[], Client], client: Client
) -> None:
    for request in (
        post("Apply", '{"plan":{"app":"!events:2:60"}}'),
        post("Apply", '{"plan":{"app":"!events:100000:0.001"}}'),
    ):
        leaving = connect()
        leaving.send(request)
        assert leaving.head()[0] == 200
        leaving.close()
    end, seen = time.monotonic() + HANG_GUARD, 0
    while seen < 2:
        client.send(post("Read", '{"app":"!cancelled"}'))
        seen = json.loads(client.response()[2])["entries"][0]["index"]
        assert time.monotonic() < end, "the backend never saw both leave"
        time.sleep(0.005)
