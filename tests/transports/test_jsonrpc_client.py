"""The host's side against a peer that follows a script instead of the protocol."""

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from transportlab.channel import Channel, StdioEndpoint
from transportlab.context import Cancellation
from transportlab.errors import (
    MAX_MESSAGE_BYTES,
    ChannelClosed,
    Code,
    ConnectionLost,
    ProtocolViolation,
    RpcError,
    TransportError,
)
from transportlab.methods import APPLY, DRIFT, READ
from transportlab.model import (
    ApplyEvent,
    ApplyRequest,
    DriftReply,
    DriftRequest,
    Entry,
    ReadReply,
    ReadRequest,
)
from transportlab.registry import load_transport
from transports.jsonrpc.framing import MAX_LINE_BYTES

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
        self.send(reply_of(number, name))

    def close(self) -> None:
        self.endpoint.writer.close()
        self.endpoint.reader.close()


def reply_of(number: int, name: str = "") -> dict[str, Any]:
    return {"jsonrpc": "2.0", "result": {"entries": [{"app": name}]}, "id": number}


def event_of(number: int, index: int) -> dict[str, Any]:
    params = {"id": number, "event": {"op_index": index}}
    return {"jsonrpc": "2.0", "method": "event", "params": params}


def error_of(number: int | None, code: int, data: Any = None, text: str = "no") -> dict[str, Any]:
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
        reply = channel.unary(READ, ReadRequest("web"), **options)
        return reply.entries[0].app if reply.entries else ""

    return lambda **options: pool.submit(call, **options)


def failure(future: Future[str]) -> BaseException:
    error = future.exception(HANG_GUARD)
    assert error is not None
    return error


def test_the_lines_on_the_wire(channel: Channel, peer: Peer, pool: ThreadPoolExecutor) -> None:
    pool.submit(channel.unary, READ, ReadRequest("web"))
    assert peer.request() == {
        "jsonrpc": "2.0",
        "method": "Read",
        "params": {"request": {"app": "web"}},
        "id": 1,
    }
    pool.submit(channel.unary, READ, ReadRequest(), timeout=HANG_GUARD)
    params = peer.request()["params"]
    assert params == {"request": {"app": None}, "timeout_us": HANG_GUARD * 1e6}
    peer.send(reply_of(2), reply_of(1))


@pytest.mark.parametrize("timeout", [1e-9, 1e12, float("inf")])
def test_any_timeout_can_be_sent(read: Read, peer: Peer, timeout: float) -> None:
    future = read(timeout=timeout)
    request = peer.request()
    assert 1 <= request["params"]["timeout_us"] <= 2**53
    peer.reply(request["id"], "x")
    assert future.exception(HANG_GUARD) is None or timeout < 1


def test_replies_may_come_in_any_order(read: Read, peer: Peer) -> None:
    futures = {}
    for _ in range(10):
        future = read()
        futures[peer.request()["id"]] = future
    peer.send(*[reply_of(number, f"app {number}") for number in (*range(3, 11), 1)])
    peer.reply(2, "app 2")
    assert {n: f.result(HANG_GUARD) for n, f in futures.items()} == {
        n: f"app {n}" for n in range(1, 11)
    }


def test_replies_of_other_methods_are_told_apart(
    channel: Channel, read: Read, peer: Peer, pool: ThreadPoolExecutor
) -> None:
    first = read()
    assert peer.request()["id"] == 1
    second = pool.submit(channel.unary, DRIFT, DriftRequest("web"))
    assert peer.request()["id"] == 2
    peer.send({"jsonrpc": "2.0", "result": {"items": [{}]}, "id": 2})
    assert len(second.result(HANG_GUARD).items) == 1
    peer.reply(1, "x")
    assert first.result(HANG_GUARD) == "x"
    assert isinstance(second.result(), DriftReply)


def test_a_reply_may_come_byte_by_byte(read: Read, peer: Peer) -> None:
    future = read()
    for byte in json.dumps(reply_of(peer.request()["id"], "é"), ensure_ascii=False).encode():
        peer.write(bytes([byte]))
    peer.write(b"\r\n")
    assert future.result(HANG_GUARD) == "é"


