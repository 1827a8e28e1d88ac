"""How a call ends early on every transport: deadline, cancellation, a stream that is left."""

import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor

import pytest

from transportlab import model
from transportlab.context import Cancellation, Context
from transportlab.errors import (
    ChannelClosed,
    Code,
    PluginError,
    RpcError,
)
from transportlab.host import HostOptions, HostSession, open_backend
from transportlab.registry import load_transport

Read = Callable[..., model.ReadReply]
Events = Callable[..., Generator[model.ApplyEvent, None, None]]

HANG_GUARD = 60.0
"""Seconds after which a wait in a test is taken for a hang; no verdict on speed."""


def test_an_abandoned_stream_is_cancelled_and_the_channel_stays_usable(
    read: Read, events: Events
) -> None:
    for number in range(3):
        stream = events("!events:100000:0.001")
        assert next(stream).op_index == 0
        stream.close()
        assert read(f"!echo:{number}").entries[0].command == f"!echo:{number}"
    wait_for_cancelled(read, 3)


def wait_for_cancelled(read: Read, count: int) -> None:
    """Until the backend has seen so many calls cancelled: the news may take a moment."""
    end = time.monotonic() + HANG_GUARD
    while read("!cancelled").entries[0].index < count:
        assert time.monotonic() < end, "the backend never saw the cancellation"
        time.sleep(0.005)


def test_a_deadline_ends_a_call(read: Read, events: Events) -> None:
    for call in (
        lambda: read("!sleep:60", timeout=0.05),
        lambda: list(events("!events:2:60", timeout=0.05)),
    ):
        with pytest.raises(RpcError) as caught:
            call()
        assert caught.value.code is Code.DEADLINE_EXCEEDED
        assert caught.value.message == "the deadline passed before the call was done"
    assert read("web") == model.ReadReply()


def test_a_deadline_in_the_past_ends_a_call_before_it_begins(read: Read) -> None:
    with pytest.raises(RpcError) as caught:
        read("web", timeout=-1.0)
    assert caught.value.code is Code.DEADLINE_EXCEEDED


def test_a_deadline_holds_against_a_backend_that_ignores_it(transport: str, read: Read) -> None:
    if not load_transport(transport).traits.enforces_deadline:
        # What this trait gives up, shown: the call comes back only when the backend lets go.
        begin = time.monotonic()
        read("!block:0.6", timeout=0.5)
        assert time.monotonic() - begin >= 0.6
        return
    with pytest.raises(RpcError) as caught:
        read("!block:60", timeout=0.05)
    assert caught.value.code is Code.DEADLINE_EXCEEDED


def test_cancelling_reaches_the_backend(read: Read, events: Events) -> None:
    calls: list[Callable[[Cancellation], object]] = [
        lambda switch: read("!sleep:60", cancellation=switch),
        lambda switch: list(events("!events:2:60", cancellation=switch)),
    ]
    for number, call in enumerate(calls):
        delay = 0.02
        # A call that is cancelled before it has reached the backend is nothing to see there.
        while read("!cancelled").entries[0].index <= number:
            switch = Cancellation()
            threading.Timer(delay, switch.cancel).start()
            with pytest.raises(RpcError) as caught:
                call(switch)
            assert caught.value.code is Code.CANCELLED
            assert caught.value.message == "the call was cancelled"
            delay *= 2
            assert delay < HANG_GUARD, "the backend never saw a cancellation"
            time.sleep(delay)


def test_a_call_that_is_cancelled_before_it_begins_is_not_made(read: Read) -> None:
    switch = Cancellation()
    switch.cancel()
    with pytest.raises(RpcError) as caught:
        read("web", cancellation=switch)
    assert caught.value.code is Code.CANCELLED


def test_closing_the_channel_ends_calls_in_flight(session: HostSession, read: Read) -> None:
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(read, "!sleep:60")
        time.sleep(0.1)
        session.channel.close()
        with pytest.raises(ChannelClosed):
            slow.result(HANG_GUARD)
    session.channel.close()
    with pytest.raises(ChannelClosed):
        read("web")


def test_a_plugin_that_dies_in_a_call_is_an_error_with_its_end(transport: str, codec: str) -> None:
    if not load_transport(transport).traits.isolated:
        pytest.skip("not isolated: the host would die; shown in a child process elsewhere")
    options = HostOptions(codec=codec, config={"faults": "requests"})
    with open_backend("echo", transport, options) as session:
        with pytest.raises(PluginError) as caught:
            session.backend.read(model.ReadRequest("!exit:3"), Context())
        assert caught.value.code == "E-CALL"
        assert caught.value.exit == "exit status 3"
        assert caught.value.path.endswith("cronix-backend-echo")
        with pytest.raises(PluginError):
            session.backend.read(model.ReadRequest("web"), Context())
