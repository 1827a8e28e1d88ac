"""The host's side against a peer that follows a script: waiting, cancelling, closing."""

import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from transportlab.channel import Channel, StdioEndpoint
from transportlab.context import Cancellation, Context
from transportlab.errors import (
    ChannelClosed,
    Code,
    ProtocolViolation,
    RpcError,
    TransportError,
)
from transportlab.methods import APPLY, READ
from transportlab.model import (
    ApplyEvent,
    ApplyRequest,
    Entry,
    ReadReply,
    ReadRequest,
)
from transports.jsonrpc.link import EVENT_BYTES

HANG_GUARD = 30.0

Read = Callable[..., Future[str]]


def failure_of(future: Future[str]) -> BaseException:
    error = future.exception(HANG_GUARD)
    assert error is not None
    return error


def test_silence_ends_at_the_deadline_and_a_late_reply_is_dropped(read: Read, peer: Any) -> None:
    future, other = read(timeout=0.5), read()
    calls = [peer.request(), peer.request()]
    late = next(c["id"] for c in calls if "timeout_us" in c["params"])
    error = failure_of(future)
    assert isinstance(error, RpcError)
    assert error.code is Code.DEADLINE_EXCEEDED
    assert peer.request() == {"jsonrpc": "2.0", "method": "cancel", "params": {"id": late}}
    peer.send(peer.event_of(late, 0), peer.reply_of(late, "late"), peer.reply_of(3 - late, "x"))
    assert other.result(HANG_GUARD) == "x"


def test_leaders_and_followers_alike_end_at_their_deadline(read: Read, peer: Any) -> None:
    futures = [read(timeout=0.5 + 0.02 * n) for n in (5, 1, 4, 2, 3)]
    assert {type(failure_of(future)) for future in futures} == {RpcError}
    names = [peer.request()["method"] for _ in range(10)]
    assert sorted(names) == ["Read"] * 5 + ["cancel"] * 5


def test_leaders_and_followers_alike_are_cancelled(read: Read, peer: Any) -> None:
    switches = [Cancellation() for _ in range(5)]
    futures = []
    for switch in switches:
        futures.append(read(cancellation=switch))
        peer.request()
    for index in (2, 0, 4, 1, 3):
        switches[index].cancel()
        error = failure_of(futures[index])
        assert isinstance(error, RpcError)
        assert error.code is Code.CANCELLED
        assert peer.request()["method"] == "cancel"


def test_a_stream_is_cancelled_between_its_events(
    channel: Channel, peer: Any, pool: ThreadPoolExecutor
) -> None:
    switch = Cancellation()
    stream = channel.stream(APPLY, ApplyRequest(), Context(cancellation=switch))
    first = pool.submit(next, stream)
    peer.send(peer.event_of(peer.request()["id"], 0))
    first.result(HANG_GUARD)
    switch.cancel()
    with pytest.raises(RpcError, match="CANCELLED"):
        next(stream)
    assert peer.request()["method"] == "cancel"


def test_a_call_that_should_not_begin_sends_nothing(channel: Channel, peer: Any) -> None:
    switch = Cancellation()
    switch.cancel()
    for context in (Context(cancellation=switch), Context(timeout=0.0), Context(timeout=-1.0)):
        for begin in (channel.unary, lambda *of: list(channel.stream(*of))):
            with pytest.raises(RpcError):
                begin(READ, ReadRequest(), context)
    os.set_blocking(peer.endpoint.reader.fileno(), False)
    assert peer.endpoint.reader.read(1) is None


def test_a_stream_waits_for_its_reader_while_other_calls_go_on(
    channel: Channel, peer: Any, pool: ThreadPoolExecutor
) -> None:
    stream = channel.stream(APPLY, ApplyRequest(), Context())
    first = pool.submit(next, stream)
    number = peer.request()["id"]
    peer.send(peer.event_of(number, 0))
    assert first.result(HANG_GUARD) == ApplyEvent(op_index=0)
    future = pool.submit(channel.unary, READ, ReadRequest(), Context())
    other = peer.request()["id"]
    peer.send(*[peer.event_of(number, n) for n in range(1, 500)], peer.reply_of(other))
    assert future.result(HANG_GUARD) == ReadReply((Entry(),))
    peer.send({"jsonrpc": "2.0", "result": None, "id": number})
    assert [event.op_index for event in stream] == list(range(1, 500))


