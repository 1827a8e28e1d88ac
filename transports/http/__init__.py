"""HTTP/1.1 over a Unix socket: the standard library serves, httpx calls.

Its modules:

    the host's side      client, network (sockets), replies (parsing)
    the plugin's side    server (listening), handler (a connection), requests (parsing),
                         service (what connections share)
    both                 wire
    for benchmarks       floor
"""

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


class HttpTransport(Transport):
    """httpx and the standard library's server on two sides of a Unix socket."""

    name = "http"
    title = "HTTP"
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

    def put_off(self) -> None:
        """See Transport.put_off. There is no TLS, no asynchronous call and no name of a host."""
        for name in ("anyio", "certifi", "html", "idna", "shutil", "ssl"):
            lean.later(name)
        # httpx's own command line, and HTTP/2: they are imported wherever others have installed
        # click and rich, or h2.
        for name in ("httpx._main", "httpcore._sync.http2", "httpcore._async.http2"):
            lean.never(name)

    def prepare(self, codec: str) -> None:
        """See Transport.prepare."""
        super().prepare(codec)
        import transports.http.client  # noqa: F401

    def connect(self, endpoint: SocketEndpoint, *, codec: str) -> Channel:
        """See Transport.connect."""
        from transports.http.client import HttpChannel

        return HttpChannel(endpoint, codec)

    def serve(
        self, backend: Backend, endpoint: SocketEndpoint, *, codec: str, life: Lifecycle
    ) -> None:
        """See Transport.serve. codec is imported at once; each request names its own."""
        self.put_off()
        from transports.http.server import serve

        serve(backend, endpoint, codec, life)


TRANSPORT = HttpTransport()