BAD_LINES = [
    b"garbage",
    b"Content-Length: 12\r",
    b'"text"',
    b"[]",
    b'{"jsonrpc":"1.0","result":{},"id":1}',
    b'{"jsonrpc":"2.0","id":1}',
    b'{"jsonrpc":"2.0","result":{},"error":{"code":1,"message":"m"},"id":1}',
    b'{"jsonrpc":"2.0","result":{},"id":"1"}',
    b'{"jsonrpc":"2.0","result":{},"id":7}',
    b'{"jsonrpc":"2.0","result":{},"id":null}',
    b'{"jsonrpc":"2.0","result":{}}',
    b'{"jsonrpc":"2.0","error":{"code":-32700,"message":"Parse error"},"id":null}',
    b'{"jsonrpc":"2.0","error":{"code":"x","message":"m"},"id":1}',
    b'{"jsonrpc":"2.0","method":"ping","params":{"id":1,"event":{}}}',
    b'{"jsonrpc":"2.0","method":"event"}',
    b'{"jsonrpc":"2.0","params":{"id":1,"event":{}}}',
    b'{"jsonrpc":"2.0","method":"event","params":{"id":7,"event":{}}}',
    b'{"jsonrpc":"2.0","result":"\xff' + b"x" * 300 + b',"id":1}',
    b'{"jsonrpc":"2.0","result":{"entries":[{"app":"\\ud800"}]},"id":1}',
    b'{"a":' * 10_000,
]


@pytest.mark.parametrize("line", BAD_LINES)
def test_a_line_that_is_no_reply_ends_the_channel_for_all(
    channel: Channel, read: Read, peer: Peer, line: bytes
) -> None:
    futures = [read(), read(), read()]
    for _ in futures:
        peer.request()
    peer.write(line + b"\n")
    errors = [failure(future) for future in futures]
    with pytest.raises(ProtocolViolation) as later:
        channel.unary(READ, ReadRequest())
    for error in (*errors, later.value):
        assert isinstance(error, ProtocolViolation)
        assert repr(line[:200]) in str(error)
        assert len(str(error)) < 600


def test_what_the_violation_was_is_told(read: Read, peer: Peer) -> None:
    future = read()
    peer.request()
    peer.write(b"Content-Length: 12\r\n")
    assert "Content-Length headers are not used here" in str(failure(future))


def test_an_error_without_an_id_is_told(read: Read, peer: Peer) -> None:
    future = read()
    peer.request()
    peer.send(error_of(None, -32700, text="Parse error"))
    assert 'with the error "Parse error"' in str(failure(future))


def test_a_second_reply_to_a_call_is_a_violation(read: Read, peer: Peer) -> None:
    future, other = read(), read()
    peer.request()
    number = peer.request()["id"]
    peer.send(reply_of(number), reply_of(number))
    errors = {type(f.exception(HANG_GUARD)) for f in (future, other)}
    assert errors == {type(None), ProtocolViolation}


def test_an_event_for_a_call_with_one_reply_is_a_violation(read: Read, peer: Peer) -> None:
    future = read()
    peer.request()
    peer.send(event_of(1, 0))
    assert str(failure(future)) == "Read has one reply, but an event came"


@pytest.mark.parametrize(
    ("result", "problem"),
    [
        ('{"entries":1}', "entries: Expected `array`, got `int`"),
        ('{"entries":[{"index":2147483648}]}', "entries/0/index: integer 2147483648 is outside"),
        ("null", "Expected `object`, got `null`"),
    ],
)
def test_an_unreadable_reply_concerns_its_call_alone(
    read: Read, peer: Peer, result: str, problem: str
) -> None:
    future, other = read(), read()
    bad, good = peer.request()["id"], peer.request()["id"]
    peer.write(b'{"jsonrpc":"2.0","result":%b,"id":%d}\n' % (result.encode(), bad))
    peer.reply(good, "x")
    outcomes = [f.exception(HANG_GUARD) for f in (future, other)]
    [error] = [outcome for outcome in outcomes if outcome is not None]
    assert isinstance(error, ProtocolViolation)
    assert str(error).startswith("Read: unreadable reply: ")
    assert problem in str(error)
    later = read()
    peer.reply(peer.request()["id"], "y")
    assert later.result(HANG_GUARD) == "y"


def test_a_stream_that_ends_with_a_result_is_a_violation(
    channel: Channel, peer: Peer, pool: ThreadPoolExecutor
) -> None:
    future = pool.submit(lambda: list(channel.stream(APPLY, ApplyRequest())))
    peer.send(event_of(peer.request()["id"], 0), reply_of(1))
    with pytest.raises(ProtocolViolation, match="Apply: unreadable reply"):
        future.result(HANG_GUARD)


