"""What every transport owes: one body of tests over all, with the echo plugin as it ships."""

import threading
import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from transportlab import __version__, model
from transportlab.backend import PROTOCOL_VERSIONS, Backend
from transportlab.channel import Channel
from transportlab.context import Cancellation, Context
from transportlab.errors import (
    MAX_MESSAGE_BYTES,
    ChannelClosed,
    Code,
    PluginError,
    RpcError,
)
from transportlab.host import HostOptions, HostSession, open_backend
from transportlab.methods import READ, Method
from transportlab.registry import load_transport

DETAILS = model.ErrorDetails("FAULT", "jobs/0", "e", "g", "a", ("a1", "a2"), ("f1",), ("u1",))
HANG_GUARD = 60.0
"""Seconds after which a wait in a test is taken for a hang; no verdict on speed."""


@pytest.fixture
def session(transport: str, codec: str) -> Iterator[HostSession]:
    options = HostOptions(codec=codec, config={"faults": "requests"})
    with open_backend("echo", transport, options) as opened:
        yield opened


@pytest.fixture
def backend(session: HostSession) -> Backend:
    return session.backend


def read(backend: Backend, app: str, **context: object) -> model.ReadReply:
    return backend.read(model.ReadRequest(app), Context(**context))  # type: ignore[arg-type]  # passed on


def events(
    backend: Backend, app: str, **context: object
) -> Generator[model.ApplyEvent, None, None]:
    request = model.ApplyRequest(model.PlanReply(app))
    stream = backend.apply(request, Context(**context))  # type: ignore[arg-type]  # passed on
    assert isinstance(stream, Generator)
    return stream


@pytest.mark.parametrize("code", Code)
def test_an_error_arrives_equal_to_the_letter(backend: Backend, code: Code) -> None:
    for call in (lambda app: read(backend, app), lambda app: list(events(backend, app))):
        with pytest.raises(RpcError) as caught:
            call(f"!error:{code.name}")
        assert caught.value.code is code
        assert caught.value.message == f'fault {code.name}: "quoted" <&> é \u2028 end'
        assert caught.value.details == DETAILS


def test_a_bug_in_the_backend_is_internal_and_the_session_goes_on(backend: Backend) -> None:
    with pytest.raises(RpcError) as caught:
        read(backend, "!panic:boom")
    assert caught.value.code is Code.INTERNAL
    assert caught.value.message == f"the backend echo {__version__} failed: RuntimeError: boom"
    assert caught.value.details.reason == "PANIC"
    assert read(backend, "web") == model.ReadReply()


def test_an_unknown_method_is_unimplemented(session: HostSession) -> None:
    method = Method("Explode", "explode", model.ReadRequest, model.ReadReply)
    with pytest.raises(RpcError) as caught:
        session.channel.unary(method, model.ReadRequest())
    assert caught.value.code is Code.UNIMPLEMENTED
    assert caught.value.message == 'unknown method "Explode"'
    assert caught.value.details.got == "Explode"


def test_a_stream_keeps_its_order_and_its_end(backend: Backend) -> None:
    got = list(events(backend, "!events:300"))
    assert [e.op_index for e in got[:-1]] == list(range(300))
    assert got[-1].kind is model.ApplyEventKind.FINISHED


def test_events_arrive_while_the_stream_goes_on(backend: Backend) -> None:
    stream = events(backend, "!events:3:0.05")
    assert next(stream).op_index == 0
    assert [e.op_index for e in stream][:2] == [1, 2]


def test_an_abandoned_stream_is_cancelled_and_the_channel_stays_usable(backend: Backend) -> None:
    for number in range(3):
        stream = events(backend, "!events:100000:0.001")
        assert next(stream).op_index == 0
        stream.close()
        assert read(backend, f"!echo:{number}").entries[0].command == f"!echo:{number}"
    wait_for_cancelled(backend, 3)


def wait_for_cancelled(backend: Backend, count: int) -> None:
    """Until the backend has seen so many calls cancelled: the news may take a moment."""
    end = time.monotonic() + HANG_GUARD
    while read(backend, "!cancelled").entries[0].index < count:
        assert time.monotonic() < end, "the backend never saw the cancellation"
        time.sleep(0.005)


def test_a_deadline_ends_a_call(backend: Backend) -> None:
    for call in (
        lambda: read(backend, "!sleep:60", timeout=0.05),
        lambda: list(events(backend, "!events:2:60", timeout=0.05)),
    ):
        with pytest.raises(RpcError) as caught:
            call()
        assert caught.value.code is Code.DEADLINE_EXCEEDED
        assert caught.value.message == "the deadline passed before the call was done"
    assert read(backend, "web") == model.ReadReply()


def test_a_deadline_in_the_past_ends_a_call_before_it_begins(backend: Backend) -> None:
    with pytest.raises(RpcError) as caught:
        read(backend, "web", timeout=-1.0)
    assert caught.value.code is Code.DEADLINE_EXCEEDED


