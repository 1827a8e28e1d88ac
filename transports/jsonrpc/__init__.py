"""JSON-RPC 2.0 on the plugin's stdin and stdout, one message a line (P-JSONRPC).

Its modules:

    the host's side      client, link, outbox, messages
    the plugin's side    server, engine, service
    both                 wire
    for benchmarks       floor

The libraries are imported when a side is made, so that reading the traits needs none of them.
"""

import typing

from transportlab import lean
from transportlab.backend import Backend
from transportlab.channel import (
    Channel,
    EndpointKind,
    Lifecycle,
    StdioEndpoint,
    Traits,
    Transport,
)


class JsonRpcTransport(Transport):
    """JSON-RPC over the pipes of a child process."""

    name = "jsonrpc"
    title = "JSON-RPC"
    traits = Traits(
        endpoint=EndpointKind.STDIO,
        codecs=("json",),
        isolated=True,
        killable=True,
        streams=True,
        enforces_deadline=True,
        multiplexed=True,
        wire=True,
        requires=("jsonrpcserver", "msgspec"),
    )

    def put_off(self) -> None:
        """See Transport.put_off. The dispatcher alone is a fifth of what the library imports."""
        lean.later("typing_extensions", runtime_checkable=typing.runtime_checkable)
        lean.later("oslash", front=True)
        lean.later("jsonrpcserver", front=True)

    def prepare(self, codec: str) -> None:
        """See Transport.prepare."""
        super().prepare(codec)
        import transports.jsonrpc.client  # noqa: F401

    def connect(self, endpoint: StdioEndpoint, *, codec: str) -> Channel:
        """See Transport.connect. JSON-RPC is JSON, so codec has no effect."""
        from transports.jsonrpc.client import JsonRpcChannel

        return JsonRpcChannel(endpoint)

    def serve(
        self,
        backend: Backend,
        endpoint: StdioEndpoint,
        *,
        codec: str,
        life: Lifecycle,
    ) -> None:
        """See Transport.serve. The end of the endpoint's reader stops the plugin (P-STOP-2)."""
        self.put_off()
        from transports.jsonrpc.server import Server

        Server(backend, endpoint, life).run()


TRANSPORT = JsonRpcTransport()
