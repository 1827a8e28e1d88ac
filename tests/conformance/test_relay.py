"""The relay: it changes nothing that peers rely on, and what passes is in the transcript."""

import contextlib
import os
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from io import FileIO

import pytest

from transportlab.channel import EndpointKind, SocketEndpoint, StdioEndpoint
from transportlab.conformance.relay import Relay, Tap
from transportlab.conformance.result import Status
from transportlab.conformance.runner import Options, run_matrix
from transportlab.conformance.subject import Subject
from transportlab.conformance.transcript import Transcript
from transportlab.conformance.vectors import Vector, load_vectors
from transportlab.registry import load_transport, transport_names

BOUND = 10.0


@pytest.fixture
def transcript() -> Transcript:
    return Transcript({})


def said(transcript: Transcript) -> list[tuple[str, str, str]]:
    return [(line.by, line.on, line.text) for line in transcript.captured().lines]


@pytest.fixture
def plugin(transcript: Transcript) -> Iterator[tuple[socket.socket, Relay]]:
    """A listening socket, and a relay before it."""
    path = os.path.join("/tmp", f"tl-relay-{os.getpid()}")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        listener.settimeout(BOUND)
        relay = Relay(SocketEndpoint(path, "s" * 64), transcript)
        yield listener, relay
        relay.close()
        relay.close()
    os.unlink(path)


@contextlib.contextmanager
def connected(plugin: tuple[socket.socket, Relay]) -> Iterator[tuple[socket.socket, socket.socket]]:
    """The host's end and the plugin's end of a connection through the relay."""
    listener, relay = plugin
    assert isinstance(relay.endpoint, SocketEndpoint)
    assert relay.endpoint.secret == "s" * 64
    with socket.socket(socket.AF_UNIX) as host:
        host.settimeout(BOUND)
        host.connect(relay.endpoint.path)
        there, _ = listener.accept()
        with there:
            there.settimeout(BOUND)
            yield host, there


def test_bytes_go_both_ways_and_are_told(
    plugin: tuple[socket.socket, Relay], transcript: Transcript
) -> None:
    with connected(plugin) as (host, there):
        host.sendall(b"GET /\r\n")
        assert there.recv(100) == b"GET /\r\n"
        there.sendall(b"well\n")
        assert host.recv(100) == b"well\n"
    assert said(transcript)[:2] == [(">", "1", "GET /\\r"), ("<", "1", "well")]


def test_an_end_of_sending_goes_on_as_that(plugin: tuple[socket.socket, Relay]) -> None:
    with connected(plugin) as (host, there):
        host.shutdown(socket.SHUT_WR)
        assert there.recv(100) == b""
        there.sendall(b"still")
        assert host.recv(100) == b"still"
        there.shutdown(socket.SHUT_WR)
        assert host.recv(100) == b""


def test_a_closed_connection_goes_on_as_closed(plugin: tuple[socket.socket, Relay]) -> None:
    with connected(plugin) as (host, there):
        host.close()
        poll = select.poll()
        poll.register(there, 0)
        assert poll.poll(BOUND * 1000)[0][1] & select.POLLHUP
    with connected(plugin) as (host, there):
        there.close()
        assert host.recv(100) == b""


def test_what_is_not_taken_is_not_read(plugin: tuple[socket.socket, Relay]) -> None:
    with connected(plugin) as (host, _there):
        host.setblocking(False)
        sent, end = 0, time.monotonic() + BOUND
        while time.monotonic() < end:
            try:
                sent += host.send(bytes(65536))
            except BlockingIOError:
                if not select.select([], [host], [], 0.5)[1]:
                    break
        assert sent < 8 << 20


def test_much_goes_through_whole(plugin: tuple[socket.socket, Relay]) -> None:
    data = os.urandom(3 << 20)
    with connected(plugin) as (host, there):
        sender = threading.Thread(target=host.sendall, args=(data,))
        sender.start()
        came = b""
        while len(came) < len(data):
            came += there.recv(1 << 16)
        sender.join()
        assert came == data


