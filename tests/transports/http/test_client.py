"""The HTTP transport's host side against servers that are not the lab's: bytes on a socket."""

import os
import socket
import threading
from collections.abc import Callable

import pytest

from transportlab.channel import Channel
from transportlab.context import Context
from transportlab.errors import (
    MAX_MESSAGE_BYTES,
    MAX_TEXT,
    Code,
    ConnectionLost,
    ProtocolViolation,
    RpcError,
    TransportError,
)
from transportlab.methods import APPLY, READ
from transportlab.model import ApplyEvent, ApplyRequest, ReadReply, ReadRequest

Script = Callable[[socket.socket], None]
Scripted = Callable[..., Channel]

OK_JSON = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
OK = OK_JSON + b"Content-Length: 2\r\n\r\n{}"
STREAM = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"
)


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


EVENT, DONE, END = chunk(b'{"event":{}}\n'), chunk(b'{"status":{"code":0}}\n'), chunk(b"")


def receive(sock: socket.socket) -> bytes:
    """One request, whose body is short."""
    data = b""
    while b"\r\n\r\n" not in data or data.endswith(b"\r\n\r\n"):
        more = sock.recv(65536)
        if not more:
            break
        data += more
    return data


def answers(*answers: bytes) -> Script:
    """A server that answers each request with the bytes, then closes."""

    def script(sock: socket.socket) -> None:
        for answer in answers:
            receive(sock)
            sock.sendall(answer)

    return script


def hangs(*pieces: bytes) -> Script:
    """A server that sends the pieces and then nothing until the client leaves."""

    def script(sock: socket.socket) -> None:
        receive(sock)
        for piece in pieces:
            sock.sendall(piece)
        while sock.recv(65536):
            pass

    return script


def read(channel: Channel, **how: object) -> ReadReply:
    return channel.unary(READ, ReadRequest("web"), Context(**how))  # type: ignore[arg-type]  # passed on


def events(channel: Channel) -> list[ApplyEvent]:
    return list(channel.stream(APPLY, ApplyRequest(), Context()))


def test_a_request_has_no_header_that_the_protocol_does_not_need(scripted_http: Scripted) -> None:
    seen: list[bytes] = []

    def script(sock: socket.socket) -> None:
        seen.append(receive(sock))
        sock.sendall(OK)

    assert read(scripted_http(script)) == ReadReply()
    assert seen == [
        b"POST /cronix.backend.v1.Backend/Read HTTP/1.1\r\nHost: localhost\r\n"
        b'Content-Type: application/json\r\nContent-Length: 13\r\n\r\n{"app":"web"}'
    ]


GOOD = {
    "parameters": OK.replace(b"application/json", b"Application/JSON; charset=utf-8"),
    "continue": b"HTTP/1.1 100 Continue\r\n\r\n" + OK,
    "cookie": OK.replace(b"\r\n\r\n", b"\r\nSet-Cookie: a=b\r\n\r\n"),
}


@pytest.mark.parametrize("answer", GOOD.values(), ids=GOOD)
def test_what_http_allows_is_understood(scripted_http: Scripted, answer: bytes) -> None:
    channel = scripted_http(answers(answer, answer))
    assert [read(channel), read(channel)] == [ReadReply(), ReadReply()]


def test_a_chunked_reply_is_understood_and_ends_its_connection(scripted_http: Scripted) -> None:
    chunked = OK_JSON + b"Transfer-Encoding: chunked\r\n\r\n" + chunk(b"{}") + END
    channel = scripted_http(answers(chunked), answers(chunked))
    assert [read(channel), read(channel)] == [ReadReply(), ReadReply()]


