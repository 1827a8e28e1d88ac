"""What a call carries over every transport: errors, texts, sizes, and events in order."""

from collections.abc import Callable, Generator

import pytest

from transportlab import __version__, model
from transportlab.context import Context
from transportlab.errors import (
    MAX_MESSAGE_BYTES,
    Code,
    RpcError,
)
from transportlab.host import HostSession
from transportlab.methods import Method
from transportlab.registry import load_transport

Read = Callable[..., model.ReadReply]
Events = Callable[..., Generator[model.ApplyEvent, None, None]]

DETAILS = model.ErrorDetails("FAULT", "jobs/0", "e", "g", "a", ("a1", "a2"), ("f1",), ("u1",))


@pytest.mark.parametrize("code", Code)
def test_an_error_arrives_equal_to_the_letter(code: Code, read: Read, events: Events) -> None:
    for call in (read, lambda app: list(events(app))):
        with pytest.raises(RpcError) as caught:
            call(f"!error:{code.name}")
        assert caught.value.code is code
        assert caught.value.message == f'fault {code.name}: "quoted" <&> é \u2028 end'
        assert caught.value.details == DETAILS


def test_a_bug_in_the_backend_is_internal_and_the_session_goes_on(read: Read) -> None:
    with pytest.raises(RpcError) as caught:
        read("!panic:boom")
    assert caught.value.code is Code.INTERNAL
    assert caught.value.message == f"the backend echo {__version__} failed: RuntimeError: boom"
    assert caught.value.details.reason == "PANIC"
    assert read("web") == model.ReadReply()


def test_an_unknown_method_is_unimplemented(session: HostSession) -> None:
    method = Method("Explode", "explode", model.ReadRequest, model.ReadReply)
    with pytest.raises(RpcError) as caught:
        session.channel.unary(method, model.ReadRequest(), Context())
    assert caught.value.code is Code.UNIMPLEMENTED
    assert caught.value.message == 'unknown method "Explode"'
    assert caught.value.details.got == "Explode"


def test_a_stream_keeps_its_order_and_its_end(events: Events) -> None:
    got = list(events("!events:300"))
    assert [e.op_index for e in got[:-1]] == list(range(300))
    assert got[-1].kind is model.ApplyEventKind.FINISHED


def test_events_arrive_while_the_stream_goes_on(events: Events) -> None:
    stream = events("!events:3:0.05")
    assert next(stream).op_index == 0
    assert [e.op_index for e in stream][:2] == [1, 2]


def test_what_a_plugin_prints_never_reaches_the_wire(
    capfd: pytest.CaptureFixture[str], read: Read
) -> None:
    for _ in range(3):
        read('!print:{"jsonrpc":"2.0","id":1,"result":{}}\n')
    assert read("!echo:still here").entries[0].command == "!echo:still here"
    capfd.readouterr()


def test_a_request_and_a_reply_may_be_64_mebibytes_and_no_more(
    transport: str, session: HostSession, read: Read
) -> None:
    if not load_transport(transport).traits.wire:
        assert len(read(f"!size:{MAX_MESSAGE_BYTES}").entries[0].command)
        return
    overhead = 300
    assert read(f"!size:{MAX_MESSAGE_BYTES - overhead}").entries
    request = model.ReadRequest("x" * (MAX_MESSAGE_BYTES - overhead))
    assert session.backend.read(request, Context()) == model.ReadReply()
    for app in (f"!size:{MAX_MESSAGE_BYTES}", "x" * MAX_MESSAGE_BYTES):
        with pytest.raises(RpcError) as caught:
            read(app)
        assert caught.value.code is Code.RESOURCE_EXHAUSTED
        assert caught.value.details.reason == "MESSAGE_TOO_LARGE"
        assert f"is over the limit of {MAX_MESSAGE_BYTES} bytes" in caught.value.message
    assert read("!echo:alive").entries


def test_awkward_text_comes_back_as_it_went(read: Read) -> None:
    text = '!echo: é 漢 🙂 "q" <&> \\ \u2028\u2029 \x00\x01\x7f \r\n\t end '
    assert read(text).entries[0].command == text


def test_a_lone_surrogate_is_refused_with_its_path(transport: str, read: Read) -> None:
    if not load_transport(transport).traits.wire:
        assert read("!echo:\ud800").entries[0].command == "!echo:\ud800"
        return
    with pytest.raises(RpcError) as caught:
        read("a\ud800")
    assert caught.value.code is Code.INVALID_ARGUMENT
    assert caught.value.details.path == "app"
    assert read("web") == model.ReadReply()
