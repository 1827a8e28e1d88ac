import os
from collections.abc import Iterator

import pytest

from transports.jsonrpc.outbox import Outbox


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)
    yield reader, writer
    os.close(reader)
    os.close(writer)


def drain(reader: int) -> bytes:
    data = b""
    while True:
        try:
            data += os.read(reader, 1 << 20)
        except BlockingIOError:
            return data


def fill(writer: int) -> int:
    """How many bytes it took until nothing more fits."""
    count = 0
    while True:
        try:
            count += os.write(writer, b"x" * 4096)
        except BlockingIOError:
            return count


def test_lines_go_out_in_order_as_the_pipe_takes_them(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    outbox = Outbox(writer)
    lines = [bytes([65 + n]) * 50_000 for n in range(6)]
    for owner, line in enumerate(lines):
        outbox.push(owner, line)
    data = b""
    while outbox.queue:
        data += drain(reader)
        outbox.flush()
    assert data + drain(reader) == b"".join(lines)


def test_a_full_pipe_takes_nothing_and_loses_nothing(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    count = fill(writer)
    outbox = Outbox(writer)
    outbox.push(1, b"later")
    assert outbox.queue
    outbox.flush()
    assert outbox.queue
    assert drain(reader) == b"x" * count
    outbox.flush()
    assert not outbox.queue
    assert drain(reader) == b"later"


def test_only_a_line_that_has_not_begun_can_be_taken_back(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    outbox = Outbox(writer)
    outbox.push(1, b"a" * 1_000_000)
    outbox.push(2, b"bb")
    outbox.push(3, b"ccc")
    assert not outbox.withdraw(1)
    assert outbox.withdraw(2)
    assert not outbox.withdraw(2)
    data = b""
    while outbox.queue:
        data += drain(reader)
        outbox.flush()
    assert data + drain(reader) == b"a" * 1_000_000 + b"ccc"


def test_a_line_that_waits_whole_becomes_one_that_has_begun(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    fill(writer)
    outbox = Outbox(writer)
    outbox.push(1, b"a" * 1_000_000)
    drain(reader)
    outbox.flush()
    assert outbox.queue
    assert not outbox.withdraw(1)


def test_a_peer_that_is_gone_is_an_error() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with pytest.raises(BrokenPipeError):
        Outbox(writer).push(1, b"x")
    os.close(writer)
