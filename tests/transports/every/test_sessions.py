"""What no vector can say of a session on each transport.

A vector sees replies and errors, and its wait is long. So here are: what is left of a session in
the host, what ends with its channel, when the events of a stream arrive, many threads, the host's
error for a plugin that dies, what a transport gives up that enforces no deadline, and messages of
just the largest size.
"""

import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor

import pytest

from transportlab import model
from transportlab.context import Context
from transportlab.errors import MAX_MESSAGE_BYTES, ChannelClosed, Code, PluginError, RpcError
from transportlab.host import HostOptions, HostSession, open_backend

Read = Callable[..., model.ReadReply]
Events = Callable[..., Generator[model.ApplyEvent, None, None]]

HANG_GUARD = 60.0
"""Seconds after which a wait in a test is taken for a hang; no verdict on speed."""


def test_leaving_a_session_leaves_nothing(transport: str, codec: str) -> None:
    before = set(threading.enumerate())
    with open_backend("echo", transport, HostOptions(codec=codec)) as session:
        process = session.process
        session.backend.read(model.ReadRequest("web"), Context())
    if process is not None:
        assert process.exit == "exit status 0"
    for thread in set(threading.enumerate()) - before:
        thread.join(HANG_GUARD)
        assert not thread.is_alive()
    session.close()


def test_closing_the_channel_ends_calls_in_flight(session: HostSession, read: Read) -> None:
    with ThreadPoolExecutor(1) as pool, session.channel:
        slow = pool.submit(read, "!sleep:60")
        time.sleep(0.1)
        session.channel.close()
        with pytest.raises(ChannelClosed):
            slow.result(HANG_GUARD)
    with pytest.raises(ChannelClosed):
        read("web")


def test_events_arrive_in_order_and_while_the_stream_goes_on(events: Events) -> None:
    assert [event.op_index for event in events("!events:300")][:-1] == list(range(300))
    stream = events("!events:2:60")
    assert next(stream).op_index == 0
    stream.close()


def test_many_threads_share_a_channel(read: Read, events: Events) -> None:
    def work(thread: int) -> None:
        for number in range(20):
            app = f"!echo:{thread}-{number}"
            assert read(app, timeout=HANG_GUARD).entries[0].command == app
        assert len(list(events("!events:20", timeout=HANG_GUARD))) == 21

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(work, range(16)))


@pytest.mark.traits(isolated=True)
def test_a_plugin_that_dies_in_a_call_is_an_error_with_its_end(
    session: HostSession, read: Read
) -> None:
    with pytest.raises(PluginError) as caught:
        read("!exit:3")
    assert caught.value.code == "E-CALL"
    assert caught.value.exit == "exit status 3"
    assert caught.value.path.endswith("cronix-backend-echo")
    with pytest.raises(PluginError):
        read("web")


@pytest.mark.traits(enforces_deadline=False)
def test_a_call_whose_deadline_is_not_enforced_is_late_when_it_ends(read: Read) -> None:
    begin = time.monotonic()
    with pytest.raises(RpcError) as caught:
        read("!block:0.6", timeout=0.5)
    assert caught.value.code is Code.DEADLINE_EXCEEDED
    assert time.monotonic() - begin >= 0.6


@pytest.mark.slow
def test_a_request_and_a_reply_may_be_of_just_the_largest_size(
    session: HostSession, read: Read
) -> None:
    overhead = 300
    assert read(f"!size:{MAX_MESSAGE_BYTES - overhead}").entries
    request = model.ReadRequest("x" * (MAX_MESSAGE_BYTES - overhead))
    assert session.backend.read(request, Context()) == model.ReadReply()