def test_a_deadline_holds_against_a_backend_that_ignores_it(
    transport: str, backend: Backend
) -> None:
    if not load_transport(transport).traits.enforces_deadline:
        # What this trait gives up, shown: the call comes back only when the backend lets go.
        begin = time.monotonic()
        read(backend, "!block:0.2", timeout=0.01)
        assert time.monotonic() - begin >= 0.2
        return
    with pytest.raises(RpcError) as caught:
        read(backend, "!block:1", timeout=0.05)
    assert caught.value.code is Code.DEADLINE_EXCEEDED


def test_cancelling_reaches_the_backend(backend: Backend) -> None:
    calls: list[Callable[[Cancellation], object]] = [
        lambda switch: read(backend, "!sleep:60", cancellation=switch),
        lambda switch: list(events(backend, "!events:2:60", cancellation=switch)),
    ]
    for number, call in enumerate(calls):
        delay = 0.02
        # A call that is cancelled before it has reached the backend is nothing to see there.
        while read(backend, "!cancelled").entries[0].index <= number:
            switch = Cancellation()
            threading.Timer(delay, switch.cancel).start()
            with pytest.raises(RpcError) as caught:
                call(switch)
            assert caught.value.code is Code.CANCELLED
            assert caught.value.message == "the call was cancelled"
            delay *= 2
            assert delay < HANG_GUARD, "the backend never saw a cancellation"
            time.sleep(delay)


def test_a_call_that_is_cancelled_before_it_begins_is_not_made(backend: Backend) -> None:
    switch = Cancellation()
    switch.cancel()
    with pytest.raises(RpcError) as caught:
        read(backend, "web", cancellation=switch)
    assert caught.value.code is Code.CANCELLED


def test_many_threads_share_a_channel(backend: Backend) -> None:
    def work(thread: int) -> None:
        for number in range(20):
            app = f"!echo:{thread}-{number}"
            assert read(backend, app, timeout=HANG_GUARD).entries[0].command == app
        assert len(list(events(backend, "!events:20", timeout=HANG_GUARD))) == 21

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(work, range(16)))


def test_a_fast_call_overtakes_a_slow_one(backend: Backend) -> None:
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(read, backend, "!sleep:0.5")
        while not slow.running():
            time.sleep(0.001)
        read(backend, "web", timeout=HANG_GUARD)
        assert not slow.done()
        slow.result(HANG_GUARD)


def test_more_than_128_calls_at_once_are_refused(backend: Backend) -> None:
    def sleep(_: int) -> str:
        try:
            read(backend, "!sleep:2", timeout=HANG_GUARD)
        except RpcError as error:
            return error.details.reason
        return "ok"

    with ThreadPoolExecutor(140) as pool:
        outcomes = list(pool.map(sleep, range(140)))
    assert set(outcomes) <= {"ok", "TOO_MANY_CALLS"}
    assert outcomes.count("ok") >= 128


def test_what_a_plugin_prints_never_reaches_the_wire(
    backend: Backend, capfd: pytest.CaptureFixture[str]
) -> None:
    for _ in range(3):
        read(backend, '!print:{"jsonrpc":"2.0","id":1,"result":{}}\n')
    assert read(backend, "!echo:still here").entries[0].command == "!echo:still here"
    capfd.readouterr()


def test_a_request_and_a_reply_may_be_64_mebibytes_and_no_more(
    transport: str, session: HostSession
) -> None:
    if not load_transport(transport).traits.wire:
        assert len(read(session.backend, f"!size:{MAX_MESSAGE_BYTES}").entries[0].command)
        return
    overhead = 300
    assert read(session.backend, f"!size:{MAX_MESSAGE_BYTES - overhead}").entries
    request = model.ReadRequest("x" * (MAX_MESSAGE_BYTES - overhead))
    assert session.backend.read(request, Context()) == model.ReadReply()
    for app in (f"!size:{MAX_MESSAGE_BYTES}", "x" * MAX_MESSAGE_BYTES):
        with pytest.raises(RpcError) as caught:
            read(session.backend, app)
        assert caught.value.code is Code.RESOURCE_EXHAUSTED
        assert caught.value.details.reason == "MESSAGE_TOO_LARGE"
        assert f"is over the limit of {MAX_MESSAGE_BYTES} bytes" in caught.value.message
    assert read(session.backend, "!echo:alive").entries


def test_awkward_text_comes_back_as_it_went(backend: Backend) -> None:
    text = '!echo: é 漢 🙂 "q" <&> \\ \u2028\u2029 \x00\x01\x7f \r\n\t end '
    assert read(backend, text).entries[0].command == text