PROBLEM = b"HTTP/1.1 404 Not Found\r\nContent-Type: application/problem+json\r\nContent-Length: "
VIOLATIONS = {
    "garbage": (b"SSH-2.0-OpenSSH\r\n\r\n", "SSH-2.0"),
    "garbage without a line end": (b"\x00\x01", "x00"),
    "text without a line end": (b"oops", "oops"),
    "wrong type": (OK.replace(b"application/json", b"text/html"), "text/html"),
    "no type": (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "200 OK"),
    "no content": (b"HTTP/1.1 204 No Content\r\n\r\n", "204"),
    "redirect": (b"HTTP/1.1 302 Found\r\nLocation: http://x/\r\nContent-Length: 0\r\n\r\n", "302"),
    "bad redirect": (
        b"HTTP/1.1 302 Found\r\nLocation: http://[\r\nContent-Length: 0\r\n\r\n",
        "302",
    ),
    "redirect that httpx cannot parse": (
        b"HTTP/1.1 302 Found\r\nLocation: mailto:x\r\nContent-Length: 0\r\n\r\n",
        "302",
    ),
    "two lengths": (
        OK_JSON + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(b"{}") + END,
        "Transfer-Encoding at once",
    ),
    "a second reply": (OK + OK, "bytes follow"),
    "half of a second reply": (OK + OK[:9], "bytes follow"),
    "a second reply after 103": (b"HTTP/1.1 103 Early\r\n\r\n" + OK + OK, "bytes follow"),
    "a byte after chunks": (
        OK_JSON + b"Transfer-Encoding: chunked\r\n\r\n" + chunk(b"{}") + END + b"x",
        "bytes follow",
    ),
    "a problem with more": (PROBLEM + b'20\r\n\r\n{"code":"NOT_FOUND"}' + OK, "bytes follow"),
    "error without problem": (b"HTTP/1.1 500 No\r\nContent-Length: 4\r\n\r\noops", "oops"),
    "problem without code": (PROBLEM + b"2\r\n\r\n{}", "no code"),
    "problem that is none": (PROBLEM + b"4\r\n\r\noops", "oops"),
    "not json": (OK.replace(b"{}", b"{]"), "{]"),
    "bad chunk": (OK_JSON + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", "200 OK"),
}


@pytest.mark.parametrize(("answer", "shown"), VIOLATIONS.values(), ids=VIOLATIONS)
def test_what_the_protocol_does_not_allow_is_shown(
    scripted_http: Scripted, answer: bytes, shown: str
) -> None:
    with pytest.raises(ProtocolViolation) as caught:
        read(scripted_http(answers(answer)))
    assert shown in str(caught.value)


FORGED = PROBLEM + b'20\r\n\r\n{"code":"NOT_FOUND"}'


def test_what_comes_with_a_reply_does_not_answer_the_next_call(scripted_http: Scripted) -> None:
    channel = scripted_http(answers(OK + FORGED), answers(OK))
    with pytest.raises(ProtocolViolation, match="bytes follow"):
        read(channel)
    assert read(channel) == ReadReply()


def test_what_comes_after_a_reply_does_not_answer_the_next_call(scripted_http: Scripted) -> None:
    replied, sent = threading.Event(), threading.Event()

    def late(sock: socket.socket) -> None:
        receive(sock)
        sock.sendall(OK)
        replied.wait()
        sock.sendall(FORGED)
        sent.set()
        sock.recv(1)

    channel = scripted_http(late, answers(OK))
    assert read(channel) == ReadReply()
    replied.set()
    sent.wait()
    assert read(channel) == ReadReply()


@pytest.mark.parametrize(
    "answer",
    [b"", b"HTTP/1.1 200 OK\r\nContent", OK[:-1], OK_JSON + b"\r\n{}"],
    ids=["nothing", "half a head", "half a body", "no length"],
)
def test_a_server_that_goes_away_is_a_lost_connection(
    scripted_http: Scripted, answer: bytes
) -> None:
    with pytest.raises(ConnectionLost, match="before its reply was complete"):
        read(scripted_http(answers(answer)))


def test_a_server_that_leaves_a_request_unread_is_a_lost_connection(
    scripted_http: Scripted,
) -> None:
    def looks(sock: socket.socket) -> None:
        sock.recv(1, socket.MSG_PEEK)

    with pytest.raises(ConnectionLost):
        read(scripted_http(looks))


@pytest.mark.parametrize("tail", [b"", EVENT[:-3], DONE])
def test_a_server_that_goes_away_in_a_stream_is_a_lost_connection(
    scripted_http: Scripted, tail: bytes
) -> None:
    stream = scripted_http(answers(STREAM + EVENT + tail)).stream(APPLY, ApplyRequest(), Context())
    assert next(stream) == ApplyEvent()
    with pytest.raises(ConnectionLost):
        list(stream)


@pytest.mark.parametrize(
    ("tail", "problem"),
    [
        (END, "without a status"),
        (chunk(b'{"event"') + END, "without a status; left over: b'{\"event\"'"),
        (DONE + EVENT + END, "goes on after its status"),
        (DONE + chunk(b"x") + END, "after its status; left over: b'x'"),
        (chunk(b"oops\n") + END, "oops"),
    ],
    ids=range(5),
)
def test_a_stream_that_does_not_end_as_it_must_is_a_violation(
    scripted_http: Scripted, tail: bytes, problem: str
) -> None:
    with pytest.raises(ProtocolViolation) as caught:
        events(scripted_http(answers(STREAM + EVENT + tail)))
    assert problem in str(caught.value)


def test_a_reply_over_the_limit_is_a_violation(scripted_http: Scripted) -> None:
    size = MAX_MESSAGE_BYTES + 1
    head = OK_JSON + f"Content-Length: {size}\r\n\r\n".encode()
    with pytest.raises(ProtocolViolation, match=f"over {MAX_MESSAGE_BYTES} bytes"):
        read(scripted_http(hangs(head, bytes(size))))


def test_a_code_that_is_not_known_becomes_unknown(scripted_http: Scripted) -> None:
    with pytest.raises(RpcError) as caught:
        read(scripted_http(answers(PROBLEM + b'27\r\n\r\n{"code":"NEW","detail":"d"}')))
    assert (caught.value.code, caught.value.message) == (Code.UNKNOWN, "d")


def test_the_texts_of_an_error_are_cut(scripted_http: Scripted) -> None:
    text = b"x" * 1_000_000
    problem = b'{"code":"NOT_FOUND","detail":"%b","details":{"action":"%b"}}' % (text, text)
    answer = PROBLEM + b"%d\r\n\r\n%b" % (len(problem), problem)
    with pytest.raises(RpcError) as caught:
        read(scripted_http(answers(answer)))
    assert len(caught.value.message) == len(caught.value.details.action) == MAX_TEXT


def test_each_connections_listener_is_asked_for(
    scripted_http: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel = scripted_http(answers(OK, OK))
    assert read(channel) == ReadReply()
    user = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: user + 1)
    with pytest.raises(TransportError, match="another user's process"):
        events(channel)  # a stream has a connection of its own
    monkeypatch.undo()
    assert read(channel) == ReadReply()
