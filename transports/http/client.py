"""The host's side: httpx over a pool of connections to the plugin's socket.

The sockets, with each call's deadline and cancellation, are network.py's; reading a body is
replies.py's.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from typing import Any, TypeVar

import httpcore
import httpx

from transportlab.channel import Channel, SocketEndpoint
from transportlab.codecs import load_codec
from transportlab.context import Context, InFlight
from transportlab.errors import (
    MAX_MESSAGE_BYTES,
    ChannelClosed,
    LabError,
    ProtocolViolation,
    RpcError,
    cancelled,
)
from transportlab.methods import Method
from transportlab.model import Status
from transports.http.network import Call, Network, connect
from transports.http.replies import EVENTS, decoded, read_problem
from transports.http.wire import (
    FRAMINGS,
    MAX_TIMEOUT_US,
    PROBLEM_TYPE,
    TIMEOUT_HEADER,
    media_type,
    request_headers,
)

Q = TypeVar("Q")
R = TypeVar("R")

OK = 200
LENGTH, CODING = "Content-Length", "Transfer-Encoding"

_KNOWN = (httpcore.ProtocolError, httpx.HTTPError)
"""Errors whose text alone says what is wrong with a reply."""

OWN_CONNECTION = "own_connection"
"""Extension of a request that gets a connection of its own."""

IDLE_SECONDS = 30.0
"""How long an unused connection is kept. Each one is a thread in the plugin."""


@cache
def _url(path: str) -> httpx.URL:
    """The URL of a path. Parsing it is a good part of what a call costs, so it is done once."""
    return httpx.URL(f"http://localhost{path}")


class _Body(httpx.SyncByteStream):
    """The body of httpcore's response, for httpx. Closes the response's own connection too."""

    def __init__(self, stream: Any, connection: httpcore.HTTPConnection | None) -> None:
        self._stream = stream
        self._connection = connection

    def __iter__(self) -> Iterator[bytes]:
        yield from self._stream

    def close(self) -> None:
        self._stream.close()
        if self._connection is not None:
            self._connection.close()


class _Transport(httpx.BaseTransport):
    """httpx over the network's connections: a pool, and one connection for each stream.

    Streams do not use the pool, because an abandoned stream may be collected, and so closed, at any
    allocation. This thread may hold the pool's lock at that moment.
    """

    def __init__(self, path: str, network: Network) -> None:
        self._path = path
        self._network = network
        # No bound on connections: the plugin bounds the calls (P-LIMIT-2).
        self._pool = httpcore.ConnectionPool(
            max_connections=None, keepalive_expiry=IDLE_SECONDS, uds=path, network_backend=network
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        target = httpcore.URL(str(request.url))
        own = None
        if request.extensions.get(OWN_CONNECTION):
            own = httpcore.HTTPConnection(
                target.origin, uds=self._path, network_backend=self._network
            )
        response = (own or self._pool).handle_request(
            httpcore.Request(
                request.method, target, headers=request.headers.raw, content=request.stream
            )
        )
        stream = _Body(response.stream, own)
        return httpx.Response(response.status, headers=response.headers, stream=stream)

    def close(self) -> None:
        self._pool.close()


class HttpChannel(Channel):
    """Calls over as many connections to the socket as there are calls at once.

    headers are those of each call, without its deadline.
    """

    def __init__(self, endpoint: SocketEndpoint, codec: str) -> None:
        self.path = path = endpoint.path
        with suppress(BlockingIOError):  # a full queue: somebody must be listening
            connect(path).close()
        self._codec = load_codec(codec)
        self.headers = request_headers(self._codec.content_type, endpoint.secret)
        self._framing = FRAMINGS[codec]
        self._network = Network()
        self._transport = _Transport(path, self._network)
        self._calls = InFlight()

    def unary(self, method: Method[Q, R], request: Q, context: Context) -> R:
        """See Channel.unary."""
        with self._call(context) as call, self._network.working_for(call):
            response = self._send(method, self._codec.encode(request), call)
            with _ending(response, call):
                _check(response, self._codec.content_type, call)
                data = _body(response, call)
        return decoded(self._codec, method.reply, data, context.check)

    def stream(self, method: Method[Q, R], request: Q, context: Context) -> Iterator[R]:
        """See Channel.stream."""
        with self._call(context) as call:
            with self._network.working_for(call):
                response = self._send(method, self._codec.encode(request), call)
            # Closing the response closes its connection. That cancels the call on the plugin's
            # side, if it has not ended (P-STREAM-2).
            with _ending(response, call):
                with self._network.working_for(call):
                    _check(response, self._framing.content_type, call)
                yield from self._events(method.reply, response, call)

    def _events(self, kind: type[R], response: httpx.Response, call: Call) -> Iterator[R]:
        """Yield the events up to the status, which must end the body (P-STREAM-1)."""
        events = EVENTS[self._codec.name](kind, self._codec)
        status: Status | None = None
        for data in self._pieces(response, call):
            events.feed(data)
            while (item := events.take()) is not None:
                if status is not None:
                    raise ProtocolViolation("the stream goes on after its status")
                if isinstance(item, Status):
                    status = item
                else:
                    yield item
        if status is None or events.unread():
            problem = "the stream ended without a status" if status is None else "after its status"
            raise ProtocolViolation(f"{problem}; left over: {events.unread()!r}")
        if status.code:
            raise RpcError.from_status(status)

    def _pieces(self, response: httpx.Response, call: Call) -> Iterator[bytes]:
        """Yield the body as it comes. The thread works for the call only while it waits here."""
        pieces = iter(_stream(response))
        while True:
            with self._network.working_for(call):
                data = next(pieces, b"")
            if not data:
                _check_end(response, call)
                return
            yield data

    @contextmanager
    def _call(self, context: Context) -> Iterator[Call]:
        """A call that its context and close() can end. Its failures leave as LabErrors."""
        with self._calls.call(context.cancellation) as switch:
            call = Call(switch, context.deadline)
            forget = switch.on_cancel(call.interrupt)
            try:
                call.wait_seconds()
                yield call
            # A reply can make the libraries raise more than what their own trees hold, such as
            # ValueError. Nothing of it may leave as it is: its text may show a secret.
            except Exception as error:
                raise self._translated(error, call) from error.__cause__
            finally:
                forget()

    def _translated(self, error: Exception, call: Call) -> LabError:
        if self._calls.closed:
            return ChannelClosed("the channel was closed during the call")
        if call.switch.cancelled:
            return cancelled()
        if isinstance(error, LabError):
            return error
        said = str(error) if isinstance(error, _KNOWN) else f"{type(error).__name__}: {error}"
        return ProtocolViolation(f"{said}; the reply begins {call.received!r}")

    def _send(self, method: Method[Any, Any], data: bytes, call: Call) -> httpx.Response:
        """Send a request and read the response's status and headers."""
        headers = self.headers
        if call.deadline is not None:
            left = min((call.deadline - time.monotonic()) * 1e6, MAX_TIMEOUT_US)
            headers = {**headers, TIMEOUT_HEADER: str(max(1, int(left)))}
        request = httpx.Request(
            "POST",
            _url(method.path),
            headers=headers,
            content=data,
            extensions={OWN_CONNECTION: method.streams},
        )
        # Not by httpx.Client, which follows what the reply's Location and Set-Cookie say.
        return self._transport.handle_request(request)

    def close(self) -> None:
        """See Channel.close."""
        self._calls.close()
        self._transport.close()


