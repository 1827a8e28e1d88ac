import io
import json
from email.message import Message

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transportlab.codecs import load_codec
from transportlab.errors import MAX_MESSAGE_BYTES, Code, ProtocolViolation, RpcError
from transportlab.methods import APPLY
from transportlab.model import ApplyEvent, ApplyEventKind, ErrorDetails, Status
from transports.http import requests, wire
from transports.http.replies import EVENTS, Events, read_problem
from transports.http.requests import Refused

DETAILS = ErrorDetails("FAULT", "jobs/0", "e", "g", "a", ("a1", "a2"), ("f1",), ("u1",))
ERROR = RpcError(Code.NOT_FOUND, 'no "job" <&> \u00e9 \u2028 end', DETAILS)
BROKEN = ApplyEvent(ApplyEventKind.DONE, 7, job="j")
CODECS = ("json", "protobuf")

TABLE = """CANCELLED 499, UNKNOWN 500, INVALID_ARGUMENT 400, DEADLINE_EXCEEDED 504, NOT_FOUND 404,
ALREADY_EXISTS 409, PERMISSION_DENIED 403, RESOURCE_EXHAUSTED 429, FAILED_PRECONDITION 400,
ABORTED 409, OUT_OF_RANGE 400, UNIMPLEMENTED 501, INTERNAL 500, UNAVAILABLE 503, DATA_LOSS 500,
UNAUTHENTICATED 401"""


def headers(*pairs: tuple[str, str]) -> Message:
    message = Message()
    for name, value in pairs:
        message[name] = value
    return message


def reader(codec: str) -> Events[ApplyEvent]:
    events: Events[ApplyEvent] = EVENTS[codec](APPLY.reply, load_codec(codec))
    return events


def taken(events: Events[ApplyEvent], data: bytes) -> list[ApplyEvent | Status]:
    events.feed(data)
    return list(iter(events.take, None))


def body(codec: str) -> bytes:
    framing, encode = wire.FRAMINGS[codec], load_codec(codec).encode
    event = framing.event(encode(BROKEN))
    return event + event + framing.status(encode(ERROR.to_status()))


def test_the_status_table_is_that_of_the_protocol() -> None:
    rows = dict(row.split() for row in TABLE.split(","))
    assert {code.name: str(status) for code, status in wire.STATUSES.items()} == rows
    assert set(wire.STATUSES) == set(Code)


@pytest.mark.parametrize("code", Code)
def test_a_problem_document_carries_every_error_to_the_letter(code: Code) -> None:
    error = RpcError(code, ERROR.message, DETAILS)
    read = read_problem(wire.problem_document(error, 400))
    assert (read.code, read.message, read.details) == (code, ERROR.message, DETAILS)


def test_a_problem_document_has_the_members_of_rfc_9457() -> None:
    document = json.loads(wire.problem_document(ERROR, 404))
    details = document.pop("details")
    assert document == {
        "type": "urn:cronix:code:NOT_FOUND",
        "title": "NOT_FOUND",
        "status": 404,
        "detail": ERROR.message,
        "code": "NOT_FOUND",
    }
    assert details["applied"] == ["a1", "a2"]


def test_a_code_that_is_not_known_becomes_unknown() -> None:
    read = read_problem(b'{"code":"TEAPOT","detail":"short and stout","more":1}')
    assert (read.code, read.message) == (Code.UNKNOWN, "short and stout")


@pytest.mark.parametrize("data", [b"", b"<html>", b"[]", b"{}", b'{"code":""}', b'{"code":5}'])
def test_a_body_that_is_no_problem_document_is_a_violation(data: bytes) -> None:
    with pytest.raises(ProtocolViolation):
        read_problem(data)


def test_the_framing_of_json_is_a_line_each() -> None:
    framing = wire.FRAMINGS["json"]
    assert framing.event(b"{}") == b'{"event":{}}\n'
    assert framing.status(b"{}") == b'{"status":{}}\n'
    assert framing.done == b'{"status":{"code":0}}\n'


def test_the_framing_of_protobuf_is_kind_length_and_message() -> None:
    framing = wire.FRAMINGS["protobuf"]
    assert framing.event(b"abc") == b"\x00\x00\x00\x00\x03abc"
    assert framing.status(b"x" * 258) == b"\x01\x00\x00\x01\x02" + b"x" * 258
    assert framing.done == b"\x01\x00\x00\x00\x00"


@pytest.mark.parametrize("codec", CODECS)
@given(st.data())
def test_events_are_read_wherever_the_body_is_cut(codec: str, data: st.DataObject) -> None:
    whole = body(codec)
    cuts = data.draw(st.lists(st.integers(0, len(whole)), max_size=9).map(sorted))
    events, items = reader(codec), []
    for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True):
        items += taken(events, whole[start:end])
    assert items == [BROKEN, BROKEN, ERROR.to_status()]
    assert events.unread() == b""


@pytest.mark.parametrize("codec", CODECS)
def test_events_are_read_byte_by_byte_as_soon_as_they_are_whole(codec: str) -> None:
    framing, events = wire.FRAMINGS[codec], reader(codec)
    event = framing.event(load_codec(codec).encode(BROKEN))
    counts = [len(taken(events, event[i : i + 1])) for i in range(len(event))]
    assert counts == [0] * (len(event) - 1) + [1]
    assert taken(events, framing.done) == [Status()]


