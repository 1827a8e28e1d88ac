"""No wire at all: calls go to a backend in this process.

It is the baseline of the measurements, and shows that the interface needs no wire. It has nothing
of what a wire brings: no codec, no limits, no isolation, and no deadline against a backend that
does not look at its Context.
"""

from collections.abc import Iterator
from typing import TypeVar

from transportlab.backend import Backend
from transportlab.channel import (
    Channel,
    EndpointKind,
    Lifecycle,
    ObjectEndpoint,
    Traits,
    Transport,
)
from transportlab.context import Context, InFlight
from transportlab.dispatch import Dispatcher
from transportlab.errors import ChannelClosed, LabError, RpcError, UsageError
from transportlab.methods import Method

Q = TypeVar("Q")
R = TypeVar("R")


class DirectChannel(Channel):
    """Calls a Dispatcher in the caller's thread."""

    def __init__(self, backend: Backend) -> None:
        self._dispatcher = Dispatcher(backend)
        self._calls = InFlight()

    def unary(self, method: Method[Q, R], request: Q, context: Context) -> R:
        """See Channel.unary."""
        with self._calls.call(context.cancellation) as switch:
            try:
                own = context.with_cancellation(switch)
                return self._dispatcher.unary(method, request, own)
            except RpcError as error:
                raise self._translated(error) from None

    def stream(self, method: Method[Q, R], request: Q, context: Context) -> Iterator[R]:
        """See Channel.stream."""
        with self._calls.call(context.cancellation) as switch:
            try:
                own = context.with_cancellation(switch)
                yield from self._dispatcher.stream(method, request, own)
            except RpcError as error:
                raise self._translated(error) from None

    def _translated(self, error: RpcError) -> LabError:
        """What a wire would make of the error: bounded texts, and ChannelClosed after close()."""
        if self._calls.closed:
            return ChannelClosed("the channel was closed during the call")
        return RpcError.from_status(error.to_status())

    def close(self) -> None:
        """See Channel.close. A call in flight ends when its backend looks at its Context."""
        self._calls.close()


class DirectTransport(Transport):
    """Calls to a backend in this process."""

    name = "direct"
    title = "in process"
    traits = Traits(
        endpoint=EndpointKind.OBJECT,
        codecs=("none",),
        isolated=False,
        killable=False,
        streams=True,
        enforces_deadline=False,
        multiplexed=True,
        wire=False,
    )

    def connect(self, endpoint: ObjectEndpoint, *, codec: str) -> Channel:
        """See Transport.connect. Nothing is encoded, so codec has no effect."""
        return DirectChannel(endpoint.backend)

    def serve(self, backend: Backend, endpoint: object, *, codec: str, life: Lifecycle) -> None:
        """Raise UsageError: a backend in the host's own process has no plugin's side."""
        raise UsageError("direct has no plugin's side: a plugin cannot be served by it")


TRANSPORT = DirectTransport()
