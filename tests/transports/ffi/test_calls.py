"""FFI's host against a library in C that answers oddly: what it counts, waits for and refuses."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from transportlab.channel import Channel, LibraryEndpoint
from transportlab.context import Cancellation, Context
from transportlab.errors import (
    ChannelClosed,
    Code,
    ProtocolViolation,
    RpcError,
)
from transportlab.methods import Method
from transportlab.registry import load_transport
from transports.ffi import calls
from transports.ffi._abi import ffi

HANG_GUARD = 60.0
FfiCompile = Callable[..., Path]


def connect(library: object, codec: str = "json") -> Channel:
    return load_transport("ffi").connect(LibraryEndpoint(str(library)), codec=codec)


def method(name: str) -> Method[str, str]:
    """The messages of the odd library are single texts."""
    return Method(name, "", str, str)


def call(channel: Channel, name: str, request: str = "", **options: object) -> str:
    return channel.unary(method(name), request, Context(**options))  # type: ignore[arg-type]  # passed on


def stream(channel: Channel, name: str, **options: object) -> Iterator[str]:
    return channel.stream(method(name), "", Context(**options))  # type: ignore[arg-type]  # passed on


@pytest.fixture
def channel(ffi_odd: Path) -> Iterator[Channel]:
    """Every call that a test makes is released, and its session stopped."""
    with connect(ffi_odd) as made:
        yield made
        assert call(made, "Calls") == "1"
    with connect(ffi_odd) as after:
        assert call(after, "Sessions") == "1"
        assert call(after, "Calls") == "1"


def test_the_numbers_of_the_header_are_those_of_the_lab() -> None:
    for code in Code:
        assert ffi.integer_const(f"CRONIX_{code.name}") == code


@pytest.mark.parametrize("code", Code)
def test_a_code_without_a_status_is_an_error_all_the_same(channel: Channel, code: Code) -> None:
    known = {
        Code.CANCELLED: "the call was cancelled",
        Code.DEADLINE_EXCEEDED: "the deadline passed before the call was done",
    }
    for fail in (
        lambda: call(channel, f"Code{code.value}"),
        lambda: list(stream(channel, f"Code{code.value}")),
        lambda: list(stream(channel, f"NextCode{code.value}")),
    ):
        with pytest.raises(RpcError) as caught:
            fail()
        assert caught.value.code is code
        assert caught.value.message == known.get(code, "")


@pytest.mark.parametrize("number", [17, 99, -2, -2147483648])
def test_a_code_outside_the_table_is_unknown(channel: Channel, number: int) -> None:
    with pytest.raises(RpcError) as caught:
        call(channel, f"Code{number}")
    assert caught.value.code is Code.UNKNOWN


def test_the_end_of_a_stream_is_no_answer_to_a_call(channel: Channel) -> None:
    with pytest.raises(ProtocolViolation, match="had not begun"):
        call(channel, "Code-1")
    assert list(stream(channel, "NextCode-1")) == []


@pytest.mark.parametrize("name", ["Garbage", "BadStatus", "Nowhere", "Empty"])
def test_a_reply_that_cannot_be_read_is_a_violation(channel: Channel, name: str) -> None:
    with pytest.raises(ProtocolViolation):
        call(channel, name)


def test_a_reply_over_the_limit_is_not_read(channel: Channel) -> None:
    with pytest.raises(ProtocolViolation, match="over the limit"):
        call(channel, "Huge")


def test_zero_bytes_and_awkward_text_go_through(channel: Channel) -> None:
    text = "\x00 é 漢 🙂 \u2028 \x00"
    assert call(channel, "Mirror", text) == text


def test_a_deadline_travels_in_microseconds(channel: Channel) -> None:
    assert 0 < int(call(channel, "Timeout", timeout=1000.0)) <= 1_000_000_000


@pytest.mark.parametrize("seconds", [None, 1e30])
def test_no_deadline_and_one_beyond_all_times_travel_as_none(
    channel: Channel, seconds: float | None
) -> None:
    assert call(channel, "Timeout", timeout=seconds) == "-1"


def test_a_deadline_that_passes_on_the_way_travels_as_passed(channel: Channel) -> None:
    class Late(Context):
        def check(self) -> None:
            assert self.deadline is not None
            self.deadline -= 1  # the host has looked, and then the time went on

    assert channel.unary(method("Timeout"), "", Late(timeout=0.5)) == "0"


def test_a_struct_is_as_new_when_it_is_used_again(channel: Channel) -> None:
    for turn in range(3):
        assert int(call(channel, "Timeout", timeout=1000.0)) > 0
        assert call(channel, "Mirror", str(turn)) == str(turn)
        with pytest.raises(RpcError):
            call(channel, "Code5")


def test_cancelling_sets_the_flag(channel: Channel) -> None:
    for wait in (
        lambda switch: call(channel, "Wait", cancellation=switch),
        lambda switch: list(stream(channel, "NextWait", cancellation=switch)),
    ):
        switch = Cancellation()
        timer = threading.Timer(0.05, switch.cancel)
        timer.start()
        with pytest.raises(RpcError) as caught:
            wait(switch)
        timer.join()
        assert caught.value.code is Code.CANCELLED


def test_closing_ends_the_calls_that_look_at_the_flag(ffi_odd: Path) -> None:
    channel = connect(ffi_odd)
    with ThreadPoolExecutor(3) as pool:
        waiting: list[Future[object]] = [
            pool.submit(call, channel, "Wait"),
            pool.submit(list, stream(channel, "NextWait")),
            pool.submit(list, stream(channel, "Wait")),
        ]
        with connect(ffi_odd) as other:
            wait_until(lambda: call(other, "Calls") == "4")
            channel.close()
            assert call(other, "Sessions") == "1"
            assert call(other, "Calls") == "1"
        for future in waiting:
            with pytest.raises(ChannelClosed):
                future.result(HANG_GUARD)
    channel.close()
    for again in (lambda: call(channel, "Sessions"), lambda: list(stream(channel, "Sessions"))):
        with pytest.raises(ChannelClosed):
            again()


def test_closing_waits_for_a_call_that_does_not_look(ffi_odd: Path) -> None:
    channel = connect(ffi_odd)

    def let_go(other: Channel) -> None:
        wait_until(lambda: channel._calls.closed)  # type: ignore[attr-defined]  # nothing else tells
        assert call(other, "Sessions") == "2"
        call(other, "LetGo")

    with ThreadPoolExecutor(2) as pool, connect(ffi_odd) as other:
        deaf = pool.submit(call, channel, "Deaf")
        wait_until(lambda: call(other, "Calls") == "2")
        letting_go = pool.submit(let_go, other)
        channel.close()
        assert call(other, "Sessions") == "1"
        assert deaf.result(HANG_GUARD) == "0"
        letting_go.result(HANG_GUARD)


def test_closing_waits_no_longer_than_its_bound_and_the_session_outlives_it(
    ffi_odd: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "CLOSE_SECONDS", 0.01)
    channel = connect(ffi_odd)
    with ThreadPoolExecutor(1) as pool, connect(ffi_odd) as other:
        deaf = pool.submit(call, channel, "Deaf")
        wait_until(lambda: call(other, "Calls") == "2")
        channel.close()
        assert call(other, "Sessions") == "2"
        call(other, "LetGo")
        assert deaf.result(HANG_GUARD) == "0"
        assert call(other, "Sessions") == "1"


def test_closing_between_an_event_and_the_next_is_noticed_by_the_stream(ffi_odd: Path) -> None:
    channel = connect(ffi_odd)
    events = stream(channel, "Forever")
    assert next(events) == "next"
    with connect(ffi_odd) as other:
        assert call(other, "Calls") == "2"
        channel.close()
        assert call(other, "Calls") == "1"
        assert call(other, "Sessions") == "1"
    with pytest.raises(ChannelClosed):
        next(events)


def test_a_channel_that_closes_as_an_event_arrives_keeps_it(ffi_odd: Path) -> None:
    channel = connect(ffi_odd)
    decode = channel._codec.decode  # type: ignore[attr-defined]  # between two C calls: no other way in

    class Closing:
        """Closes the channel while a reply is read."""

        encode = staticmethod(channel._codec.encode)  # type: ignore[attr-defined]  # as above

        def decode(self, kind: type[object], data: bytes, check: object) -> object:
            closer.start()
            wait_until(lambda: channel._calls.closed)  # type: ignore[attr-defined]  # as above
            return decode(kind, data)

    closer = threading.Thread(target=channel.close)
    channel._codec = Closing()  # type: ignore[attr-defined]  # as above
    with pytest.raises(ChannelClosed):
        next(stream(channel, "Forever"))
    closer.join(HANG_GUARD)
    with connect(ffi_odd) as other:
        assert call(other, "Calls") == "1"
        assert call(other, "Sessions") == "1"


def test_many_threads_release_every_call_once(channel: Channel) -> None:
    def work(number: int) -> None:
        for turn in range(50):
            text = f"{number} {turn}"
            assert call(channel, "Mirror", text) == text
            events = stream(channel, "Forever")
            assert next(events) == next(events) == "next"
            events.close()  # type: ignore[attr-defined]  # it is a generator

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))


def wait_until(done: Callable[[], bool]) -> None:
    end = time.monotonic() + HANG_GUARD
    while not done():
        assert time.monotonic() < end
        time.sleep(0.001)
