"""gRPC over a Unix socket: HTTP/2 by grpcio, with protobuf, and with JSON as a control.

client is the host's side, server the plugin's, wire what both agree on, floor for benchmarks.
"""

from collections.abc import Callable
from typing import TypeVar

from transportlab import lean
from transportlab.backend import Backend
from transportlab.channel import (
    Channel,
    EndpointKind,
    Lifecycle,
    SocketEndpoint,
    Traits,
    Transport,
)


class GrpcTransport(Transport):
    """grpcio on both sides of a Unix socket."""

    name = "grpc"
    title = "gRPC"
    traits = Traits(
        endpoint=EndpointKind.SOCKET,
        codecs=("protobuf", "json"),
        isolated=True,
        killable=True,
        streams=True,
        enforces_deadline=True,
        multiplexed=True,
        wire=True,
        requires=("grpc", "google.protobuf"),
    )

    def put_off(self) -> None:
        """See Transport.put_off. grpc's asynchronous API takes half of its time."""
        for name in ("asyncio", "grpc.aio", "inspect", "socket"):
            lean.later(name)
        lean.later("typing_extensions", override=_override)

    def prepare(self, codec: str) -> None:
        """See Transport.prepare."""
        super().prepare(codec)
        import transports.grpc.client  # noqa: F401

    def connect(self, endpoint: SocketEndpoint, *, codec: str) -> Channel:
        """See Transport.connect. grpcio connects at the first call.

        So if nobody answers it is that call which fails, with ConnectionLost.
        """
        self.put_off()
        from transports.grpc.client import GrpcChannel

        return GrpcChannel(endpoint, codec)

    def serve(
        self, backend: Backend, endpoint: SocketEndpoint, *, codec: str, life: Lifecycle
    ) -> None:
        """See Transport.serve. codec is imported at once; each call names its own."""
        self.put_off()
        from transports.grpc.server import serve

        serve(backend, endpoint, codec, life)


F = TypeVar("F", bound=Callable[..., object])


def _override(function: F) -> F:
    """Mark nothing, where typing.override would only mark a method for type checkers."""
    return function


TRANSPORT = GrpcTransport()
