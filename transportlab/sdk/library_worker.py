"""A plugin's library in a process of its own: what crashes it ends this process and not the host.

    python -P -m transportlab.sdk.library_worker LIBRARY [FILE]

LIBRARY is where it was found, and FILE what to load, if that is another place (P-TRUST-3).
The host starts it like any plugin, for a library that is to be reached over a process's transport.
A RemoteBackend is a Backend, so what serves a plugin's own operations also serves those behind the
library: a request is decoded from the host's wire and encoded again for the library. It keeps the
codec if the library's transport has it.
"""

import atexit
import sys
import threading
from pathlib import Path

from transportlab.backend import Backend
from transportlab.channel import Channel, EndpointKind, LibraryEndpoint, Transport
from transportlab.errors import UsageError
from transportlab.registry import load_transport, transport_names
from transportlab.remote import RemoteBackend
from transportlab.sdk.program import run_backend

CLOSE_SECONDS = 0.5
"""How long the library's session may take to end; then the process ends without it (P-STOP-2)."""


class Worker:
    """The one library of this process."""

    def __init__(self, library: str) -> None:
        self._library = library
        self._channel: Channel | None = None

    def backend(self, codec: str) -> Backend:
        """Load the library. Raises TransportError, which says what is wrong with it."""
        transport = library_transport()
        codecs = transport.traits.codecs
        inner = codec if codec in codecs else codecs[0]
        self._channel = transport.connect(LibraryEndpoint(self._library), codec=inner)
        return RemoteBackend(self._channel)

    def close(self) -> None:
        """End the library's session, which lets it write out what it holds; bounded."""
        if self._channel is not None:
            ending = threading.Thread(target=self._channel.close, daemon=True)
            ending.start()
            ending.join(CLOSE_SECONDS)


def library_transport() -> Transport:
    """The transport whose plugins are libraries; UsageError if there is none."""
    found = transport_names(EndpointKind.LIBRARY)
    if not found:
        raise UsageError("no transport here loads libraries")
    return load_transport(found[0])


def main(arguments: list[str]) -> None:
    """Serve the library that arguments name. Does not return."""
    if len(arguments) not in (1, 2):
        sys.exit("usage: python -P -m transportlab.sdk.library_worker LIBRARY [FILE]")
    name = Path(arguments[0]).stem.removeprefix("cronix-backend-")
    worker = Worker(arguments[-1])
    atexit.register(worker.close)
    run_backend(name, "", worker.backend)


if __name__ == "__main__":
    main(sys.argv[1:])
