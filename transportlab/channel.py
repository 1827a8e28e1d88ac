"""The one interface of every transport: a channel for the host, serve() for the plugin.

Nothing here knows a transport by name. What one can and cannot do is data, in its Traits.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from io import FileIO
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

from transportlab.backend import Backend
from transportlab.context import Context
from transportlab.methods import Method

Q = TypeVar("Q")
R = TypeVar("R")


class EndpointKind(StrEnum):
    """How a transport's plugin is reached, hence how the host starts it."""

    SOCKET = "socket"
    STDIO = "stdio"
    LIBRARY = "library"
    OBJECT = "object"


@dataclass(frozen=True, slots=True)
class Traits:
    """What a transport can and cannot do.

    endpoint: how its plugin is reached, hence how the host starts it. codecs: those it carries, its
    usual one first. isolated: a crash of the plugin does not take the host along. killable: a
    plugin that hangs can be ended. streams: replies of a streaming RPC arrive one by one.
    enforces_deadline: a call returns at its deadline even if the plugin does not cooperate.
    multiplexed: many calls at once on one channel. wire: messages become bytes, so that the limits
    of PROTOCOL.md apply. requires: import names of the libraries that it needs.
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


@dataclass(frozen=True, slots=True)
class SocketEndpoint:
    """A Unix socket by its path, at most 107 bytes long on Linux (P-HANDSHAKE-4).

    secret is what each call must have (P-AUTH-2). Where it is empty, as for a test that serves in
    its own process, a call must have none.
    """

    path: str
    secret: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class StdioEndpoint:
    """Two unbuffered byte pipes: reader brings what the peer sends, writer takes it there."""

    reader: FileIO
    writer: FileIO


@dataclass(frozen=True, slots=True)
class LibraryEndpoint:
    """A shared library by its path."""

    path: str


@dataclass(frozen=True, slots=True)
class ObjectEndpoint:
    """A backend in this very process."""

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
        """Call and yield replies as they come. Closing the iterator cancels the call."""

    @abstractmethod
    def close(self) -> None:
        """Close for good; calls in flight fail with ChannelClosed. A second time does nothing."""

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
    """The plugin's life as its transport sees it."""

    def ready(self) -> None:
        """Tell the host that the endpoint can be connected to."""

    def wait(self) -> None:
        """Return when the plugin is to stop."""

    def stop(self) -> None:
        """Make wait() return, now or later; from any thread."""


class Transport(ABC):
    """A way for the host's calls to reach a backend."""

    name: str
    traits: Traits

    @abstractmethod
    def connect(self, endpoint: Any, *, codec: str) -> Channel:
        """The host's side. endpoint is of the kind that traits.endpoint names, codec one of theirs.

        Raises TransportError if nobody answers there.
        """

    @abstractmethod
    def serve(self, backend: Backend, endpoint: Any, *, codec: str, life: Lifecycle) -> None:
        """The plugin's side: call life.ready() once callable, return after life.wait() does."""
