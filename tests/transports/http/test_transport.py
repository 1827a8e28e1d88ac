"""The HTTP transport against itself: its plugin's side in a thread, on a real socket."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from transportlab import model
from transportlab.backend import Backend
from transportlab.channel import Channel, SocketEndpoint
from transportlab.context import Cancellation, Context
from transportlab.errors import (
    ChannelClosed,
    Code,
    RpcError,
)
from transportlab.methods import APPLY, READ
from transportlab.model import ApplyEvent, ApplyRequest, Entry, PlanReply, ReadReply, ReadRequest
from transportlab.registry import load_backend, load_transport
from transportlab.remote import RemoteBackend
from transportlab.sdk.session import PluginSession

Serve = Callable[[str, Backend, str], Callable[[], None]]

HTTP = load_transport("http")
HANG_GUARD = 30.0
MESSAGE = 'fault {}: "quoted" <&> \u00e9 \u2028 end'
DETAILS = model.ErrorDetails("FAULT", "jobs/0", "e", "g", "a", ("a1", "a2"), ("f1",), ("u1",))


class Odd:
    """A backend that does what the echo backend cannot be told to do."""

    def __init__(self) -> None:
        self.entered = threading.Semaphore(0)
        self.release = threading.Event()
        self.closed = threading.Event()
        self.left: float | None = None

    def read(self, request: ReadRequest, context: Context) -> ReadReply:
        self.left = context.remaining()
        if request.app == "wait":
            self.entered.release()
            self.release.wait(HANG_GUARD)
        if request.app == "attentive":
            self.entered.release()
            try:
                context.wait(HANG_GUARD)
            finally:
                self.closed.set()
        return ReadReply()

    def apply(self, request: ApplyRequest, context: Context) -> Iterator[ApplyEvent]:
        try:
            yield ApplyEvent(op_index=0)
            if request.plan.app == "fail":
                raise RpcError(Code.ABORTED, MESSAGE, DETAILS)
            yield ApplyEvent(op_index=1)
            self.release.wait(HANG_GUARD)
            for _ in range(100_000):
                yield ApplyEvent(op_index=2)
        finally:
            self.closed.set()

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(name)


@pytest.fixture(params=HTTP.traits.codecs)
def codec(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def echo() -> PluginSession:
    plugin = load_backend("echo")
    assert plugin is not None
    return PluginSession(plugin)


@pytest.fixture
def channel(serve_http: Serve, socket_path: str, codec: str) -> Iterator[Channel]:
    serve_http(socket_path, echo(), codec)
    with HTTP.connect(SocketEndpoint(socket_path), codec=codec) as channel:
        request = model.OpenSessionRequest("1", (1,), {"faults": "requests"})
        RemoteBackend(channel).open_session(request, Context())
        yield channel


@pytest.fixture
def odd() -> Iterator[Odd]:
    backend = Odd()
    yield backend
    backend.release.set()


@pytest.fixture
def odd_channel(serve_http: Serve, socket_path: str, codec: str, odd: Odd) -> Iterator[Channel]:
    serve_http(socket_path, odd, codec)
    with HTTP.connect(SocketEndpoint(socket_path), codec=codec) as channel:
        yield channel


def read(channel: Channel, app: str, **how: Any) -> ReadReply:
    return channel.unary(READ, ReadRequest(app), Context(**how))


def apply(channel: Channel, app: str, **how: Any) -> Iterator[ApplyEvent]:
    return channel.stream(APPLY, ApplyRequest(PlanReply(app)), Context(**how))


@pytest.mark.parametrize("code", Code)
def test_each_code_arrives_with_message_and_details_to_the_letter(
    channel: Channel, code: Code
) -> None:
    for call in (read, lambda channel, app: list(apply(channel, app))):
        with pytest.raises(RpcError) as caught:
            call(channel, f"!error:{code.name}")
        assert (caught.value.code, caught.value.details) == (code, DETAILS)
        assert caught.value.message == MESSAGE.format(code.name)


def test_an_error_after_events_arrives_after_them(odd_channel: Channel) -> None:
    stream = apply(odd_channel, "fail")
    assert next(stream) == ApplyEvent(op_index=0)
    with pytest.raises(RpcError) as caught:
        next(stream)
    assert (caught.value.code, caught.value.message) == (Code.ABORTED, MESSAGE)
    assert caught.value.details == DETAILS


def test_a_stream_brings_its_events_in_order_and_then_ends(channel: Channel) -> None:
    events = list(apply(channel, "!events:300"))
    assert [event.op_index for event in events[:-1]] == list(range(300))
    assert events[-1].kind is model.ApplyEventKind.FINISHED


def test_an_abandoned_stream_closes_the_backends_iterator_and_the_channel_goes_on(
    odd_channel: Channel, odd: Odd
) -> None:
    stream = apply(odd_channel, "")
    next(stream)
    del stream
    odd.release.set()
    assert odd.closed.wait(HANG_GUARD)
    assert read(odd_channel, "") == ReadReply()


def test_cancelling_ends_a_call_and_reaches_the_backend(odd_channel: Channel, odd: Odd) -> None:
    switch = Cancellation()
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(read, odd_channel, "attentive", cancellation=switch)
        assert odd.entered.acquire(timeout=HANG_GUARD)
        switch.cancel()
        error = call.exception(HANG_GUARD)
    assert isinstance(error, RpcError)
    assert (error.code, error.message) == (Code.CANCELLED, "the call was cancelled")
    assert odd.closed.wait(HANG_GUARD)


def test_cancelling_ends_a_stream_and_reaches_the_backend(channel: Channel) -> None:
    switch = Cancellation()
    stream = apply(channel, "!events:2:60", cancellation=switch)
    assert next(stream).op_index == 0
    threading.Timer(0.05, switch.cancel).start()
    with pytest.raises(RpcError) as caught:
        next(stream)
    assert caught.value.code is Code.CANCELLED
    end = time.monotonic() + HANG_GUARD
    while read(channel, "!cancelled").entries[0].index < 1:
        assert time.monotonic() < end, "the backend never saw the cancellation"
        time.sleep(0.005)


def test_a_deadline_holds_against_a_backend_that_ignores_it(odd_channel: Channel, odd: Odd) -> None:
    calls = (read, lambda channel, app, timeout: list(apply(channel, app, timeout=timeout)))
    for call in calls:
        with pytest.raises(RpcError) as caught:
            call(odd_channel, "wait", timeout=0.05)
        assert caught.value.code is Code.DEADLINE_EXCEEDED


def test_a_deadline_reaches_the_backend(odd_channel: Channel, odd: Odd) -> None:
    read(odd_channel, "")
    assert odd.left is None
    read(odd_channel, "", timeout=1000.0)
    assert odd.left is not None
    assert 900 < odd.left <= 1000


@pytest.mark.parametrize("timeout", [1e7, 1e300, float("inf")])
def test_a_timeout_of_any_length_is_taken(odd_channel: Channel, timeout: float) -> None:
    assert read(odd_channel, "", timeout=timeout) == ReadReply()


def test_a_call_that_must_not_begin_is_not_made(odd_channel: Channel, odd: Odd) -> None:
    switch = Cancellation()
    switch.cancel()
    for how, code in (
        ({"timeout": 0.0}, Code.DEADLINE_EXCEEDED),
        ({"cancellation": switch}, Code.CANCELLED),
    ):
        with pytest.raises(RpcError) as caught:
            read(odd_channel, "wait", **how)
        assert caught.value.code is code
    assert not odd.entered.acquire(blocking=False)


def test_closing_the_channel_ends_calls_in_flight(odd_channel: Channel, odd: Odd) -> None:
    stream = apply(odd_channel, "")
    next(stream)
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(read, odd_channel, "wait")
        assert odd.entered.acquire(timeout=HANG_GUARD)
        odd_channel.close()
        with pytest.raises(ChannelClosed, match="during the call"):
            call.result(HANG_GUARD)
    with pytest.raises(ChannelClosed, match="during the call"):
        list(stream)
    odd_channel.close()
    with pytest.raises(ChannelClosed, match="is closed"):
        read(odd_channel, "")


def test_many_threads_share_a_channel(channel: Channel) -> None:
    def calls(thread: int) -> None:
        for number in range(50):
            app = f"!echo:{thread}/{number}"
            assert read(channel, app, timeout=HANG_GUARD).entries == (Entry(command=app),)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(calls, range(16)))


def test_one_call_more_than_128_is_refused(odd_channel: Channel, odd: Odd) -> None:
    with ThreadPoolExecutor(128) as pool:
        calls = [pool.submit(read, odd_channel, "wait") for _ in range(128)]
        for _ in calls:
            assert odd.entered.acquire(timeout=HANG_GUARD)
        with pytest.raises(RpcError) as caught:
            read(odd_channel, "")
        assert caught.value.code is Code.RESOURCE_EXHAUSTED
        assert caught.value.details.reason == "TOO_MANY_CALLS"
        odd.release.set()
        assert [call.result(HANG_GUARD) for call in calls] == [ReadReply()] * 128
    assert read(odd_channel, "") == ReadReply()
