"""Both sides together, over pipes in this process, and the echo plugin as a process of its own."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from sysconfig import get_path
from typing import Any

import pytest

from transportlab.backend import Backend
from transportlab.channel import Channel, EndpointKind, StdioEndpoint
from transportlab.context import Cancellation, Context
from transportlab.errors import MAX_MESSAGE_BYTES, Code, RpcError
from transportlab.methods import Method
from transportlab.model import (
    ApplyEventKind,
    ApplyRequest,
    ErrorDetails,
    OpenSessionRequest,
    PlanReply,
    ReadReply,
    ReadRequest,
)
from transportlab.registry import load_backend, load_transport
from transportlab.remote import RemoteBackend
from transportlab.sdk.session import PluginSession

HANG_GUARD = 60.0
ECHO = Path(get_path("scripts"), "cronix-backend-echo")
DETAILS = ErrorDetails("FAULT", "jobs/0", "e", "g", "a", ("a1", "a2"), ("f1",), ("u1",))


@pytest.fixture
def channel(serve_stdio: Callable[[Backend], Any]) -> Iterator[Channel]:
    plugin = load_backend("echo")
    assert plugin is not None
    endpoint, _ = serve_stdio(PluginSession(plugin))
    with load_transport("jsonrpc").connect(endpoint, codec="json") as channel:
        yield channel


@pytest.fixture
def backend(channel: Channel) -> Backend:
    return opened(channel)


def opened(channel: Channel) -> RemoteBackend:
    backend = RemoteBackend(channel)
    request = OpenSessionRequest("test", (1,), {"faults": "requests"})
    assert backend.open_session(request, Context()).plugin_name == "echo"
    return backend


def read(backend: Backend, app: str, **context: Any) -> ReadReply:
    return backend.read(ReadRequest(app), Context(**context))


def apply(backend: Backend, app: str, **context: Any) -> Any:
    return backend.apply(ApplyRequest(PlanReply(app)), Context(**context))


def test_the_traits_name_what_the_transport_is() -> None:
    traits = load_transport("jsonrpc").traits
    assert traits.endpoint is EndpointKind.STDIO
    assert traits.codecs == ("json",)
    assert traits.requires == ("jsonrpcserver", "msgspec")


def test_reading_the_traits_imports_no_library() -> None:
    code = "import sys, transports.jsonrpc; print({'jsonrpcserver'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


@pytest.mark.parametrize("code", Code)
def test_errors_arrive_equal(backend: Backend, code: Code) -> None:
    for call in (
        lambda: read(backend, f"!error:{code.name}"),
        lambda: list(apply(backend, f"!error:{code.name}")),
    ):
        with pytest.raises(RpcError) as caught:
            call()
        assert caught.value.code is code
        assert caught.value.message == f'fault {code.name}: "quoted" <&> é \u2028 end'
        assert caught.value.details == DETAILS


def test_an_unknown_method_and_an_unreadable_request_are_told_as_everywhere(
    channel: Channel, backend: Backend
) -> None:
    with pytest.raises(RpcError) as unknown:
        channel.unary(
            Method("Explode", "explode", ReadRequest, ReadReply), ReadRequest(), Context()
        )
    assert unknown.value.message == 'unknown method "Explode"'
    with pytest.raises(RpcError) as unreadable:
        channel.unary(Method("Plan", "plan", ReadRequest, ReadReply), ReadRequest(None), Context())
    assert unreadable.value.code is Code.INVALID_ARGUMENT
    assert unreadable.value.message == "app: Expected `str`, got `null`"
    assert unreadable.value.details == ErrorDetails("UNREADABLE_REQUEST", path="app")


def test_streams_keep_their_order_and_their_end(backend: Backend) -> None:
    events = list(apply(backend, "!events:1000"))
    assert [event.op_index for event in events[:-1]] == list(range(1000))
    assert events[-1].kind is ApplyEventKind.FINISHED


def test_a_deadline_ends_a_call(backend: Backend) -> None:
    with pytest.raises(RpcError, match="DEADLINE_EXCEEDED"):
        read(backend, "!sleep:60", timeout=0.02)
    assert read(backend, "web") == ReadReply()


def test_a_cancellation_reaches_the_backend(backend: Backend) -> None:
    switch = Cancellation()
    stream = apply(backend, "!events:2:60", cancellation=switch)
    assert next(stream).op_index == 0
    switch.cancel()
    with pytest.raises(RpcError, match="CANCELLED"):
        next(stream)
    wait_for_one_cancelled(backend)


def wait_for_one_cancelled(backend: Backend) -> None:
    """The news takes a moment; pytest's own timeout is the bound."""
    while read(backend, "!cancelled").entries[0].index == 0:
        pass