def test_a_reply_over_the_limit_concerns_its_call_and_a_line_over_it_all(
    read: Read, peer: Peer
) -> None:
    future = read()
    peer.request()
    command = b"x" * (MAX_MESSAGE_BYTES + 1 - len(b'{"entries":[{"command":""}]}'))
    peer.write(b'{"jsonrpc":"2.0","result":{"entries":[{"command":"%b"}]},"id":1}\n' % command)
    assert str(failure(future)) == (
        f"Read: a reply of {MAX_MESSAGE_BYTES + 1} bytes is over the limit"
    )
    future = read()
    peer.request()
    peer.write(b"x" * (MAX_LINE_BYTES + 1) + b"\n")
    assert str(failure(future)) == f"the plugin sent a line of {MAX_LINE_BYTES + 1} bytes"


@pytest.mark.parametrize(
    ("code", "data", "expected"),
    [
        (-32005, {"code": "NOT_FOUND", "details": {"reason": "R"}}, (Code.NOT_FOUND, "no", "R")),
        (-32005, None, (Code.NOT_FOUND, "no", "")),
        (-32005, "text", (Code.NOT_FOUND, "no", "")),
        (-32017, None, (Code.UNKNOWN, "no", "")),
        (-32000, None, (Code.UNKNOWN, "no", "")),
        (7, None, (Code.UNKNOWN, "no", "")),
        (-32700, None, (Code.INTERNAL, "no", "")),
        (-32600, None, (Code.INTERNAL, "no", "")),
        (-32603, None, (Code.INTERNAL, "no", "")),
        (-32602, None, (Code.INVALID_ARGUMENT, "no", "")),
        (-32601, None, (Code.UNIMPLEMENTED, 'unknown method "Read"', "UNKNOWN_METHOD")),
    ],
)
def test_each_error_of_json_rpc_has_its_place_in_the_table(
    read: Read, peer: Peer, code: int, data: Any, expected: tuple[Code, str, str]
) -> None:
    future = read()
    peer.request()
    peer.send(error_of(1, code, data))
    error = failure(future)
    assert isinstance(error, RpcError)
    assert (error.code, error.message, error.details.reason) == expected


def test_unreadable_details_are_a_violation(read: Read, peer: Peer) -> None:
    future = read()
    peer.request()
    peer.send(error_of(1, -32005, {"details": {"reason": 1}}))
    assert isinstance(failure(future), ProtocolViolation)
    assert "details are unreadable: reason" in str(failure(future))


@pytest.mark.parametrize(
    ("last", "text"),
    [
        (b"", "the plugin closed the connection"),
        (b'{"half', "the plugin closed the connection in the middle of a line: b'{\"half'"),
    ],
)
def test_the_end_of_the_connection_is_told_to_all(
    channel: Channel, read: Read, peer: Peer, last: bytes, text: str
) -> None:
    futures = [read(), read()]
    for _ in futures:
        peer.request()
    peer.write(last)
    peer.endpoint.writer.close()
    for future in futures:
        assert isinstance(error := failure(future), ConnectionLost)
        assert str(error) == text
    with pytest.raises(ConnectionLost):
        channel.unary(READ, ReadRequest())


def test_what_came_before_the_end_is_delivered(read: Read, peer: Peer) -> None:
    future = read()
    peer.reply(peer.request()["id"], "x")
    peer.close()
    assert future.result(HANG_GUARD) == "x"


def test_a_plugin_that_reads_no_more_is_lost(channel: Channel, peer: Peer) -> None:
    peer.endpoint.reader.close()
    with pytest.raises(ConnectionLost, match="does not read any more"):
        channel.unary(READ, ReadRequest())


def test_a_plugin_that_stops_reading_in_a_long_line_is_lost(
    channel: Channel, peer: Peer, pool: ThreadPoolExecutor
) -> None:
    future = pool.submit(channel.unary, READ, ReadRequest("x" * 1_000_000))
    os.read(peer.endpoint.reader.fileno(), 1)
    peer.endpoint.reader.close()
    with pytest.raises(ConnectionLost, match="does not read any more"):
        future.result(HANG_GUARD)


def test_a_pipe_that_is_no_longer_ours_is_a_lost_connection(
    channel: Channel, peer: Peer, pipes: tuple[StdioEndpoint, StdioEndpoint]
) -> None:
    # Whoever owns the descriptors has put a directory in the place of the pipe.
    folder = os.open("/", os.O_RDONLY)
    os.dup2(folder, pipes[0].reader.fileno())
    os.close(folder)
    with pytest.raises(ConnectionLost, match="cannot be read from"):
        channel.unary(READ, ReadRequest())


