"""The host's side against a peer that follows a script: what it makes of each line."""

import json
import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from transportlab.channel import Channel, StdioEndpoint
from transportlab.context import Context
from transportlab.errors import (
    Code,
    ConnectionLost,
    ProtocolViolation,
    RpcError,
)
from transportlab.methods import DRIFT, READ
from transportlab.model import (
    DriftReply,
    DriftRequest,
    ReadRequest,
)
from transports.jsonrpc.messages import request_line

HANG_GUARD = 30.0

Read = Callable[..., Future[str]]


def failure_of(future: Future[str]) -> BaseException:
    error = future.exception(HANG_GUARD)
    assert error is not None
    return error


def test_the_lines_on_the_wire(channel: Channel, peer: Any, pool: ThreadPoolExecutor) -> None:
    pool.submit(channel.unary, READ, ReadRequest("web"), Context())
    assert peer.request() == {
        "jsonrpc": "2.0",
        "method": "Read",
        "params": {"request": {"app": "web"}},
        "id": 1,
    }
    pool.submit(channel.unary, READ, ReadRequest(), Context(timeout=HANG_GUARD))
    params = peer.request()["params"]
    assert params["request"] == {"app": None}
    assert 0 < params["timeout_us"] <= HANG_GUARD * 1e6
    peer.send(peer.reply_of(2), peer.reply_of(1))


@pytest.mark.parametrize("timeout", [1e12, float("inf")])
def test_a_timeout_of_any_length_can_be_sent(read: Read, peer: Any, timeout: float) -> None:
    future = read(timeout=timeout)
    request = peer.request()
    assert request["params"]["timeout_us"] == 2**53
    peer.reply(request["id"], "x")
    assert future.result(HANG_GUARD) == "x"


@pytest.mark.parametrize("left", [1e-9, 0.0, -1.0])
def test_a_deadline_that_passes_on_the_way_is_sent_as_a_microsecond(left: float) -> None:
    assert b'"timeout_us":1}' in request_line("Read", 1, b"{}", left)


def test_replies_may_come_in_any_order(read: Read, peer: Any) -> None:
    futures = {}
    for _ in range(10):
        future = read()
        futures[peer.request()["id"]] = future
    peer.send(*[peer.reply_of(number, f"app {number}") for number in (*range(3, 11), 1)])
    peer.reply(2, "app 2")
    assert {n: f.result(HANG_GUARD) for n, f in futures.items()} == {
        n: f"app {n}" for n in range(1, 11)
    }


def test_replies_of_other_methods_are_told_apart(
    channel: Channel, read: Read, peer: Any, pool: ThreadPoolExecutor
) -> None:
    first = read()
    assert peer.request()["id"] == 1
    second = pool.submit(channel.unary, DRIFT, DriftRequest("web"), Context())
    assert peer.request()["id"] == 2
    peer.send({"jsonrpc": "2.0", "result": {"items": [{}]}, "id": 2})
    assert len(second.result(HANG_GUARD).items) == 1
    peer.reply(1, "x")
    assert first.result(HANG_GUARD) == "x"
    assert isinstance(second.result(), DriftReply)


def test_a_reply_may_come_byte_by_byte(read: Read, peer: Any) -> None:
    future = read()
    for byte in json.dumps(peer.reply_of(peer.request()["id"], "é"), ensure_ascii=False).encode():
        peer.write(bytes([byte]))
    peer.write(b"\r\n")
    assert future.result(HANG_GUARD) == "é"


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
    read: Read, peer: Any, code: int, data: Any, expected: tuple[Code, str, str]
) -> None:
    future = read()
    peer.request()
    peer.send(peer.error_of(1, code, data))
    error = failure_of(future)
    assert isinstance(error, RpcError)
    assert (error.code, error.message, error.details.reason) == expected


def test_unreadable_details_are_a_violation(read: Read, peer: Any) -> None:
    future = read()
    peer.request()
    peer.send(peer.error_of(1, -32005, {"details": {"reason": 1}}))
    assert isinstance(failure_of(future), ProtocolViolation)
    assert "details are unreadable: reason" in str(failure_of(future))


@pytest.mark.parametrize(
    ("last", "text"),
    [
        (b"", "the plugin closed the connection"),
        (b'{"half', "the plugin closed the connection in the middle of a line: b'{\"half'"),
    ],
)
def test_the_end_of_the_connection_is_told_to_all(
    channel: Channel, read: Read, peer: Any, last: bytes, text: str
) -> None:
    futures = [read(), read()]
    for _ in futures:
        peer.request()
    peer.write(last)
    peer.endpoint.writer.close()
    for future in futures:
        assert isinstance(error := failure_of(future), ConnectionLost)
        assert str(error) == text
    with pytest.raises(ConnectionLost):
        channel.unary(READ, ReadRequest(), Context())


def test_what_came_before_the_end_is_delivered(read: Read, peer: Any) -> None:
    future = read()
    peer.reply(peer.request()["id"], "x")
    peer.close()
    assert future.result(HANG_GUARD) == "x"


def test_a_plugin_that_reads_no_more_is_lost(channel: Channel, peer: Any) -> None:
    peer.endpoint.reader.close()
    with pytest.raises(ConnectionLost, match="does not read any more"):
        channel.unary(READ, ReadRequest(), Context())


def test_a_plugin_that_stops_reading_in_a_long_line_is_lost(
    channel: Channel, peer: Any, pool: ThreadPoolExecutor
) -> None:
    future = pool.submit(channel.unary, READ, ReadRequest("x" * 1_000_000), Context())
    os.read(peer.endpoint.reader.fileno(), 1)
    peer.endpoint.reader.close()
    with pytest.raises(ConnectionLost, match="does not read any more"):
        future.result(HANG_GUARD)


def test_a_pipe_that_is_no_longer_ours_is_a_lost_connection(
    channel: Channel, peer: Any, pipes: tuple[StdioEndpoint, StdioEndpoint]
) -> None:
    # Whoever owns the descriptors has put a directory in the place of the pipe.
    folder = os.open("/", os.O_RDONLY)
    os.dup2(folder, pipes[0].reader.fileno())
    os.close(folder)
    with pytest.raises(ConnectionLost, match="cannot be read from"):
        channel.unary(READ, ReadRequest(), Context())
