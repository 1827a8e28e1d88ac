"""HTTP/2 as lines: frames, headers, and what is none of them."""

import hpack
import pytest

from transportlab.conformance import frames
from transportlab.conformance.frames import PREFACE, Frames


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    head = len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big")
    return head + payload


def block(*pairs: tuple[str, str]) -> bytes:
    data: bytes = hpack.Encoder().encode(pairs)
    return data


CALL = frame(1, 4, 1, block((":method", "POST"), ("x-secret", "abcd")))
WHOLE = PREFACE + frame(4, 0, 0, b"") + CALL + frame(0, 1, 1, b"\0\0\0\0\x05\n\x03web")
LINES = [
    "HTTP/2",
    "SETTINGS",
    "HEADERS 1: :method: POST, x-secret: abcd",
    "DATA 1 end: 10 bytes: \0\0\0\0\x05\n\x03web",
]


def test_frames_are_told_one_by_one() -> None:
    assert Frames().take(WHOLE) == LINES


def test_bytes_may_come_one_by_one() -> None:
    reader, found = Frames(), []
    for number in range(len(WHOLE)):
        lines = reader.take(WHOLE[number : number + 1])
        assert lines is not None
        found += lines
    assert found == LINES
    assert reader.held() == b""


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (frame(1, 0, 1, b""), "HEADERS 1: 0 bytes, more to come"),
        (frame(3, 0, 5, (8).to_bytes(4, "big")), "RST_STREAM 5: 8"),
        (frame(8, 0, 0, (9).to_bytes(4, "big")), "WINDOW_UPDATE: 9"),
        (frame(7, 0, 0, bytes(4) + (2).to_bytes(4, "big") + b"no"), "GOAWAY: code 2 b'no'"),
        (frame(4, 1, 0, b""), "SETTINGS ack"),
        (frame(6, 0, 0, b"12345678"), "PING: 3132 3334 3536 3738"),
        (frame(77, 0, 0, b""), "frame of kind 77"),
        (frame(0, 8, 1, b"\x02ab\0\0"), "DATA 1: 2 bytes: ab"),
        (frame(1, 4, 1, b"\xff\xff\xff\xff\xff\xff"), "6 bytes that cannot be read"),
    ],
)
def test_each_kind_of_frame_is_told(data: bytes, said: str) -> None:
    reader = Frames()
    reader.take(PREFACE)
    assert said in (reader.take(data) or [""])[0]


def test_headers_may_come_in_parts() -> None:
    whole = block((":path", "/a/b/c"), ("a", "b"))
    reader = Frames()
    reader.take(PREFACE)
    first, second = frame(1, 0, 1, whole[:3]), frame(9, 4, 1, whole[3:])
    assert (reader.take(first + second) or [])[1] == "CONTINUATION 1: :path: /a/b/c, a: b"


def test_a_server_is_known_by_its_settings() -> None:
    assert Frames().take(frame(4, 0, 0, b"")) == ["SETTINGS"]


@pytest.mark.parametrize(
    "data", [b'{"jsonrpc"', b"POST / HTTP/1.1", b"PRI * HTTP/1", b"\0\0\0\0\0\0"]
)
def test_what_is_no_http2_is_not_taken_for_it(data: bytes) -> None:
    reader = Frames()
    assert reader.take(data) is None
    assert reader.held() == data


def test_a_frame_that_nobody_sends_ends_the_reading() -> None:
    reader = Frames()
    reader.take(PREFACE)
    assert reader.take(b"\xff" * 20) is None


def test_without_the_library_headers_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "lacks", lambda _: True)
    told = (Frames().take(PREFACE + CALL) or [])[1]
    assert "bytes; pip install 'transportlab[wire]' shows them" in told
    assert "abcd" not in told
