"""Writes take turns, and nobody waits for a turn that does not come."""

import os
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from transportlab import model
from transportlab.backend import Backend
from transportlab.channel import EndpointKind
from transportlab.context import Context
from transportlab.errors import ChannelClosed, PluginError
from transportlab.host import HostOptions, HostSession, open_backend
from transportlab.model import DesiredJob, Job
from transportlab.registry import transport_names

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