def test_a_lone_surrogate_is_refused_with_its_path(transport: str, backend: Backend) -> None:
    if not load_transport(transport).traits.wire:
        assert read(backend, "!echo:\ud800").entries[0].command == "!echo:\ud800"
        return
    with pytest.raises(RpcError) as caught:
        read(backend, "a\ud800")
    assert caught.value.code is Code.INVALID_ARGUMENT
    assert caught.value.details.path == "app"
    assert read(backend, "web") == model.ReadReply()


def test_a_second_session_on_a_plugin_is_refused(backend: Backend) -> None:
    request = model.OpenSessionRequest("1", PROTOCOL_VERSIONS)
    with pytest.raises(RpcError) as caught:
        backend.open_session(request, Context())
    assert caught.value.code is Code.FAILED_PRECONDITION
    assert caught.value.details.reason == "SESSION_OPEN"


def test_a_call_after_the_session_is_refused(backend: Backend) -> None:
    backend.close_session(model.CloseSessionRequest(), Context())
    for call in (lambda: [read(backend, "web")], lambda: list(events(backend, "web"))):
        with pytest.raises(RpcError) as caught:
            call()
        assert caught.value.code is Code.FAILED_PRECONDITION
        assert caught.value.details.reason == "SESSION_CLOSED"


def test_closing_the_channel_ends_calls_in_flight(session: HostSession) -> None:
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(read, session.backend, "!sleep:60")
        time.sleep(0.1)
        session.channel.close()
        with pytest.raises(ChannelClosed):
            slow.result(HANG_GUARD)
    session.channel.close()
    with pytest.raises(ChannelClosed):
        read(session.backend, "web")


def test_a_config_that_is_refused_names_the_key_and_not_the_value(
    transport: str, codec: str
) -> None:
    for name, config, key, reason in (
        ("echo", {"colour": "s3cr3t"}, "colour", "UNKNOWN_CONFIG"),
        ("crontab", {}, "path", "MISSING_CONFIG"),
        ("echo", {"token": "§§"}, "token", "SHORT_SECRET"),
    ):
        with pytest.raises(RpcError) as caught:
            open_backend(name, transport, HostOptions(codec=codec, config=config))
        assert caught.value.code is Code.INVALID_ARGUMENT
        assert caught.value.details.path == f"config/{key}"
        assert caught.value.details.reason == reason
        told = f"{caught.value.message} {caught.value.details}"
        assert not any(value in told for value in config.values())


def test_a_required_capability_that_is_missing_is_named(transport: str, codec: str) -> None:
    options = HostOptions(codec=codec, required_capabilities=("read", "levitate"))
    with pytest.raises(RpcError, match="levitate"):
        open_backend("echo", transport, options)


def test_a_plugin_that_dies_in_a_call_is_an_error_with_its_end(transport: str, codec: str) -> None:
    if not load_transport(transport).traits.isolated:
        pytest.skip("not isolated: the host would die; shown in a child process elsewhere")
    options = HostOptions(codec=codec, config={"faults": "requests"})
    with open_backend("echo", transport, options) as session:
        with pytest.raises(PluginError) as caught:
            read(session.backend, "!exit:3")
        assert caught.value.code == "E-CALL"
        assert caught.value.exit == "exit status 3"
        assert caught.value.path.endswith("cronix-backend-echo")
        with pytest.raises(PluginError):
            read(session.backend, "web")


def test_leaving_a_session_leaves_nothing(transport: str, codec: str, tmp_path: Path) -> None:
    threads = threading.active_count()
    with open_backend("echo", transport, HostOptions(codec=codec)) as session:
        process = session.process
        read(session.backend, "web")
    if process is not None:
        assert process.exit == "exit status 0"
    end = time.monotonic() + HANG_GUARD
    while threading.active_count() > threads and time.monotonic() < end:
        time.sleep(0.005)
    assert threading.active_count() <= threads
    session.close()


def test_a_write_waits_for_the_one_before(session: HostSession) -> None:
    def apply() -> int:
        return len(list(events(session.backend, "!events:3:0.02")))

    stream = events(session.backend, "!events:2")
    assert next(stream)
    with ThreadPoolExecutor(2) as pool:
        waiting = pool.submit(apply)
        time.sleep(0.1)
        assert not waiting.done()
        with pytest.raises(RpcError) as caught:
            list(events(session.backend, "!events:1", timeout=0.05))
        assert caught.value.code is Code.DEADLINE_EXCEEDED
        switch = Cancellation()
        threading.Timer(0.05, switch.cancel).start()
        with pytest.raises(RpcError) as caught:
            list(events(session.backend, "!events:1", cancellation=switch))
        assert caught.value.code is Code.CANCELLED
        assert session.channel.unary(READ, model.ReadRequest()) == model.ReadReply()
        stream.close()
        assert waiting.result(HANG_GUARD) == 4


def test_a_channel_is_a_context_manager(session: HostSession) -> None:
    channel: Channel = session.channel
    with channel:
        pass
    with pytest.raises(ChannelClosed):
        read(session.backend, "web")