def test_a_plugin_that_takes_no_connection_is_told(transcript: Transcript) -> None:
    relay = Relay(SocketEndpoint("/nowhere/s"), transcript)
    assert isinstance(relay.endpoint, SocketEndpoint)
    with socket.socket(socket.AF_UNIX) as host:
        host.settimeout(BOUND)
        host.connect(relay.endpoint.path)
        assert host.recv(1) == b""
    relay.close()
    assert not os.path.exists(relay.endpoint.path)
    assert "takes no connection" in said(transcript)[0][2]


@pytest.fixture
def pipes() -> Iterator[Callable[[], tuple[FileIO, FileIO]]]:
    """pipes() are the ends of a new one."""
    with contextlib.ExitStack() as stack:

        def make() -> tuple[FileIO, FileIO]:
            reader, writer = os.pipe()
            return (
                stack.enter_context(FileIO(reader, "r")),
                stack.enter_context(FileIO(writer, "w")),
            )

        yield make


def test_pipes_are_passed_on_with_their_ends(
    pipes: Callable[[], tuple[FileIO, FileIO]], transcript: Transcript
) -> None:
    stdin, to_plugin = pipes()
    from_plugin, stdout = pipes()
    relay = Relay(StdioEndpoint(from_plugin, to_plugin), transcript)
    assert isinstance(relay.endpoint, StdioEndpoint)
    relay.endpoint.writer.write(b'{"id":1}\n')
    assert stdin.read(100) == b'{"id":1}\n'
    stdout.write(b'{"id":1,"result":2}\n')
    assert relay.endpoint.reader.read(100) == b'{"id":1,"result":2}\n'
    relay.endpoint.writer.close()
    assert stdin.read(100) == b""  # the plugin's way out
    stdout.close()
    assert relay.endpoint.reader.read(100) == b""
    relay.close()
    assert from_plugin.closed
    assert said(transcript)[:3] == [
        (">", "", '{"id":1}'),
        ("<", "", '{"id":1,"result":2}'),
        (">", "", "(end)"),
    ]


def test_the_end_of_stdin_may_come_from_whoever_owns_it(
    pipes: Callable[[], tuple[FileIO, FileIO]], transcript: Transcript
) -> None:
    stdin, to_plugin = pipes()
    from_plugin, _stdout = pipes()
    relay = Relay(StdioEndpoint(from_plugin, to_plugin), transcript)
    assert isinstance(relay.endpoint, StdioEndpoint)
    to_plugin.close()
    assert stdin.read(100) == b""
    relay.endpoint.writer.write(b"too late\n")
    relay.close()


SOCKETS = transport_names(EndpointKind.SOCKET)


@pytest.mark.parametrize(
    "transport",
    [
        pytest.param(name, marks=[pytest.mark.slow] if name in SOCKETS else [])
        for name in transport_names()
    ],
)
def test_vectors_end_the_same_with_a_relay(transport: str) -> None:
    usual = load_transport(transport).traits.codecs[0]
    raw = [v for v in load_vectors() if v.transport == transport and v.level < 2][:6]
    vectors = [*[v for v in load_vectors() if v.group == "read"][:4], *raw]
    seen: list[str] = []
    options = Options(usual, captures=True, trace=seen.append)
    [arm] = run_matrix([transport], vectors, Subject(), options).arms
    tried = [o for o in arm.outcomes if o.status not in (Status.UNSUPPORTED, Status.NOT_RUN)]
    if not tried:
        pytest.skip(f"not run: {arm.outcomes[0].reason}")
    assert [(o.vector.id, o.failure) for o in tried if o.status is not Status.PASS] == []
    for outcome in tried:
        assert outcome.captured is not None
        by = {line.by for line in outcome.captured.lines}
        assert {">", "<"} <= by, outcome.vector.id
    shared = [o for o in tried if isinstance(o.vector, Vector) and o.vector.shares]
    assert [o.captured.before for o in shared if o.captured][:1] in ([], [()])
    assert any(line.startswith("TRACE ") for line in seen)


def test_a_tap_is_the_transport_in_all_else(transcript: Transcript) -> None:
    for name in transport_names():
        transport = load_transport(name)
        tap = Tap(transport, transcript)
        assert (tap.name, tap.traits) == (name, transport.traits)
