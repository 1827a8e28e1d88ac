"""The echo plugin as it ships, opened over each transport with each of its codecs."""

from collections.abc import Callable, Generator, Iterator

import pytest

from transportlab import model
from transportlab.context import Context
from transportlab.host import HostOptions, HostSession, open_backend


@pytest.fixture
def session(transport: str, codec: str) -> Iterator[HostSession]:
    """A session whose requests may say what is to go wrong."""
    options = HostOptions(codec=codec, config={"faults": "requests"})
    with open_backend("echo", transport, options) as opened:
        yield opened


@pytest.fixture
def read(session: HostSession) -> Callable[..., model.ReadReply]:
    """read(app, ...) calls Read, with what a Context takes."""

    def call(app: str, **context: object) -> model.ReadReply:
        return session.backend.read(model.ReadRequest(app), Context(**context))  # type: ignore[arg-type]  # passed on

    return call


@pytest.fixture
def events(session: HostSession) -> Callable[..., Generator[model.ApplyEvent, None, None]]:
    """events(app, ...) calls Apply, with what a Context takes."""

    def call(app: str, **context: object) -> Generator[model.ApplyEvent, None, None]:
        request = model.ApplyRequest(model.PlanReply(app))
        stream = session.backend.apply(request, Context(**context))  # type: ignore[arg-type]  # passed on
        assert isinstance(stream, Generator)
        return stream

    return call