def test_a_stream_without_end_that_nobody_takes_does_not_fill_the_memory(
    channel: Channel,
    peer: Any,
    read: Read,
    pool: ThreadPoolExecutor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("transports.jsonrpc.link.MAX_WAITING_BYTES", 100 * EVENT_BYTES)
    stream = channel.stream(APPLY, ApplyRequest(), Context())
    first = pool.submit(next, stream)
    number = peer.request()["id"]
    peer.send(peer.event_of(number, 0))
    first.result(HANG_GUARD)
    future = read()
    peer.request()
    peer.send(*[peer.event_of(number, n) for n in range(1, 500)])
    error = failure_of(future)
    assert isinstance(error, ProtocolViolation)
    assert "more events wait to be taken" in str(error)
    with pytest.raises(ProtocolViolation):
        list(stream)


def test_a_slow_reader_of_many_events_is_no_flood(
    channel: Channel,
    peer: Any,
    read: Read,
    pool: ThreadPoolExecutor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("transports.jsonrpc.link.MAX_WAITING_BYTES", 10 * EVENT_BYTES)
    stream = channel.stream(APPLY, ApplyRequest(), Context())
    first = pool.submit(next, stream)
    number = peer.request()["id"]
    peer.send(peer.event_of(number, 0))
    first.result(HANG_GUARD)
    for n in range(100):  # two wait at each time, and so the inbox is never empty
        future = read()
        call = peer.request()["id"]
        peer.send(peer.event_of(number, n + 1))
        peer.reply(call)
        future.result(HANG_GUARD)
        if n:
            assert next(stream).op_index == n


def test_an_abandoned_stream_is_cancelled_and_its_events_are_dropped(
    channel: Channel, read: Read, peer: Any, pool: ThreadPoolExecutor
) -> None:
    stream = channel.stream(APPLY, ApplyRequest(), Context())
    first = pool.submit(next, stream)
    peer.send(peer.event_of(peer.request()["id"], 0))
    first.result(HANG_GUARD)
    stream.close()  # type: ignore[attr-defined]  # it is a generator
    assert peer.request()["method"] == "cancel"
    future = read()
    peer.send(
        peer.event_of(1, 1), peer.error_of(1, -32001), peer.reply_of(peer.request()["id"], "x")
    )
    assert future.result(HANG_GUARD) == "x"


def test_both_pipes_full_is_no_deadlock(
    channel: Channel, peer: Any, pool: ThreadPoolExecutor
) -> None:
    stream = channel.stream(APPLY, ApplyRequest(), Context())
    first = pool.submit(next, stream)
    peer.send(peer.event_of(peer.request()["id"], 0))
    first.result(HANG_GUARD)
    # A peer that writes much more than a pipe holds before it reads on.
    writing = pool.submit(peer.send, *[peer.event_of(1, n) for n in range(1, 20_000)])
    app = "x" * 1_000_000
    call = pool.submit(channel.unary, READ, ReadRequest(app), Context())
    writing.result(HANG_GUARD)
    request = peer.request()
    assert request["params"]["request"]["app"] == app
    peer.send(peer.reply_of(request["id"]), {"jsonrpc": "2.0", "result": None, "id": 1})
    call.result(HANG_GUARD)
    assert sum(1 for _ in stream) == 19_999


def test_requests_that_a_plugin_does_not_read_end_at_their_deadline(
    channel: Channel, read: Read, peer: Any
) -> None:
    with pytest.raises(RpcError, match="DEADLINE_EXCEEDED"):
        channel.unary(READ, ReadRequest("x" * 1_000_000), Context(timeout=0.5))
    for _ in range(3):
        with pytest.raises(RpcError, match="DEADLINE_EXCEEDED"):
            channel.unary(READ, ReadRequest("never sent"), Context(timeout=0.01))
    # What has begun must be finished; what has not begun is taken back without a trace.
    future = read()
    seen = [peer.request() for _ in range(3)]
    assert seen[0]["id"] == 1
    assert seen[1] == {"jsonrpc": "2.0", "method": "cancel", "params": {"id": 1}}
    assert seen[2]["params"]["request"] == {"app": "web"}
    peer.send(peer.reply_of(1), peer.reply_of(seen[2]["id"], "x"))
    assert future.result(HANG_GUARD) == "x"


def test_a_follower_can_send_while_the_leader_waits_with_a_full_pipe(
    channel: Channel, read: Read, peer: Any, pool: ThreadPoolExecutor
) -> None:
    leader = read()
    assert peer.request()["id"] == 1
    apps = {n: chr(ord("a") + n) * 500_000 for n in range(4)}
    futures = [
        pool.submit(channel.unary, READ, ReadRequest(app), Context()) for app in apps.values()
    ]
    for _ in futures:
        request = peer.request()
        assert request["params"]["request"]["app"] in apps.values()
        peer.reply(request["id"])
    peer.reply(1, "x")
    for future in futures:
        future.result(HANG_GUARD)
    assert leader.result(HANG_GUARD) == "x"


def test_close_ends_calls_in_flight_at_once_and_is_idempotent(
    channel: Channel, read: Read, peer: Any, pipes: tuple[StdioEndpoint, StdioEndpoint]
) -> None:
    futures = [read() for _ in range(5)]
    for _ in futures:
        peer.request()
    channel.close()
    channel.close()
    assert {type(failure_of(future)) for future in futures} == {ChannelClosed}
    with pytest.raises(ChannelClosed):
        channel.unary(READ, ReadRequest(), Context())
    end = time.monotonic() + HANG_GUARD
    while not (pipes[0].reader.closed and pipes[0].writer.closed):
        assert time.monotonic() < end
        time.sleep(0.001)
    assert os.read(peer.endpoint.reader.fileno(), 1) == b""


def test_close_of_an_idle_or_broken_channel_closes_the_pipes(
    channel: Channel, peer: Any, pipes: tuple[StdioEndpoint, StdioEndpoint]
) -> None:
    peer.close()
    with pytest.raises(TransportError):
        channel.unary(READ, ReadRequest(), Context())
    channel.close()
    assert pipes[0].reader.closed
    assert pipes[0].writer.closed
    with pytest.raises(ChannelClosed):
        channel.unary(READ, ReadRequest(), Context())


def test_pipes_that_others_have_closed_are_not_taken_for_those_with_their_numbers(
    channel: Channel, pipes: tuple[StdioEndpoint, StdioEndpoint]
) -> None:
    # As when a plugin is stopped before its channel is closed, and another one is started.
    theirs, ours = os.pipe()
    writer = pipes[0].writer.fileno()
    pipes[0].writer.close()
    try:
        os.dup2(ours, writer)
        with pytest.raises(TransportError, match="stdin is closed"):
            channel.unary(READ, ReadRequest(), Context(timeout=HANG_GUARD))
        os.set_blocking(theirs, False)
        with pytest.raises(BlockingIOError):
            os.read(theirs, 1)
    finally:
        for descriptor in (theirs, ours, writer):
            os.close(descriptor)


def test_a_stream_that_is_abandoned_after_close_is_no_error(
    channel: Channel, peer: Any, pool: ThreadPoolExecutor
) -> None:
    stream = channel.stream(APPLY, ApplyRequest(), Context())
    first = pool.submit(next, stream)
    peer.send(peer.event_of(peer.request()["id"], 0), peer.event_of(1, 1))
    first.result(HANG_GUARD)
    channel.close()
    with pytest.raises(ChannelClosed):
        list(stream)


def test_any_number_of_threads_share_a_channel_with_a_shuffling_peer(
    channel: Channel, peer: Any, pool: ThreadPoolExecutor
) -> None:
    def answer() -> None:
        # Each of 16 threads has one call in flight: all are held back, then answered mixed up.
        for _ in range(50):
            waiting = [peer.request() for _ in range(16)]
            replies = [peer.reply_of(r["id"], r["params"]["request"]["app"]) for r in waiting]
            peer.send(*replies[8:])
            peer.send(*reversed(replies[:8]))

    def work(thread: int) -> None:
        for number in range(50):
            app = f"{thread}-{number}"
            reply = channel.unary(READ, ReadRequest(app), Context(timeout=HANG_GUARD))
            assert reply.entries[0].app == app

    answering = threading.Thread(target=answer)
    answering.start()
    for future in [pool.submit(work, thread) for thread in range(16)]:
        future.result(HANG_GUARD)
    answering.join(HANG_GUARD)
    assert not answering.is_alive()
