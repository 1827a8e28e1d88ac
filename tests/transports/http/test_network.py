"""The sockets under httpx, one at a time."""

import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpcore
import pytest

from transportlab.context import Cancellation
from transportlab.errors import ConnectionLost
from transports.http import network
from transports.http.network import Call, Connection, Network

HANG_GUARD = 30.0

Pair = tuple[Network, Connection, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    here, there = socket.socketpair()
    there.settimeout(HANG_GUARD)
    owner = Network()
    connection = Connection(here, owner)
    yield owner, connection, there
    connection.close()
    there.close()


def call() -> Call:
    return Call(Cancellation(), None)


def use(pair: Pair, one: Call) -> None:
    owner, connection, there = pair
    with owner.working_for(one):
        connection.write(b"request")
        assert there.recv(100) == b"request"
        there.sendall(b"HTTP/1.1 reply")
        assert connection.read(100) == b"HTTP/1.1 reply"


def test_a_used_connection_that_takes_nothing_is_given_back(pair: Pair) -> None:
    owner, connection, there = pair
    use(pair, call())
    there.close()
    with owner.working_for(call()), pytest.raises(httpcore.ConnectionNotAvailable):
        connection.write(b"request")


def test_a_new_connection_that_takes_nothing_is_a_failed_write(pair: Pair) -> None:
    owner, connection, there = pair
    there.close()
    with owner.working_for(call()):
        with pytest.raises(httpcore.WriteError):
            connection.write(b"request")
        with pytest.raises(ConnectionLost):
            connection.read(100)


def test_a_call_that_has_ended_cannot_interrupt_the_one_after_it(pair: Pair) -> None:
    first, second = call(), call()
    use(pair, first)
    use(pair, second)
    first.interrupt()
    use(pair, second)
    second.interrupt()
    assert pair[2].recv(1) == b""


def test_a_call_without_a_connection_has_nothing_to_interrupt() -> None:
    one = call()
    one.interrupt()
    assert one.connection is None


def test_a_wait_longer_than_a_sockets_is_begun_anew(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, connection, there = pair
    monkeypatch.setattr(network, "LONGEST_WAIT", 0.01)
    one = Call(Cancellation(), time.monotonic() + HANG_GUARD)
    data = bytes(4_000_000)

    def late() -> int:
        time.sleep(0.05)
        count = 0
        while count < len(data):
            count += len(there.recv(len(data)))
        time.sleep(0.05)
        there.sendall(b"HTTP/1.1")
        return count

    with ThreadPoolExecutor(1) as pool, owner.working_for(one):
        peer = pool.submit(late)
        connection.write(data)
        assert connection.read(8) == b"HTTP/1.1"
        assert peer.result(HANG_GUARD) == len(data)


def test_a_connection_tells_what_came_unasked(pair: Pair) -> None:
    _, connection, there = pair
    assert connection.get_extra_info("ssl_object") is None
    assert connection.get_extra_info("is_readable") is False
    there.close()
    assert connection.get_extra_info("is_readable") is True
    connection.close()
    assert connection.get_extra_info("is_readable") is True