def test_an_abandoned_stream_leaves_the_channel_usable(backend: Backend) -> None:
    stream = apply(backend, "!events:100000000")
    assert next(stream).op_index == 0
    stream.close()
    assert read(backend, "!echo:x").entries[0].command == "!echo:x"
    wait_for_one_cancelled(backend)


def test_many_threads_share_one_channel(backend: Backend) -> None:
    def work(thread: int) -> None:
        for number in range(50):
            app = f"!echo:{thread}-{number}"
            assert read(backend, app, timeout=HANG_GUARD).entries[0].command == app

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(work, range(16)))


def test_large_messages_of_several_threads_pass_both_ways_at_once(backend: Backend) -> None:
    size = 8 * 1024 * 1024

    def work(thread: int) -> None:
        app = "!echo:" + chr(ord("a") + thread) * size
        assert read(backend, app, timeout=HANG_GUARD).entries[0].command == app

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))


@pytest.mark.slow
def test_the_largest_messages_pass_and_larger_ones_do_not(backend: Backend) -> None:
    around = len(b'{"app":""}')
    assert read(backend, "x" * (MAX_MESSAGE_BYTES - around)) == ReadReply()
    with pytest.raises(RpcError) as caught:
        read(backend, "x" * (MAX_MESSAGE_BYTES - around + 1))
    assert caught.value.details.reason == "MESSAGE_TOO_LARGE"
    with pytest.raises(RpcError) as caught:
        read(backend, f"!size:{MAX_MESSAGE_BYTES}")
    assert caught.value.details.reason == "MESSAGE_TOO_LARGE"
    around = len(b'{"entries":[{"app":"","job":"","index":0,"hash":"","schedule":"","command":"",')
    around += len(b'"location":""}],"malformed":[]}')
    size = MAX_MESSAGE_BYTES - around
    assert len(read(backend, f"!size:{size}").entries[0].command) == size


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    environment = {**os.environ, "CRONIX_PLUGIN_TRANSPORT": "jsonrpc"}
    with subprocess.Popen(
        [ECHO],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        bufsize=0,
    ) as process:
        yield process
        process.kill()


def session(process: subprocess.Popen[bytes]) -> tuple[Channel, RemoteBackend]:
    """Read the handshake line, connect, open the session."""
    assert process.stdout is not None
    assert process.stdin is not None
    line = b""
    while not line.endswith(b"\n"):
        byte = process.stdout.read(1)
        assert byte, line
        line += byte
    version = load_backend("echo").version  # type: ignore[union-attr]  # echo is there
    assert line.decode() == (
        f"CRONIX-PLUGIN-V1 stdio transport=jsonrpc codec=json name=echo version={version}\n"
    )
    endpoint = StdioEndpoint(process.stdout, process.stdin)  # type: ignore[arg-type]  # raw files
    channel = load_transport("jsonrpc").connect(endpoint, codec="json")
    return channel, opened(channel)


def test_a_plugin_process_serves_and_ends_with_its_stdin(
    process: subprocess.Popen[bytes],
) -> None:
    channel, backend = session(process)
    assert read(backend, "web") == ReadReply()
    channel.close()
    assert process.wait(HANG_GUARD) == 0


def test_what_a_backend_prints_does_not_reach_the_wire(process: subprocess.Popen[bytes]) -> None:
    channel, backend = session(process)
    assert read(backend, '!print:{"jsonrpc":"2.0","result":{},"id":2}') == ReadReply()
    assert read(backend, "web") == ReadReply()
    channel.close()
    assert process.wait(HANG_GUARD) == 0
    assert process.stderr is not None
    assert process.stderr.read().count(b'{"jsonrpc":"2.0","result":{},"id":2}') == 2


def test_sigterm_cancels_what_goes_on_and_ends_the_process(
    process: subprocess.Popen[bytes],
) -> None:
    channel, backend = session(process)
    with ThreadPoolExecutor(1) as pool, channel:
        stream = apply(backend, "!events:2:60")
        next(stream)
        future = pool.submit(next, stream)
        process.send_signal(signal.SIGTERM)
        error = future.exception(HANG_GUARD)
    assert isinstance(error, RpcError)
    assert error.code is Code.CANCELLED
    assert process.wait(HANG_GUARD) == 0
