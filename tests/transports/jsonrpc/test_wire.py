import json
from collections.abc import Iterable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transportlab.codecs import LARGE
from transports.jsonrpc.wire import (
    LineReader,
    Oversized,
    Repeated,
    excerpt,
    names_headers,
    repeated_member,
)

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


TREES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.integers(-9, 9), st.text(max_size=5), st.just('a":{"b\\')),
    lambda part: st.one_of(
        st.lists(part, max_size=3), st.lists(st.tuples(st.text(max_size=1), part)).map(tuple)
    ),
    max_leaves=12,
)


def written(tree: Any, spaced: bool) -> str:
    """JSON of a tree in which a tuple is an object, with names that may stand twice."""
    space = " \t" if spaced else ""
    if isinstance(tree, list):
        return f"[{f',{space}'.join(written(item, spaced) for item in tree)}]"
    if isinstance(tree, tuple):
        members = (f"{json.dumps(n)}{space}:{space}{written(v, spaced)}" for n, v in tree)
        return f"{{{f',{space}'.join(members)}}}"
    return json.dumps(tree, ensure_ascii=spaced)


def repeats(tree: Any) -> bool:
    inner = [v for _, v in tree] if isinstance(tree, tuple) else tree
    twice = isinstance(tree, tuple) and len({name for name, _ in tree}) < len(tree)
    return twice or (isinstance(inner, list) and any(map(repeats, inner)))


@given(TREES, st.booleans())
def test_a_member_that_stands_twice_is_found_however_the_line_is_formatted(
    tree: Any, spaced: bool
) -> None:
    line = written(tree, spaced).encode()
    assert (repeated_member(line, msgspec.json.decode(line)) is not None) is repeats(tree)


def test_a_long_line_is_searched_for_a_repeated_member_without_its_name() -> None:
    rest = b'"\\u0061": [' + b"{}, " * (LARGE // 4) + b"{}]"
    for line, found in (
        (b"{%b}" % rest, None),
        (b'{%b, "b": {"c": 1, "c": 1}}' % rest, Repeated("", outermost=False)),
        (b'{%b, "a": 1}' % rest, Repeated("", outermost=True)),
        (b'[{%b, "a": 1}]' % rest, Repeated("", outermost=False)),
    ):
        assert repeated_member(line, msgspec.json.decode(line)) == found
    assert str(found) == "a member stands twice in one object"
