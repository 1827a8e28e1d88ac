"""How the plugin's side reads a request's head from whoever has not shown the secret."""

import io
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transports.http.handler import Head


class Dripping(io.RawIOBase):
    """Gives a byte at a time."""

    def __init__(self, data: bytes) -> None:
        self._rest = list(data)

    def readable(self) -> bool:
        return True

    def readinto(self, room: Any) -> int:
        given = self._rest[:1]
        del self._rest[:1]
        room[: len(given)] = bytes(given)
        return len(given)


def head(data: bytes, left: float | None) -> Head:
    until = None if left is None else time.monotonic() + left
    return Head(io.BufferedReader(Dripping(data)), until)


@given(st.text(alphabet="a\n", max_size=20), st.integers(1, 8))
def test_a_strangers_lines_are_read_like_any(text: str, limit: int) -> None:
    known, stranger = head(text.encode(), None), head(text.encode(), 3600)
    for _ in range(len(text) + 1):
        assert stranger.readline(limit) == known.readline(limit)
    assert stranger.taken == known.taken == len(text)


def test_a_stranger_that_sends_a_byte_now_and_then_has_a_limit_in_all() -> None:
    late = head(b"POST / HTTP/1.1\r\n", -1)
    with pytest.raises(TimeoutError):
        late.readline(100)
    late.until = None
    assert late.readline(100) == b"POST / HTTP/1.1\r\n"