def test_silence_ends_at_the_deadline_and_a_late_reply_is_dropped(read: Read, peer: Peer) -> None:
    future, other = read(timeout=0.05), read()
    calls = [peer.request(), peer.request()]
    late = next(c["id"] for c in calls if "timeout_us" in c["params"])
    error = failure(future)
    assert isinstance(error, RpcError)
    assert error.code is Code.DEADLINE_EXCEEDED
    assert peer.request() == {"jsonrpc": "2.0", "method": "cancel", "params": {"id": late}}
    peer.send(event_of(late, 0), reply_of(late, "late"), reply_of(3 - late, "x"))
    assert other.result(HANG_GUARD) == "x"


def test_leaders_and_followers_alike_end_at_their_deadline(read: Read, peer: Peer) -> None:
    futures = [read(timeout=0.02 * n) for n in (5, 1, 4, 2, 3)]
    assert {type(failure(future)) for future in futures} == {RpcError}
    names = [peer.request()["method"] for _ in range(10)]
    assert sorted(names) == ["Read"] * 5 + ["cancel"] * 5


def test_leaders_and_followers_alike_are_cancelled(read: Read, peer: Peer) -> None:
    switches = [Cancellation() for _ in range(5)]
    futures = []
    for switch in switches:
        futures.append(read(cancel=switch))
        peer.request()
    for index in (2, 0, 4, 1, 3):
        switches[index].cancel()
        error = failure(futures[index])
        assert isinstance(error, RpcError)
        assert error.code is Code.CANCELLED
        assert peer.request()["method"] == "cancel"


def test_a_stream_is_cancelled_between_its_events(
    channel: Channel, peer: Peer, pool: ThreadPoolExecutor
) -> None:
    switch = Cancellation()
    stream = channel.stream(APPLY, ApplyRequest(), cancel=switch)
    first = pool.submit(next, stream)
    peer.send(event_of(peer.request()["id"], 0))
    first.result(HANG_GUARD)
    switch.cancel()
    with pytest.raises(RpcError, match="CANCELLED"):
        next(stream)
    assert peer.request()["method"] == "cancel"


def test_a_call_that_should_not_begin_sends_nothing(channel: Channel, peer: Peer) -> None:
    switch = Cancellation()
    switch.cancel()
    for options in ({"cancel": switch}, {"timeout": 0.0}, {"timeout": -1.0}):
        for begin in (channel.unary, lambda *a, **o: list(channel.stream(*a, **o))):
            with pytest.raises(RpcError):
                begin(READ, ReadRequest(), **options)
    os.set_blocking(peer.endpoint.reader.fileno(), False)
    assert peer.endpoint.reader.read(1) is None


def test_a_stream_waits_for_its_reader_while_other_calls_go_on(
    channel: Channel, peer: Peer, pool: ThreadPoolExecutor
) -> None:
    stream = channel.stream(APPLY, ApplyRequest())
    first = pool.submit(next, stream)
    number = peer.request()["id"]
    peer.send(event_of(number, 0))
    assert first.result(HANG_GUARD) == ApplyEvent(op_index=0)
    future = pool.submit(channel.unary, READ, ReadRequest())
    other = peer.request()["id"]
    peer.send(*[event_of(number, n) for n in range(1, 500)], reply_of(other))
    assert future.result(HANG_GUARD) == ReadReply((Entry(),))
    peer.send({"jsonrpc": "2.0", "result": None, "id": number})
    assert [event.op_index for event in stream] == list(range(1, 500))


def test_an_abandoned_stream_is_cancelled_and_its_events_are_dropped(
    channel: Channel, read: Read, peer: Peer, pool: ThreadPoolExecutor
) -> None:
    stream = channel.stream(APPLY, ApplyRequest())
    first = pool.submit(next, stream)
    peer.send(event_of(peer.request()["id"], 0))
    first.result(HANG_GUARD)
    stream.close()  # type: ignore[attr-defined]  # it is a generator
    assert peer.request()["method"] == "cancel"
    future = read()
    peer.send(event_of(1, 1), error_of(1, -32001), reply_of(peer.request()["id"], "x"))
    assert future.result(HANG_GUARD) == "x"


def test_both_pipes_full_is_no_deadlock(
    channel: Channel, peer: Peer, pool: ThreadPoolExecutor
) -> None:
    stream = channel.stream(APPLY, ApplyRequest())
    first = pool.submit(next, stream)
    peer.send(event_of(peer.request()["id"], 0))
    first.result(HANG_GUARD)
    # A peer that writes much more than a pipe holds before it reads on.
    writing = pool.submit(peer.send, *[event_of(1, n) for n in range(1, 20_000)])
    app = "x" * 1_000_000
    call = pool.submit(channel.unary, READ, ReadRequest(app))
    writing.result(HANG_GUARD)
    request = peer.request()
    assert request["params"]["request"]["app"] == app
    peer.send(reply_of(request["id"]), {"jsonrpc": "2.0", "result": None, "id": 1})
    call.result(HANG_GUARD)
    assert sum(1 for _ in stream) == 19_999


