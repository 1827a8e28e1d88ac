"""FFI's channel with the echo plugin: what the tests of every transport cannot see."""

import gc
import json
import shutil
import time
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from transportlab import model
from transportlab.backend import PROTOCOL_VERSIONS
from transportlab.channel import Channel, LibraryEndpoint
from transportlab.context import Cancellation, Context
from transportlab.errors import ChannelClosed, Code, RpcError, UsageError
from transportlab.methods import APPLY, READ
from transportlab.registry import load_transport
from transportlab.remote import RemoteBackend


def connect(library: Path, codec: str = "json") -> Channel:
    return load_transport("ffi").connect(LibraryEndpoint(str(library)), codec=codec)


def opened(channel: Channel) -> RemoteBackend:
    backend = RemoteBackend(channel)
    config = {"faults": "requests"}
    backend.open_session(model.OpenSessionRequest("1", PROTOCOL_VERSIONS, config), Context())
    return backend


def stream(
    channel: Channel, app: str, **options: object
) -> Generator[model.ApplyEvent, None, None]:
    request = model.ApplyRequest(model.PlanReply(app))
    events = channel.stream(APPLY, request, Context(**options))  # type: ignore[arg-type]  # passed on
    assert isinstance(events, Generator)
    return events


def command(backend: RemoteBackend, app: str) -> str:
    return backend.read(model.ReadRequest(app), Context()).entries[0].command


@pytest.fixture(params=["json", "protobuf"])
def channel(ffi_echo: Path, request: pytest.FixtureRequest) -> Iterator[Channel]:
    with connect(ffi_echo, request.param) as made:
        opened(made)
        yield made


def test_two_channels_on_a_library_are_two_sessions(ffi_echo: Path) -> None:
    with connect(ffi_echo) as one, connect(ffi_echo, "protobuf") as two:
        first, second = opened(one), opened(two)
        first.close_session(model.CloseSessionRequest(), Context())
        assert command(second, "!echo:two") == "!echo:two"
        with pytest.raises(RpcError, match="closed"):
            command(first, "!echo:one")
    with connect(ffi_echo) as three:
        assert command(opened(three), "!echo:three") == "!echo:three"


def test_a_copy_of_the_file_is_a_library_of_its_own(ffi_echo: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copy(ffi_echo, tmp_path / "copy.so"))
    with connect(ffi_echo) as one, connect(copy) as two:
        first, second = opened(one), opened(two)
        for _ in range(2):
            assert command(first, "!echo:one") == "!echo:one"
            assert command(second, "!echo:two") == "!echo:two"


def test_a_stream_is_pulled_and_never_runs_ahead(channel: Channel) -> None:
    events = stream(channel, "!events:3")
    assert next(events).op_index == 0
    # Nothing else runs in the plugin meanwhile: other calls go through between two events.
    assert channel.unary(READ, model.ReadRequest("web"), Context()) == model.ReadReply()
    assert [event.op_index for event in events] == [1, 2, 0]


def test_a_switch_thrown_between_two_events_ends_the_stream(channel: Channel) -> None:
    switch = Cancellation()
    events = stream(channel, "!events:1000", cancellation=switch)
    next(events)
    switch.cancel()
    with pytest.raises(RpcError) as caught:
        next(events)
    assert caught.value.code is Code.CANCELLED


def test_a_deadline_that_passes_between_two_events_ends_the_stream(channel: Channel) -> None:
    events = stream(channel, "!events:1000", timeout=1.0)
    next(events)
    time.sleep(1.0)
    with pytest.raises(RpcError) as caught:
        next(events)
    assert caught.value.code is Code.DEADLINE_EXCEEDED


