"""Writes take turns, and nobody waits for a turn that does not come."""

import os
import signal
import threading
import time
import traceback
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from transportlab import model
from transportlab.backend import Backend
from transportlab.channel import Channel, EndpointKind
from transportlab.context import Cancellation, Context
from transportlab.errors import MAX_TEXT, ChannelClosed, Code, PluginError, RpcError, TransportError
from transportlab.host import HostOptions, HostSession, open_backend
from transportlab.host.channel import HostChannel
from transportlab.methods import Method
from transportlab.model import DesiredJob, Job
from transportlab.redact import Redactor
from transportlab.registry import transport_names
from transportlab.remote import RemoteBackend

HANG_GUARD = 30.0
PROCESS = transport_names(EndpointKind.SOCKET, EndpointKind.STDIO)


def kill(session: HostSession) -> None:
    assert session.process is not None
    os.kill(session.process.pid, signal.SIGKILL)


@pytest.mark.parametrize("transport", PROCESS)
@pytest.mark.parametrize(
    ("end", "error"), [(HostSession.close, ChannelClosed), (kill, PluginError)]
)
def test_a_write_behind_a_stream_that_nobody_goes_on_with_ends_with_the_session(
    transport: str, end: Callable[[HostSession], None], error: type[Exception]
) -> None:
    def prune(backend: Backend) -> None:
        backend.prune(model.PruneRequest("app"), Context())

    with (
        open_backend("echo", transport, HostOptions()) as session,
        ThreadPoolExecutor(1) as others,
    ):
        jobs = (DesiredJob(Job("one", ("@daily",)), ("0" * 16,)),)
        plan = session.backend.plan(model.PlanRequest("app", jobs), Context())
        events = session.backend.apply(model.ApplyRequest(plan), Context())
        try:
            next(events)
            waiting = others.submit(prune, session.backend)
            end(session)
            with pytest.raises(error):
                waiting.result(HANG_GUARD)
        finally:
            del events


@pytest.mark.parametrize("transport", [transport_names(EndpointKind.OBJECT)[0], PROCESS[0]])
def test_a_write_waits_for_the_one_before_and_no_longer_than_it_may(transport: str) -> None:
    def apply(app: str, **context: Any) -> Generator[model.ApplyEvent]:
        request = model.ApplyRequest(model.PlanReply(app))
        stream = session.backend.apply(request, Context(**context))
        assert isinstance(stream, Generator)
        return stream

    options = HostOptions(config={"faults": "requests"})
    with open_backend("echo", transport, options) as session, ThreadPoolExecutor(1) as others:
        stream = apply("!events:2")
        assert next(stream)
        waiting = others.submit(lambda: list(apply("!events:3:0.02")))
        time.sleep(0.1)
        assert not waiting.done()
        with pytest.raises(RpcError) as caught:
            list(apply("!events:1", timeout=0.05))
        assert caught.value.code is Code.DEADLINE_EXCEEDED
        switch = Cancellation()
        threading.Timer(0.05, switch.cancel).start()
        with pytest.raises(RpcError) as caught:
            list(apply("!events:1", cancellation=switch))
        assert caught.value.code is Code.CANCELLED
        assert session.backend.read(model.ReadRequest(), Context()) == model.ReadReply()
        stream.close()
        assert len(waiting.result(HANG_GUARD)) == 4


class Breaking(Channel):
    """A wire whose library fails in a way of its own, with a text of any length."""

    more = 0

    def unary(self, method: Method[Any, Any], request: Any, context: Context) -> Any:
        raise ValueError("cannot parse hunter2-secret" + "x" * self.more)

    def stream(self, method: Method[Any, Any], request: Any, context: Context) -> Iterator[Any]:
        yield model.ApplyEvent()
        raise TypeError("cannot parse hunter2-secret")

    def close(self) -> None:
        pass


def test_a_librarys_exception_is_translated_and_shows_no_secret() -> None:
    backend = RemoteBackend(HostChannel(Breaking(), Redactor({"password": "hunter2-secret"})))
    with pytest.raises(TransportError) as caught:
        backend.read(model.ReadRequest(), Context())
    assert str(caught.value) == "the call failed with ValueError: cannot parse [password]"
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))
    with pytest.raises(TransportError, match="TypeError"):
        list(backend.apply(model.ApplyRequest(), Context()))


def test_the_text_of_a_failed_call_is_cut() -> None:
    wire = Breaking()
    wire.more = 10 * MAX_TEXT
    with pytest.raises(TransportError) as caught:
        RemoteBackend(HostChannel(wire)).read(model.ReadRequest(), Context())
    assert len(str(caught.value)) == MAX_TEXT


def test_a_reply_that_is_read_after_the_deadline_is_no_success() -> None:
    class Slow(Breaking):
        def unary(self, method: Method[Any, Any], request: Any, context: Context) -> Any:
            time.sleep(0.05)  # as reading a large reply
            return model.ReadReply()

    backend = RemoteBackend(HostChannel(Slow()))
    assert backend.read(model.ReadRequest(), Context()) == model.ReadReply()
    with pytest.raises(RpcError, match="DEADLINE_EXCEEDED"):
        backend.read(model.ReadRequest(), Context(timeout=0.01))


@pytest.mark.parametrize("secret", ["hunter2-secret", ""])
def test_who_is_blamed_sees_no_secret_and_keeps_the_cause(secret: str) -> None:
    def blame(error: Exception, writes: bool) -> PluginError:
        return PluginError("E-CALL", str(error), name="odd")

    channel = HostChannel(Breaking(), Redactor({"password": secret}), blame)
    with pytest.raises(PluginError) as caught:
        RemoteBackend(channel).read(model.ReadRequest(), Context())
    cause = caught.value.__cause__
    assert isinstance(cause, TransportError)
    assert (cause.__cause__ is None) is bool(secret), "the library's error may show the secret"
    assert ("hunter2" in "".join(traceback.format_exception(caught.value))) is not bool(secret)
