"""The session on every transport: one, opened as both sides can, and nothing after it."""

import threading
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from transportlab import model
from transportlab.backend import PROTOCOL_VERSIONS, Backend
from transportlab.channel import Channel
from transportlab.context import Context
from transportlab.errors import (
    ChannelClosed,
    Code,
    RpcError,
)
from transportlab.host import HostOptions, HostSession, open_backend

Read = Callable[..., model.ReadReply]
Events = Callable[..., Generator[model.ApplyEvent, None, None]]

HANG_GUARD = 60.0
"""Seconds after which a wait in a test is taken for a hang; no verdict on speed."""


def test_a_second_session_on_a_plugin_is_refused(backend: Backend) -> None:
    request = model.OpenSessionRequest("1", PROTOCOL_VERSIONS)
    with pytest.raises(RpcError) as caught:
        backend.open_session(request, Context())
    assert caught.value.code is Code.FAILED_PRECONDITION
    assert caught.value.details.reason == "SESSION_OPEN"


def test_a_call_after_the_session_is_refused(backend: Backend, read: Read, events: Events) -> None:
    backend.close_session(model.CloseSessionRequest(), Context())
    for call in (lambda: [read("web")], lambda: list(events("web"))):
        with pytest.raises(RpcError) as caught:
            call()
        assert caught.value.code is Code.FAILED_PRECONDITION
        assert caught.value.details.reason == "SESSION_CLOSED"


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


def test_leaving_a_session_leaves_nothing(transport: str, codec: str, tmp_path: Path) -> None:
    before = set(threading.enumerate())
    with open_backend("echo", transport, HostOptions(codec=codec)) as session:
        process = session.process
        session.backend.read(model.ReadRequest("web"), Context())
    if process is not None:
        assert process.exit == "exit status 0"
    for thread in set(threading.enumerate()) - before:
        thread.join(HANG_GUARD)
        assert not thread.is_alive()
    session.close()


def test_a_channel_is_a_context_manager(session: HostSession, read: Read) -> None:
    channel: Channel = session.channel
    with channel:
        pass
    with pytest.raises(ChannelClosed):
        read("web")