def test_closing_the_channel_ends_a_stream_that_nobody_reads(
    ffi_echo: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    channel = connect(ffi_echo)
    opened(channel)
    events = stream(channel, "!events:1000")
    next(events)
    channel.close()
    outcomes = [json.loads(line)["outcome"] for line in capfd.readouterr().err.splitlines()]
    assert outcomes == ["ABANDONED"]
    with pytest.raises(ChannelClosed):
        next(events)
    events.close()


def test_a_stream_that_is_forgotten_is_abandoned(
    channel: Channel, capfd: pytest.CaptureFixture[str]
) -> None:
    events = stream(channel, "!events:1000")
    next(events)
    del events
    assert '"outcome": "ABANDONED"' in capfd.readouterr().err


def test_a_backend_that_fails_while_its_stream_is_abandoned_harms_nobody(
    ffi_stubborn: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with connect(ffi_stubborn) as channel:
        RemoteBackend(channel).open_session(
            model.OpenSessionRequest("1", PROTOCOL_VERSIONS), Context()
        )
        events = stream(channel, "bad end")
        next(events)
        events.close()
        assert "cannot stop" in capfd.readouterr().err
        assert channel.unary(READ, model.ReadRequest(), Context()) == model.ReadReply()


@pytest.mark.usefixtures("heeded_signals")
def test_whatever_a_backend_raises_stays_on_its_side(
    ffi_stubborn: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with connect(ffi_stubborn) as channel:
        backend = RemoteBackend(channel)
        backend.open_session(model.OpenSessionRequest("1", PROTOCOL_VERSIONS), Context())
        for app, shown in (("exit", "SystemExit: 7"), ("memory", "MemoryError: ")):
            with pytest.raises(RpcError) as caught:
                backend.read(model.ReadRequest(app), Context())
            assert caught.value.code is Code.INTERNAL
            assert caught.value.message == f"the backend stubborn-one 1.0 failed: {shown}"
            with pytest.raises(RpcError) as caught:
                list(stream(channel, app))
            assert caught.value.message == f"the backend stubborn-one 1.0 failed: {shown}"
        for app in ("interrupt", "interrupt at the end"):
            with pytest.raises(KeyboardInterrupt):
                list(stream(channel, app))
        with pytest.raises(KeyboardInterrupt):
            backend.read(model.ReadRequest("interrupt"), Context())
        events = stream(channel, "interrupt at the end")
        next(events)
        with pytest.raises(KeyboardInterrupt):
            events.close()
        assert backend.read(model.ReadRequest(), Context()) == model.ReadReply()


def test_what_a_thread_of_the_backend_asks_later_finds_no_call(ffi_stubborn: Path) -> None:
    with connect(ffi_stubborn) as channel:
        backend = RemoteBackend(channel)
        backend.open_session(model.OpenSessionRequest("1", PROTOCOL_VERSIONS), Context())
        backend.read(model.ReadRequest("remember"), Context())
        assert backend.read(model.ReadRequest("recall"), Context()).entries[0].command == "False"


def test_a_released_call_leaves_nothing_in_the_plugin(channel: Channel) -> None:
    from transports.ffi import plugin

    def kept() -> int:
        gc.collect()
        return sum(type(found) is plugin._Call for found in gc.get_objects())

    before = kept()
    events = stream(channel, "!events:3")
    next(events)
    assert kept() == before + 1
    for _ in range(20):
        channel.unary(READ, model.ReadRequest("web"), Context())
        with pytest.raises(RpcError):
            channel.unary(READ, model.ReadRequest("!error:ABORTED"), Context())
    events.close()
    assert kept() == before


def test_many_threads_call_while_others_abandon_and_cancel(channel: Channel) -> None:
    def work(number: int) -> None:
        for turn in range(10):
            switch = Cancellation()
            app = f"!echo:{number}-{turn}"
            reply = channel.unary(READ, model.ReadRequest(app), Context(cancellation=switch))
            assert reply.entries[0].command == app
            switch.cancel()
            events = stream(channel, "!events:5")
            assert next(events).op_index == 0
            events.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))


def test_a_program_cannot_serve_it() -> None:
    nothing: Any = None  # never looked at
    with pytest.raises(UsageError, match=r"transports\.ffi\.build"):
        load_transport("ffi").serve(nothing, nothing, codec="json", life=nothing)