@contextmanager
def _ending(response: httpx.Response, call: Call) -> Iterator[None]:
    """Close the response in the end, and its connection too if the reply was not as it should be.

    The connection ends before the response gives it back to the pool, where the next call gets it.
    """
    try:
        yield
    except RpcError:
        raise
    except Exception:
        call.drop_connection()
        raise
    finally:
        response.close()


def _check(response: httpx.Response, wanted: str, call: Call) -> None:
    """Raise the error in a response, or ProtocolViolation if it is neither reply nor error."""
    if LENGTH in response.headers and CODING in response.headers:
        raise ProtocolViolation(
            f"a reply with {LENGTH} and {CODING} at once; it begins {call.received!r}"
        )
    given = media_type(response.headers.get("Content-Type", ""))
    if response.status_code == OK and given == wanted:
        return
    if response.is_error and given == PROBLEM_TYPE:
        raise read_problem(_body(response, call))
    raise ProtocolViolation(
        f'HTTP {response.status_code} with content type "{given}" is no reply;'
        f" it begins {call.received!r}"
    )


def _body(response: httpx.Response, call: Call) -> bytes:
    """The whole body. The limit is checked as it comes (P-LIMIT-1)."""
    parts = []
    size = 0
    for part in _stream(response):
        size += len(part)
        if size > MAX_MESSAGE_BYTES:
            raise ProtocolViolation(f"a reply is over {MAX_MESSAGE_BYTES} bytes")
        parts.append(part)
    _check_end(response, call)
    return b"".join(parts)


def _stream(response: httpx.Response) -> httpx.SyncByteStream:
    """The body as it comes. response.iter_raw() would give the connection back at its end."""
    if not isinstance(response.stream, httpx.SyncByteStream):
        raise TypeError("a response of this transport has a stream")
    return response.stream


def _check_end(response: httpx.Response, call: Call) -> None:
    """Raise ProtocolViolation if something follows the reply: nothing was asked for (P-HTTP-6).

    Else the library would take it for the answer to the next call of the connection. Where a reply
    in chunks ends is known to the library alone, so its connection is not used again.
    """
    length = response.headers.get(LENGTH)
    if length is None:
        call.drop_connection()
        follows = not call.ends_with_blank_line()
    else:
        follows = call.body_bytes != int(length)
    if follows:
        raise ProtocolViolation(f"bytes follow a reply; it begins {call.received!r}")
