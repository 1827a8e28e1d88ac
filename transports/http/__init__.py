"""HTTP/1.1 over a Unix socket: the standard library serves, httpx calls."""

from transportlab.backend import Backend
from transportlab.channel import (
    Channel,
    EndpointKind,
    Lifecycle,
    SocketEndpoint,
    Traits,
    Transport,
)


class HttpTransport(Transport):
    """See the module."""

    name = "http"
    traits = Traits(
        endpoint=EndpointKind.SOCKET,
        codecs=("json", "protobuf"),
        isolated=True,
        killable=True,
        streams=True,
        enforces_deadline=True,
        multiplexed=True,
        wire=True,
        requires=("httpx",),
    )

    def connect(self, endpoint: SocketEndpoint, *, codec: str) -> Channel:
        """As in Transport."""
        from transports.http.client import HttpChannel

        return HttpChannel(endpoint, codec)

    def serve(
        self, backend: Backend, endpoint: SocketEndpoint, *, codec: str, life: Lifecycle
    ) -> None:
        """As in Transport. The codec is the one to have ready; each request names its own."""
        from transports.http.server import serve

        serve(backend, endpoint, codec, life)


TRANSPORT = HttpTransport()
