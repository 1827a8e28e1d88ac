"""The host's side against a peer that follows a script: lines that it should not have sent."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from transportlab.channel import Channel
from transportlab.context import Context
from transportlab.errors import (
    MAX_MESSAGE_BYTES,
    ProtocolViolation,
)
from transportlab.methods import APPLY, READ
from transportlab.model import (
    ApplyRequest,
    ReadRequest,
)
from transports.jsonrpc.wire import MAX_LINE_BYTES

HANG_GUARD = 30.0

Read = Callable[..., Future[str]]


def failure_of(future: Future[str]) -> BaseException:
    error = future.exception(HANG_GUARD)
    assert error is not None
    return error


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
    b'{"jsonrpc":"2.0","id":1,"id":1,"result":{}}',
    b'{"jsonrpc":"2.0","id":1,"result":{},"result":{}}',
    b'{"jsonrpc":"2.0","method":"event","params":{"id":1,"event":{},"id":1}}',
]


@pytest.mark.parametrize("line", BAD_LINES)
def test_a_line_that_is_no_reply_ends_the_channel_for_all(
    channel: Channel, read: Read, peer: Any, line: bytes
) -> None:
    futures = [read(), read(), read()]
    for _ in futures:
        peer.request()
    peer.write(line + b"\n")
    errors = [failure_of(future) for future in futures]
    with pytest.raises(ProtocolViolation) as later:
        channel.unary(READ, ReadRequest(), Context())
    for error in (*errors, later.value):
        assert isinstance(error, ProtocolViolation)
        assert repr(line[:200]) in str(error)
        assert len(str(error)) < 600


def test_what_the_violation_was_is_told(read: Read, peer: Any) -> None:
    future = read()
    peer.request()
    peer.write(b"Content-Length: 12\r\n")
    assert "Content-Length headers are not used here" in str(failure_of(future))


def test_an_error_without_an_id_is_told(read: Read, peer: Any) -> None:
    future = read()
    peer.request()
    peer.send(peer.error_of(None, -32700, text="Parse error"))
    assert 'with the error "Parse error"' in str(failure_of(future))


def test_a_second_reply_to_a_call_is_a_violation(read: Read, peer: Any) -> None:
    future, other = read(), read()
    peer.request()
    number = peer.request()["id"]
    peer.send(peer.reply_of(number), peer.reply_of(number))
    errors = {type(f.exception(HANG_GUARD)) for f in (future, other)}
    assert errors == {type(None), ProtocolViolation}


def test_an_event_for_a_call_with_one_reply_is_a_violation(read: Read, peer: Any) -> None:
    future = read()
    peer.request()
    peer.send(peer.event_of(1, 0))
    assert str(failure_of(future)) == "Read has one reply, but an event came"


@pytest.mark.parametrize(
    ("result", "problem"),
    [
        ('{"entries":1}', "entries: Expected `array`, got `int`"),
        ('{"entries":[{"index":2147483648}]}', "entries/0/index: integer 2147483648 is outside"),
        ("null", "Expected `object`, got `null`"),
    ],
)
def test_an_unreadable_reply_concerns_its_call_alone(
    read: Read, peer: Any, result: str, problem: str
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
    channel: Channel, peer: Any, pool: ThreadPoolExecutor
) -> None:
    future = pool.submit(lambda: list(channel.stream(APPLY, ApplyRequest(), Context())))
    peer.send(peer.event_of(peer.request()["id"], 0), peer.reply_of(1))
    with pytest.raises(ProtocolViolation, match="Apply: unreadable reply"):
        future.result(HANG_GUARD)


def test_a_reply_over_the_limit_concerns_its_call_and_a_line_over_it_all(
    read: Read, peer: Any
) -> None:
    future = read()
    peer.request()
    command = b"x" * (MAX_MESSAGE_BYTES + 1 - len(b'{"entries":[{"command":""}]}'))
    peer.write(b'{"jsonrpc":"2.0","result":{"entries":[{"command":"%b"}]},"id":1}\n' % command)
    assert str(failure_of(future)) == (
        f"Read: a reply of {MAX_MESSAGE_BYTES + 1} bytes is over the limit"
    )
    future = read()
    peer.request()
    peer.write(b"x" * (MAX_LINE_BYTES + 1) + b"\n")
    assert str(failure_of(future)) == f"the plugin sent a line of {MAX_LINE_BYTES + 1} bytes"


@pytest.mark.parametrize(
    "result", [b'{"entries":[],"entries":[]}', b'{ "malformed": [{"line":1,"\\u006cine":1}] }']
)
def test_a_result_with_a_member_twice_fails_its_call_alone(
    read: Read, peer: Any, result: bytes
) -> None:
    bad = read()
    peer.write(b'{"jsonrpc":"2.0","id":%d,"result":%b}\n' % (peer.request()["id"], result))
    error = failure_of(bad)
    assert isinstance(error, ProtocolViolation)
    assert "stands twice in one object" in str(error)
    good = read()
    peer.reply(peer.request()["id"])
    assert good.exception(HANG_GUARD) is None
