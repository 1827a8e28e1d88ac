from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transports.jsonrpc.wire import LineReader, Oversized, excerpt, names_headers

LIMIT = 10

CASES = [
    (b"", []),
    (b"{}\n", [b"{}"]),
    (b"{}\r\n", [b"{}\r"]),
    (b"{}\n[]\n", [b"{}", b"[]"]),
    (b"\n \n\r\n{}\n\n", [b"{}"]),
    (b"{}\n{", [b"{}"]),
    (b"no end", []),
    (b"0123456789\n", [b"0123456789"]),
    (b"0123456789a\n", [Oversized(11)]),
    (b"0123456789" * 9 + b"\n{}\n", [Oversized(90), b"{}"]),
    (b"{}\n0123456789ab\n[]\n", [b"{}", Oversized(12), b"[]"]),
]


def cut(pieces: Iterable[bytes]) -> list[bytes | Oversized]:
    reader = LineReader(LIMIT)
    return [line for piece in pieces for line in reader.feed(piece)]


@pytest.mark.parametrize(("data", "lines"), CASES)
def test_lines_are_cut_alike_however_the_bytes_come(
    data: bytes, lines: list[bytes | Oversized]
) -> None:
    assert cut([data]) == lines
    assert cut(data[i : i + 1] for i in range(len(data))) == lines
    for split in range(len(data)):
        assert cut([data[:split], data[split:]]) == lines


@given(st.lists(st.binary(max_size=30)))
def test_any_pieces_give_the_lines_of_their_whole(pieces: list[bytes]) -> None:
    whole = b"".join(pieces)
    expected = [
        Oversized(len(line)) if len(line) > LIMIT else line
        for line in whole.split(b"\n")[:-1]
        if len(line) > LIMIT or line.strip()
    ]
    assert cut(pieces) == expected


def test_a_line_over_the_limit_is_not_kept() -> None:
    reader = LineReader(limit=1000)
    for _ in range(100):
        assert reader.feed(b"x" * 1000) == []
        assert len(reader.unfinished) <= 1000
    assert len(reader.unfinished) == 201
    assert reader.feed(b"\n{}\n") == [Oversized(100_000), b"{}"]


def test_the_unfinished_line_is_at_hand() -> None:
    reader = LineReader()
    assert reader.unfinished == b""
    assert reader.feed(b'{}\n{"half') == [b"{}"]
    assert reader.unfinished == b'{"half'


def test_an_excerpt_shows_that_it_is_one() -> None:
    assert excerpt(b"\xff{") == "b'\\xff{'"
    assert excerpt(b"x" * 201) == repr(b"x" * 200) + "..."


def test_headers_of_the_language_server_protocol_are_known_by_their_name() -> None:
    assert names_headers(b"Content-Length: 52\r")
    assert names_headers(b"content-length:52")
    assert not names_headers(b'{"jsonrpc":"2.0"}')
