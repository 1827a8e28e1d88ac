"""Raw wires: every wait has its bound, and what comes while something is sent is kept."""

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from io import FileIO
from pathlib import Path

import pytest

from transportlab import raw
from transportlab.channel import SocketEndpoint, StdioEndpoint
from transportlab.raw import Carriage, Closed, Garbled, Silent

SHORT = 0.05
HANG_GUARD = 30.0


def soon(seconds: float = HANG_GUARD) -> float:
    return time.monotonic() + seconds


@pytest.fixture
def peer(tmp_path: Path) -> Iterator[tuple[Carriage, socket.socket]]:
    """A carriage, and its other end."""
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        carriage = Carriage(SocketEndpoint(path))
        other, _ = listener.accept()
        with other:
            yield carriage, other
        carriage.close()


Peer = tuple[Carriage, socket.socket]


def test_a_line_and_bytes_are_taken_as_they_come(peer: Peer) -> None:
    carriage, other = peer
    other.sendall(b"one\r")
    with pytest.raises(Silent):
        carriage.line(soon(SHORT), b"\r\n")
    other.sendall(b"\ntwo")
    assert carriage.line(soon(), b"\r\n") == b"one"
    assert carriage.exactly(2, soon()) == b"tw"
    assert bytes(carriage.unread) == b"o"


def test_silence_and_an_end_are_told_apart(peer: Peer) -> None:
    carriage, other = peer
    with pytest.raises(Silent):
        carriage.exactly(1, soon(SHORT))
    other.sendall(b"x")
    other.shutdown(socket.SHUT_WR)
    assert carriage.exactly(1, soon()) == b"x"
    with pytest.raises(Closed):
        carriage.fill(soon())


def test_a_connection_that_is_never_accepted_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(raw, "CONNECT_SECONDS", SHORT)
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as listener, ExitStack() as stack:
        listener.bind(path)
        listener.listen(1)

        def connect() -> None:
            for _ in range(10):
                stack.callback(Carriage(SocketEndpoint(path)).close)

        with pytest.raises(Silent):
            connect()


def test_a_plugin_that_listens_no_more_has_ended_the_connection(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
    for there in (True, False):
        assert Path(path).exists() is there
        with pytest.raises(Closed):
            Carriage(SocketEndpoint(path))
        Path(path).unlink(missing_ok=True)


def test_what_nobody_takes_is_given_up(peer: Peer) -> None:
    with pytest.raises(Silent):
        peer[0].write(bytes(10_000_000), soon(SHORT))


def test_a_plugin_that_has_closed_takes_everything(peer: Peer) -> None:
    carriage, other = peer
    other.close()
    carriage.write(bytes(1_000_000), soon())  # raises nothing, though nobody reads it
    with pytest.raises(Closed):
        carriage.fill(soon())


@pytest.fixture
def flooded(peer: Peer) -> Iterator[Carriage]:
    """A carriage whose other end sends for as long as it can."""
    carriage, other = peer

    def flood() -> None:
        with suppress(OSError):
            while True:
                other.sendall(bytes(65536))

    thread = threading.Thread(target=flood)
    thread.start()
    yield carriage
    carriage.close()
    thread.join(HANG_GUARD)


def test_what_nobody_takes_has_a_bound(flooded: Carriage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raw, "MOST_BYTES", 1_000_000)
    with pytest.raises(Garbled, match="more than 1000000 bytes"):
        flooded.line(soon(), b"\n")
    with pytest.raises(Garbled):
        flooded.write(bytes(10_000_000), soon())
    assert len(flooded.unread) < 2_000_000


def test_what_never_stops_coming_does_not_move_the_end(
    flooded: Carriage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(raw, "LATE_SECONDS", 0.0)
    end = soon(SHORT)

    def take_all() -> None:
        while True:
            flooded.fill(end)
            flooded.take(len(flooded.unread))

    with pytest.raises(Silent):
        take_all()


def test_two_full_pipes_block_nobody() -> None:
    size = 1_000_000
    (mine_in, its_out), (its_in, mine_out) = os.pipe(), os.pipe()

    def plugin() -> None:
        with FileIO(its_out, "w") as out, FileIO(its_in) as into:
            out.write(bytes(size))
            left = size
            while left:
                left -= len(into.read(65536))

    thread = threading.Thread(target=plugin)
    thread.start()
    with FileIO(mine_in) as reader, FileIO(mine_out, "w") as writer:
        carriage = Carriage(StdioEndpoint(reader, writer))
        carriage.write(bytes(size), soon())
        assert carriage.exactly(size, soon()) == bytes(size)
        thread.join(HANG_GUARD)
