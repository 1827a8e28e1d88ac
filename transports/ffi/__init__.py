"""FFI: the plugin is a shared library in the host's own process, behind spec/plugin/backend.h.

It needs no process, no socket and no copy of the environment. In return a crash of the plugin is a
crash of the host, and a plugin that hangs also hangs the host's thread.

Its modules:

    the host's side      client, calls, library
    the plugin's side    plugin and shim.c, which build.py makes a library of
    both                 wire, _abi
    for benchmarks       floor
"""

from transportlab.backend import Backend
from transportlab.channel import (
    Channel,
    EndpointKind,
    LibraryEndpoint,
    Lifecycle,
    Traits,
    Transport,
)
from transportlab.errors import UsageError


class FfiTransport(Transport):
    """C calls into a plugin's library."""

    name = "ffi"
    title = "FFI"
    traits = Traits(
        endpoint=EndpointKind.LIBRARY,
        codecs=("protobuf", "json"),
        isolated=False,
        killable=False,
        streams=True,
        enforces_deadline=False,
        multiplexed=True,
        wire=True,
        requires=("cffi", "google.protobuf"),
    )

    def connect(self, endpoint: LibraryEndpoint, *, codec: str) -> Channel:
        """See Transport.connect. Loads the library, once for all channels, and starts a session."""
        from transports.ffi.client import FfiChannel

        return FfiChannel(endpoint.path, codec)

    def serve(self, backend: Backend, endpoint: object, *, codec: str, life: Lifecycle) -> None:
        """Raise UsageError: the host loads the plugin, so nothing is served."""
        raise UsageError(
            "a program cannot serve ffi: its plugins are shared libraries; build one with"
            " python -m transports.ffi.build --plugin MODULE:ATTR --out cronix-backend-NAME.so"
        )


TRANSPORT = FfiTransport()
