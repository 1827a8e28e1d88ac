"""Serves a plugin's library from a process of its own, so that its crash does not end the host.

    python -P -m transportlab.sdk.library_worker LIBRARY [FILE]

The host starts this program instead of a plugin, where a library is asked for over a transport of
processes. LIBRARY is the path at which the host found it. FILE, if given, is the file to load: the
host's copy of a pinned library (P-TRUST-3).

What serves a plugin's own operations serves the library's too, because a RemoteBackend is a
Backend. Each request is decoded from the host's wire and encoded again for the library, with the
same codec if the library's transport has it.
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
"""How long closing the library may take; after that the process ends all the same (P-STOP-2)."""


class Worker:
    """The one library of this process, loaded when its backend is asked for."""

    def __init__(self, library: str) -> None:
        self._library = library
        self._channel: Channel | None = None

    def backend(self, codec: str) -> Backend:
        """Load the library and give the backend behind it.

        codec: the host's; raises TransportError if the library cannot be loaded, UsageError if no
        transport here loads libraries.
        """
        transport = library_transport()
        codecs = transport.traits.codecs
        inner = codec if codec in codecs else codecs[0]
        self._channel = transport.connect(LibraryEndpoint(self._library), codec=inner)
        return RemoteBackend(self._channel)

    def close(self) -> None:
        """Close the library, so that it can write what it holds; takes CLOSE_SECONDS at most."""
        if self._channel is not None:
            ending = threading.Thread(target=self._channel.close, daemon=True)
            ending.start()
            ending.join(CLOSE_SECONDS)


def library_transport() -> Transport:
    """The transport whose plugins are libraries. Raises UsageError if there is none."""
    found = transport_names(EndpointKind.LIBRARY)
    if not found:
        raise UsageError("no transport here loads libraries")
    return load_transport(found[0])


def main(arguments: list[str]) -> None:
    """Serve the library that the arguments name. Does not return."""
    if len(arguments) not in (1, 2):
        sys.exit("usage: python -P -m transportlab.sdk.library_worker LIBRARY [FILE]")
    name = Path(arguments[0]).stem.removeprefix("cronix-backend-")
    worker = Worker(arguments[-1])
    atexit.register(worker.close)
    run_backend(name, "", worker.backend)


if __name__ == "__main__":
    main(sys.argv[1:])
