"""gRPC over a Unix socket: HTTP/2 by grpcio, protobuf by rule and JSON as a control."""

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
    """See the module."""

    name = "grpc"
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

    def connect(self, endpoint: SocketEndpoint, *, codec: str) -> Channel:
        """As in Transport. grpcio connects at the first call, which then raises ConnectionLost."""
        from transports.grpc.client import GrpcChannel

        return GrpcChannel(endpoint, codec)

    def serve(
        self, backend: Backend, endpoint: SocketEndpoint, *, codec: str, life: Lifecycle
    ) -> None:
        """As in Transport. The codec is the one to have ready; each call names its own."""
        from transports.grpc.server import serve

        serve(backend, endpoint, codec, life)


TRANSPORT = GrpcTransport()
