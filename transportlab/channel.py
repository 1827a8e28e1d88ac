"""The interface of every transport: connect() gives the host a Channel, serve() runs the plugin.

Nothing here knows a transport by name. What a transport can and cannot do is data: its Traits.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from enum import StrEnum
from io import FileIO
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

import msgspec

from transportlab.backend import Backend
from transportlab.codecs import load_codec
from transportlab.context import Context
from transportlab.methods import Method
from transportlab.quote import repr_without

Q = TypeVar("Q")
R = TypeVar("R")


class EndpointKind(StrEnum):
    """How a transport's plugin is reached, and so how the host starts it."""

    SOCKET = "socket"
    STDIO = "stdio"
    LIBRARY = "library"
    OBJECT = "object"


class Traits(msgspec.Struct, frozen=True):
    """What a transport can and cannot do.

    endpoint: how its plugin is reached. codecs: those it carries, the usual one first. isolated: a
    crash of the plugin is no crash of the host. killable: a plugin that hangs can be ended.
    streams: the replies of a streaming RPC arrive one by one. enforces_deadline: a call returns at
    its deadline even if the plugin does not cooperate. multiplexed: one channel carries several
    calls at once. wire: messages become bytes, so the limits of PROTOCOL.md apply. requires: import
    names of the libraries that it needs.
    """

    endpoint: EndpointKind
    codecs: tuple[str, ...]
    isolated: bool
    killable: bool
    streams: bool
    enforces_deadline: bool
    multiplexed: bool
    wire: bool
    requires: tuple[str, ...] = ()


class SocketEndpoint(msgspec.Struct, frozen=True):
    """A Unix socket by its path, which has at most 107 bytes on Linux (P-HANDSHAKE-4).

    secret is what each call must carry (P-AUTH-2). If it is empty, a call must carry none: that is
    for tests that serve in their own process.
    """

    __repr__ = repr_without("secret")

    path: str
    secret: str = ""


class StdioEndpoint(msgspec.Struct, frozen=True):
    """Two unbuffered byte pipes: reader for what the peer sends, writer for what it gets."""

    reader: FileIO
    writer: FileIO


class LibraryEndpoint(msgspec.Struct, frozen=True):
    """A shared library by its path."""

    path: str


class ObjectEndpoint(msgspec.Struct, frozen=True):
    """A backend in this process."""

    backend: Backend


Endpoint = SocketEndpoint | StdioEndpoint | LibraryEndpoint | ObjectEndpoint


class Channel(ABC):
    """One open connection. A context manager; safe to use from several threads.

    Both calls raise RpcError for the backend's answer and TransportError for the channel's own
    failure. The context's deadline and its cancellation end a call early, with RpcError
    DEADLINE_EXCEEDED or CANCELLED; its session and log stay on this side.
    """

    @abstractmethod
    def unary(self, method: Method[Q, R], request: Q, context: Context) -> R:
        """Call and wait for the one reply."""

    @abstractmethod
    def stream(self, method: Method[Q, R], request: Q, context: Context) -> Iterator[R]:
        """Call and yield the replies as they come. Closing the iterator cancels the call.

        The call may begin only when the first reply is asked for.
        """

    @abstractmethod
    def close(self) -> None:
        """Close for good. Calls in flight raise ChannelClosed. A second time does nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class Lifecycle(Protocol):
    """What a transport's serve() knows of the plugin's life."""

    def ready(self) -> None:
        """Tell the host that it can connect to the endpoint now."""

    def wait(self) -> None:
        """Return when the plugin is to stop."""

    def stop(self) -> None:
        """Make wait() return, now or later; from any thread."""


class Transport(ABC):
    """A way for the host's calls to reach a backend."""

    name: str
    title = ""
    """How texts for readers write it, where that is not its name."""
    traits: Traits

    def put_off(self) -> None:  # noqa: B027  # most have nothing to put off
        """Put off what the library imports and neither side uses (transportlab/lean.py).

        To be called before anything imports the library: prepare(), connect() and serve() do.
        """

    def prepare(self, codec: str) -> None:
        """Import what connect() needs. A host calls it while the plugin's process starts."""
        self.put_off()
        load_codec(codec)

    @abstractmethod
    def connect(self, endpoint: Any, *, codec: str) -> Channel:
        """Return a channel: the host's side.

        endpoint is of the kind in traits.endpoint, codec one of traits.codecs. Raises
        TransportError if nobody answers there.
        """

    @abstractmethod
    def serve(self, backend: Backend, endpoint: Any, *, codec: str, life: Lifecycle) -> None:
        """Serve the backend: the plugin's side.

        Calls life.ready() once calls can come, and returns after life.wait() has returned.
        """
