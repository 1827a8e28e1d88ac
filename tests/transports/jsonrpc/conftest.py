"""A plugin that follows a script, and a host that writes lines by hand."""

import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, BinaryIO

import pytest

from transportlab.backend import Backend
from transportlab.channel import Channel, StdioEndpoint
from transportlab.context import Context
from transportlab.methods import READ
from transportlab.model import ReadRequest
from transportlab.registry import load_backend, load_transport
from transportlab.sdk.session import PluginSession

HANG_GUARD = 30.0


class Peer:
    """The plugin's ends of the pipes, line by line."""

    def __init__(self, endpoint: StdioEndpoint) -> None:
        self.endpoint = endpoint
        self._kept = b""

    def request(self) -> Any:
        while b"\n" not in self._kept:
            data = os.read(self.endpoint.reader.fileno(), 65536)
            assert data, "the host closed the connection"
            self._kept += data
        line, _, self._kept = self._kept.partition(b"\n")
        return json.loads(line)

    def write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[self.endpoint.writer.write(rest) or 0 :]

    def send(self, *messages: Any) -> None:
        self.write(b"".join(json.dumps(message).encode() + b"\n" for message in messages))

    def reply(self, number: int, name: str = "") -> None:
        self.send(self.reply_of(number, name))

    def close(self) -> None:
        self.endpoint.writer.close()
        self.endpoint.reader.close()

    @staticmethod
    def reply_of(number: int, name: str = "") -> dict[str, Any]:
        return {"jsonrpc": "2.0", "result": {"entries": [{"app": name}]}, "id": number}

    @staticmethod
    def event_of(number: int, index: int) -> dict[str, Any]:
        params = {"id": number, "event": {"op_index": index}}
        return {"jsonrpc": "2.0", "method": "event", "params": params}

    @staticmethod
    def error_of(
        number: int | None, code: int, data: Any = None, text: str = "no"
    ) -> dict[str, Any]:
        error = {"code": code, "message": text} | ({} if data is None else {"data": data})
        return {"jsonrpc": "2.0", "error": error, "id": number}


@pytest.fixture
def peer(pipes: tuple[StdioEndpoint, StdioEndpoint]) -> Peer:
    return Peer(pipes[1])


@pytest.fixture
def channel(pipes: tuple[StdioEndpoint, StdioEndpoint]) -> Iterator[Channel]:
    with load_transport("jsonrpc").connect(pipes[0], codec="json") as channel:
        yield channel


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(20) as pool:
        yield pool


Read = Callable[..., Future[str]]


@pytest.fixture
def read(channel: Channel, pool: ThreadPoolExecutor) -> Read:
    """read() begins a call in a thread of its own; its result is the app of the entry."""

    def call(**options: Any) -> str:
        reply = channel.unary(READ, ReadRequest("web"), Context(**options))
        return reply.entries[0].app if reply.entries else ""

    return lambda **options: pool.submit(call, **options)


ServeStdio = Callable[[Backend], tuple[StdioEndpoint, Any]]


@pytest.fixture
def serve_stdio(
    pipes: tuple[StdioEndpoint, StdioEndpoint], serve: Callable[..., Any]
) -> ServeStdio:
    """serve_stdio(backend) serves on the pipes: the host's endpoint, and what is served."""
    return lambda backend: (pipes[0], serve("jsonrpc", backend, pipes[1], "json"))


class Host:
    """Writes and reads lines, and knows nothing of the transport's code."""

    def __init__(self, endpoint: StdioEndpoint, served: Any) -> None:
        self.endpoint = endpoint
        self.served = served
        self.lines: BinaryIO = os.fdopen(os.dup(endpoint.reader.fileno()), "rb")

    def send(self, *messages: Any) -> None:
        self.write(b"".join(json.dumps(message).encode() + b"\n" for message in messages))

    def write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[self.endpoint.writer.write(rest) or 0 :]

    def receive(self) -> Any:
        line = self.lines.readline()
        assert line.endswith(b"\n"), line
        return json.loads(line)

    def call(self, method: str, request: Any, number: Any = 1, **params: Any) -> Any:
        self.send(self.request_of(method, request, number, **params))
        return self.receive()

    def error(self, method: str, request: Any, **params: Any) -> tuple[int, str, Any]:
        error = self.call(method, request, **params)["error"]
        return error["code"], error["message"], error.get("data")

    def wait_for_the_end(self) -> None:
        self.served.thread.join(HANG_GUARD)
        assert not self.served.thread.is_alive()

    @staticmethod
    def request_of(method: str, request: Any, number: Any, **params: Any) -> dict[str, Any]:
        return {
            "jsonrpc": "2.0",
            "method": method,
            "params": {"request": request, **params},
            "id": number,
        }

    @staticmethod
    def cancel_of(number: Any) -> dict[str, Any]:
        return {"jsonrpc": "2.0", "method": "cancel", "params": {"id": number}}


@pytest.fixture
def host(serve_stdio: ServeStdio) -> Iterator[Host]:
    plugin = load_backend("echo")
    assert plugin is not None
    host = Host(*serve_stdio(PluginSession(plugin)))
    opened = host.call("OpenSession", {"protocol_versions": [1], "config": {"faults": "requests"}})
    assert opened["result"]["protocol_version"] == 1
    with host.lines:
        yield host
