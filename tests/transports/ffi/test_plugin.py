"""The library of a Python plugin, called as a host in C would call it: through the struct alone."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from transportlab import model
from transportlab.backend import PROTOCOL_VERSIONS
from transportlab.codecs import load_codec
from transportlab.errors import MAX_MESSAGE_BYTES, Code
from transports.ffi._abi import ffi
from transports.ffi.library import load
from transports.ffi.wire import CODECS, END, OK


class Caller:
    """A session, and calls with one member or another set by hand."""

    def __init__(self, library: Any) -> None:
        self.library = library
        self.session = library.cronix_plugin_start()

    def struct(self, method: bytes, data: bytes = b"", **members: object) -> Any:
        call: Any = ffi.new("cronix_call *")
        self.kept = ffi.new("char[]", method), ffi.new("uint8_t[]", data)
        call.struct_size, call.codec = ffi.sizeof("cronix_call"), CODECS["json"]
        call.session, call.timeout_us = self.session, -1
        call.method, call.request = self.kept
        call.request_len = len(data)
        for name, value in members.items():
            setattr(call, name, value)
        return call

    def call(self, method: bytes, data: bytes = b"", **members: object) -> tuple[int, bytes]:
        call = self.struct(method, data, **members)
        code = self.library.cronix_plugin_call(call)
        reply = ffi.buffer(call.reply, call.reply_len)[:] if call.reply_len else b""
        self.library.cronix_plugin_release(call)
        return code, bytes(reply)

    def refused(
        self, method: bytes, data: bytes = b"", **members: object
    ) -> tuple[int, model.Status]:
        code, reply = self.call(method, data, **members)
        status = load_codec("json").decode(model.Status, reply)
        assert code == status.code
        return code, status


@pytest.fixture
def caller(ffi_echo: Path) -> Iterator[Caller]:
    made = Caller(load(str(ffi_echo), "json"))
    config = {"faults": "requests"}
    request = model.OpenSessionRequest("1", PROTOCOL_VERSIONS, config)
    assert made.call(b"OpenSession", load_codec("json").encode(request))[0] == OK
    yield made
    made.library.cronix_plugin_stop(made.session)


def test_a_struct_that_is_too_small_is_not_written_to(caller: Caller) -> None:
    call = caller.struct(b"Read", b"{}", struct_size=ffi.sizeof("cronix_call") - 1)
    before = ffi.buffer(call)[:]
    assert caller.library.cronix_plugin_call(call) == Code.FAILED_PRECONDITION
    assert ffi.buffer(call)[:] == before
    caller.library.cronix_plugin_release(call)
    assert ffi.buffer(call)[:] == before


def test_a_struct_may_have_grown(caller: Caller) -> None:
    assert caller.call(b"Read", b"{}", struct_size=4096)[0] == OK


def test_an_unknown_codec_is_refused_without_a_status(caller: Caller) -> None:
    assert caller.call(b"Read", b"{}", codec=3) == (Code.INVALID_ARGUMENT, b"")


def test_an_empty_request_may_be_null(caller: Caller) -> None:
    assert caller.call(b"Read", codec=CODECS["protobuf"], request=ffi.NULL) == (OK, b"")


def test_a_request_that_cannot_be_read_is_refused_with_its_place(caller: Caller) -> None:
    code, status = caller.refused(b"Plan", b'{"jobs":[{"hashes":[1]}]}')
    assert code == Code.INVALID_ARGUMENT
    assert status.details.reason == "UNREADABLE_REQUEST"
    assert status.details.path == "jobs/0/hashes/0"


def test_a_request_over_the_limit_is_not_read(caller: Caller) -> None:
    code, status = caller.refused(b"Read", request_len=MAX_MESSAGE_BYTES + 1, request=ffi.NULL)
    assert code == Code.RESOURCE_EXHAUSTED
    assert status.details.got == f"{MAX_MESSAGE_BYTES + 1} bytes"


def test_an_unknown_method_is_named_even_if_it_is_no_text(caller: Caller) -> None:
    code, status = caller.refused(b"Re\xffd")
    assert code == Code.UNIMPLEMENTED
    assert status.message == 'unknown method "Re\\xffd"'


def test_an_unknown_session_is_refused(caller: Caller) -> None:
    code, _ = caller.refused(b"Read", b"{}", session=ffi.cast("void *", 1 << 40))
    assert code == Code.FAILED_PRECONDITION


def test_asking_a_call_that_was_never_made_for_more_is_internal(
    caller: Caller, capfd: pytest.CaptureFixture[str]
) -> None:
    call = caller.struct(b"Apply")
    assert caller.library.cronix_plugin_next(call) == Code.INTERNAL
    assert "the library failed" in capfd.readouterr().err


def test_a_stream_that_has_ended_stays_ended(caller: Caller) -> None:
    request = model.ApplyRequest(model.PlanReply("!events:1"))
    call = caller.struct(b"Apply", load_codec("json").encode(request))
    assert caller.library.cronix_plugin_call(call) == OK
    codes = [caller.library.cronix_plugin_next(call) for _ in range(4)]
    assert codes == [OK, OK, END, END]
    caller.library.cronix_plugin_release(call)


def test_a_unary_call_has_no_more_replies(caller: Caller) -> None:
    call = caller.struct(b"Read", b"{}")
    assert caller.library.cronix_plugin_call(call) == OK
    assert caller.library.cronix_plugin_next(call) == END
    caller.library.cronix_plugin_release(call)


def test_the_flag_is_seen_before_the_backend_is_called(caller: Caller) -> None:
    assert caller.refused(b"Read", b"{}", cancelled=1)[0] == Code.CANCELLED


def test_a_deadline_of_nothing_has_passed(caller: Caller) -> None:
    assert caller.refused(b"Read", b"{}", timeout_us=0)[0] == Code.DEADLINE_EXCEEDED