def test_requests_that_a_plugin_does_not_read_end_at_their_deadline(
    channel: Channel, read: Read, peer: Peer
) -> None:
    with pytest.raises(RpcError, match="DEADLINE_EXCEEDED"):
        channel.unary(READ, ReadRequest("x" * 1_000_000), timeout=0.05)
    for _ in range(3):
        with pytest.raises(RpcError, match="DEADLINE_EXCEEDED"):
            channel.unary(READ, ReadRequest("never sent"), timeout=0.01)
    # What has begun must be finished; what has not begun is taken back without a trace.
    future = read()
    seen = [peer.request() for _ in range(3)]
    assert [message.get("id") for message in seen] == [1, None, 5]
    assert seen[1] == {"jsonrpc": "2.0", "method": "cancel", "params": {"id": 1}}
    peer.send(reply_of(1), reply_of(5, "x"))
    assert future.result(HANG_GUARD) == "x"


def test_a_follower_can_send_while_the_leader_waits_with_a_full_pipe(
    channel: Channel, read: Read, peer: Peer, pool: ThreadPoolExecutor
) -> None:
    leader = read()
    assert peer.request()["id"] == 1
    apps = {n: chr(ord("a") + n) * 500_000 for n in range(4)}
    futures = [pool.submit(channel.unary, READ, ReadRequest(app)) for app in apps.values()]
    for _ in futures:
        request = peer.request()
        assert request["params"]["request"]["app"] in apps.values()
        peer.reply(request["id"])
    peer.reply(1, "x")
    for future in futures:
        future.result(HANG_GUARD)
    assert leader.result(HANG_GUARD) == "x"


def test_close_ends_calls_in_flight_at_once_and_is_idempotent(
    channel: Channel, read: Read, peer: Peer, pipes: tuple[StdioEndpoint, StdioEndpoint]
) -> None:
    futures = [read() for _ in range(5)]
    for _ in futures:
        peer.request()
    channel.close()
    channel.close()
    assert {type(failure(future)) for future in futures} == {ChannelClosed}
    with pytest.raises(ChannelClosed):
        channel.unary(READ, ReadRequest())
    end = time.monotonic() + HANG_GUARD
    while not (pipes[0].reader.closed and pipes[0].writer.closed):
        assert time.monotonic() < end
        time.sleep(0.001)
    assert os.read(peer.endpoint.reader.fileno(), 1) == b""


def test_close_of_an_idle_or_broken_channel_closes_the_pipes(
    channel: Channel, peer: Peer, pipes: tuple[StdioEndpoint, StdioEndpoint]
) -> None:
    peer.close()
    with pytest.raises(TransportError):
        channel.unary(READ, ReadRequest())
    channel.close()
    assert pipes[0].reader.closed
    assert pipes[0].writer.closed
    with pytest.raises(ChannelClosed):
        channel.unary(READ, ReadRequest())


def test_a_stream_that_is_abandoned_after_close_is_no_error(
    channel: Channel, peer: Peer, pool: ThreadPoolExecutor
) -> None:
    stream = channel.stream(APPLY, ApplyRequest())
    first = pool.submit(next, stream)
    peer.send(event_of(peer.request()["id"], 0), event_of(1, 1))
    first.result(HANG_GUARD)
    channel.close()
    with pytest.raises(ChannelClosed):
        list(stream)


def test_any_number_of_threads_share_a_channel_with_a_shuffling_peer(
    channel: Channel, peer: Peer, pool: ThreadPoolExecutor
) -> None:
    def answer() -> None:
        # Each of 16 threads has one call in flight: all are held back, then answered mixed up.
        for _ in range(50):
            waiting = [peer.request() for _ in range(16)]
            replies = [reply_of(r["id"], r["params"]["request"]["app"]) for r in waiting]
            peer.send(*replies[8:])
            peer.send(*reversed(replies[:8]))

    def work(thread: int) -> None:
        for number in range(50):
            app = f"{thread}-{number}"
            reply = channel.unary(READ, ReadRequest(app), timeout=HANG_GUARD)
            assert reply.entries[0].app == app

    answering = threading.Thread(target=answer)
    answering.start()
    for future in [pool.submit(work, thread) for thread in range(16)]:
        future.result(HANG_GUARD)
    answering.join(HANG_GUARD)
    assert not answering.is_alive()