@pytest.mark.parametrize(
    ("codec", "data"),
    [
        ("json", b"\n"),
        ("json", b"{}\n"),
        ("json", b'{"event":{"kind":"done"},"status":{"code":0}}\n'),
        ("json", b'{"event":{"kind":"gone"}}\n'),
        ("json", b'{"event":{"op_index":2147483648}}\n'),
        ("json", b'{"status":{"code":"0"}}\n'),
        ("json", b"x" * (MAX_MESSAGE_BYTES + 4097)),
        ("protobuf", b"\x02"),
        ("protobuf", b"HTTP/"),
        ("protobuf", b"\x00\x04\x00\x00\x01"),
        ("protobuf", b"\x00\x00\x00\x00\x02\x08\xff"),
        ("protobuf", b"\x01\x00\x00\x00\x02\x12\x05"),
    ],
    ids=range(12),
)
def test_what_is_no_stream_is_a_violation(codec: str, data: bytes) -> None:
    with pytest.raises(ProtocolViolation):
        taken(reader(codec), data)


def test_the_bytes_that_are_left_are_shown_but_not_all() -> None:
    events = reader("json")
    assert taken(events, b"y" * 1000) == []
    assert events.unread() == b"y" * 64


@pytest.mark.parametrize(
    ("pairs", "length"),
    [
        ([("Content-Length", "0")], 0),
        ([("content-length", " 12 ")], 12),
        ([("Content-Length", str(MAX_MESSAGE_BYTES))], MAX_MESSAGE_BYTES),
        ([("Transfer-Encoding", "Chunked")], None),
    ],
)
def test_a_body_has_a_length_or_chunks(pairs: list[tuple[str, str]], length: int | None) -> None:
    assert requests.body_length(headers(*pairs)) == length


@pytest.mark.parametrize(
    ("pairs", "status"),
    [
        ([], 411),
        ([("Content-Length", "-1")], 400),
        ([("Content-Length", "+1")], 400),
        ([("Content-Length", "1_0")], 400),
        ([("Content-Length", "\u0661")], 400),
        ([("Content-Length", "")], 400),
        ([("Content-Length", "1"), ("Content-Length", "1")], 400),
        ([("Content-Length", "9" * 5000)], 400),
        ([("Content-Length", str(MAX_MESSAGE_BYTES + 1))], 413),
        ([("Content-Length", "1"), ("Transfer-Encoding", "chunked")], 400),
        ([("Transfer-Encoding", "gzip, chunked")], 400),
        ([("Transfer-Encoding", "chunked"), ("Transfer-Encoding", "chunked")], 400),
    ],
    ids=range(12),
)
def test_a_body_of_unclear_length_is_refused(pairs: list[tuple[str, str]], status: int) -> None:
    with pytest.raises(Refused) as caught:
        requests.body_length(headers(*pairs))
    assert caught.value.status == status


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"0\r\n\r\n", b""),
        (b"2\r\nab\r\n0A;name=value\r\n0123456789\r\n0\r\n\r\n", b"ab0123456789"),
        (b"1\nx\n0\nTrailer: 1\nOther: 2\n\n", b"x"),
    ],
)
def test_chunks_are_joined(data: bytes, expected: bytes) -> None:
    file = io.BytesIO(data + b"next")
    assert requests.read_body(file, None) == expected
    assert file.read() == b"next"


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"x\r\n", 400),
        (b"-1\r\n", 400),
        (b"\r\n", 400),
        (b"1_0\r\n", 400),
        (b"0" * 17 + b"\r\n", 400),
        (b"2\r\nabc\r\n", 400),
        (b"4000001\r\n", 413),
        (b"1\r\nx\r\n4000000\r\n", 413),
        (b"0\r\n" + b"A: b\r\n" * 100, 400),
        (b"1;" + b"x" * 5000, 400),
    ],
    ids=range(10),
)
def test_chunks_that_are_none_are_refused(data: bytes, status: int) -> None:
    with pytest.raises(Refused) as caught:
        requests.read_body(io.BytesIO(data), None)
    assert caught.value.status == status


@pytest.mark.parametrize("data", [b"", b"2", b"2\r\n", b"2\r\na", b"2\r\nab", b"0\r\n", b"0\r\nA"])
def test_an_end_inside_chunks_is_the_end(data: bytes) -> None:
    with pytest.raises(EOFError):
        requests.read_body(io.BytesIO(data), None)


def test_an_end_inside_a_body_is_the_end() -> None:
    with pytest.raises(EOFError):
        requests.read_body(io.BytesIO(b"abc"), 4)


def test_a_timeout_is_microseconds() -> None:
    assert requests.timeout_seconds(headers()) is None
    assert requests.timeout_seconds(headers(("Cronix-Timeout-Us", " 1500000 "))) == 1.5
    assert requests.timeout_seconds(headers(("cronix-timeout-us", "0"))) == 0


@pytest.mark.parametrize("text", ["", "-1", "1.5", "1s", "1e3", "9" * 19, "9" * 5000])
def test_a_timeout_that_is_no_number_is_an_invalid_argument(text: str) -> None:
    with pytest.raises(RpcError) as caught:
        requests.timeout_seconds(headers(("Cronix-Timeout-Us", text)))
    assert (caught.value.code, caught.value.details.path) == (
        Code.INVALID_ARGUMENT,
        "Cronix-Timeout-Us",
    )
