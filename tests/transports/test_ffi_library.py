"""FFI's host against libraries that behave oddly: what it checks, counts, waits for and refuses."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from transportlab.channel import Channel, LibraryEndpoint
from transportlab.context import Cancellation
from transportlab.errors import (
    ChannelClosed,
    Code,
    ProtocolViolation,
    RpcError,
    TransportError,
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
    return channel.unary(method(name), request, **options)  # type: ignore[arg-type]  # passed on


def stream(channel: Channel, name: str, **options: object) -> Iterator[str]:
    return channel.stream(method(name), "", **options)  # type: ignore[arg-type]  # passed on


@pytest.fixture
def channel(ffi_odd: Path) -> Iterator[Channel]:
    """Every call that a test makes is released, and its session stopped."""
    with connect(ffi_odd) as made:
        yield made
        assert call(made, "Calls") == "1"
    with connect(ffi_odd) as after:
        assert call(after, "Sessions") == "1"
        assert call(after, "Calls") == "1"


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "nothing.so", tmp_path):
        with pytest.raises(TransportError, match=f"cannot load {path}: no such file"):
            connect(path)


def test_a_name_is_a_path_and_not_searched_for() -> None:
    with pytest.raises(TransportError, match=r"cannot load libc\.so\.6: no such file"):
        connect("libc.so.6")


def test_a_file_that_is_no_library_is_named_with_the_linkers_reason(tmp_path: Path) -> None:
    path = tmp_path / "text.so"
    path.write_text("not a library, though as long as the head of one would be " * 9)
    with pytest.raises(TransportError, match=r"text\.so.*invalid ELF header"):
        connect(path)


def test_a_library_without_the_functions_is_told_which(ffi_compile: FfiCompile) -> None:
    other = ffi_compile("odd_plugin.c", "-shared", "-fPIC", "-Dcronix_plugin_next=other")
    with pytest.raises(TransportError, match=r"does not export cronix_plugin_next\Z"):
        connect(other)


@pytest.mark.parametrize(
    ("line", "error", "text"),
    [
        ("0", TransportError, "gave no handshake line"),
        ('"hello"', ProtocolViolation, "got the line b'hello'"),
        ('"CRONIX-PLUGIN-V2 library abi=1 codec=json"', ProtocolViolation, "expected CRONIX"),
        ('"CRONIX-PLUGIN-V1 library abi=1 codec=json\\n"', ProtocolViolation, "expected CRONIX"),
        ('"CRONIX-PLUGIN-V1 stdio abi=1 codec=json"', ProtocolViolation, "expected CRONIX"),
        ('"CRONIX-PLUGIN-V1 library codec=json"', TransportError, "has ABI version none"),
        (
            '"CRONIX-PLUGIN-V1 library abi=2 codec=json"',
            TransportError,
            "has ABI version 2, this host has 1",
        ),
        (
            '"CRONIX-PLUGIN-V1 library abi=1 codec=protobuf,xml"',
            TransportError,
            "has no codec json; it has protobuf, xml",
        ),
        ('"CRONIX-PLUGIN-V1 library \\xff"', ProtocolViolation, r"library \xff"),
        (
            f'"CRONIX-PLUGIN-V1 library abi=1 codec=json {"x" * 4060}"',
            ProtocolViolation,
            "expected CRONIX",
        ),
    ],
    ids=str,
)
def test_a_handshake_line_that_does_not_fit_is_shown(
    ffi_compile: FfiCompile, line: str, error: type[Exception], text: str
) -> None:
    # An ISO C compiler need not take a literal this long.
    odd = ffi_compile(
        "odd_plugin.c", "-shared", "-fPIC", f"-DHANDSHAKE={line}", "-Wno-overlength-strings"
    )
    with pytest.raises(TransportError) as caught:
        connect(odd)
    assert type(caught.value) is error
    assert text in str(caught.value)


def test_the_longest_handshake_line_is_taken(ffi_compile: FfiCompile) -> None:
    line = "CRONIX-PLUGIN-V1 library abi=1 codec=json x="
    line += "x" * (4095 - len(line))
    odd = ffi_compile(
        "odd_plugin.c", "-shared", "-fPIC", f'-DHANDSHAKE="{line}"', "-Wno-overlength-strings"
    )
    connect(odd).close()


def test_a_session_that_does_not_start_is_an_error(ffi_compile: FfiCompile) -> None:
    odd = ffi_compile("odd_plugin.c", "-shared", "-fPIC", "-DSTART=0")
    with pytest.raises(TransportError, match="could not start a session"):
        connect(odd)


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
    with pytest.raises(RpcError) as caught:
        call(channel, "Huge")
    assert caught.value.details.reason == "MESSAGE_TOO_LARGE"


def test_zero_bytes_and_awkward_text_go_through(channel: Channel) -> None:
    text = "\x00 é 漢 🙂 \u2028 \x00"
    assert call(channel, "Mirror", text) == text


@pytest.mark.parametrize(
    ("seconds", "microseconds"), [(None, "-1"), (1.5, "1500000"), (5e-7, "0"), (1e30, "-1")]
)
def test_a_deadline_travels_in_microseconds(
    channel: Channel, seconds: float | None, microseconds: str
) -> None:
    assert call(channel, "Timeout", timeout=seconds) == microseconds


def test_a_struct_is_as_new_when_it_is_used_again(channel: Channel) -> None:
    for turn in range(3):
        assert call(channel, "Timeout", timeout=1.0) == "1000000"
        assert call(channel, "Mirror", str(turn)) == str(turn)
        with pytest.raises(RpcError):
            call(channel, "Code5")


def test_cancelling_sets_the_flag(channel: Channel) -> None:
    for wait in (
        lambda switch: call(channel, "Wait", cancel=switch),
        lambda switch: list(stream(channel, "NextWait", cancel=switch)),
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
    with ThreadPoolExecutor(1) as pool, connect(ffi_odd) as other:
        deaf = pool.submit(call, channel, "Deaf")
        wait_until(lambda: call(other, "Calls") == "2")
        channel.close()
        assert call(other, "Sessions") == "1"
        assert deaf.result(HANG_GUARD) == "0"


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
        deaf.result(HANG_GUARD)
        wait_until(lambda: call(other, "Sessions") == "1")


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

        def decode(self, kind: type[object], data: bytes) -> object:
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
