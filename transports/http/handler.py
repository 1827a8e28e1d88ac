"""One connection on the plugin's side: HTTP requests become calls, replies become responses.

What all connections share is service.py's, listening and accepting server.py's, and reading a
request's body and its deadline requests.py's.
"""

import socket
import time
from contextlib import closing
from http.client import HTTPException
from http.server import BaseHTTPRequestHandler
from io import BufferedReader
from typing import Any, cast

from transportlab.auth import check_secret
from transportlab.codecs import Codec, DecodeError
from transportlab.context import Cancellation, Context, PolledCancellation
from transportlab.dispatch import as_rpc_error
from transportlab.errors import Code, RpcError, invalid_argument, unknown_method
from transportlab.methods import METHODS, SERVICE, AnyMethod
from transportlab.model import ErrorDetails
from transports.http.requests import (
    Refused,
    body_length,
    malformed,
    read_body,
    timeout_seconds,
)
from transports.http.service import STRANGER_SECONDS, Service
from transports.http.wire import (
    FRAMINGS,
    PROBLEM_TYPE,
    SECRET_HEADER,
    http_status,
    media_type,
    problem_document,
)

SMALL = 65536
"""A body of up to this many bytes is copied behind its head: both leave in one write."""

CODECS = {"application/json": "json", "application/x-protobuf": "protobuf"}
"""The codec of a request by its Content-Type (P-HTTP-1)."""

MAX_HEAD_BYTES = 65536
"""Longest head of a request, give or take a line of that length (P-AUTH-4)."""

_METHODS = {method.path: method for method in METHODS.values()}


class Head:
    """Reads a request, of whose head it takes MAX_HEAD_BYTES at most.

    until: when the connection must have shown the secret, on time.monotonic(); None once it has.
    """

    def __init__(self, file: BufferedReader, until: float | None) -> None:
        self._file = file
        self.taken = 0
        self.until = until
        self.read = file.read
        self.close = file.close

    def readline(self, limit: int) -> bytes:
        """The next line of the head."""
        if self.taken > MAX_HEAD_BYTES:
            raise HTTPException(f"a head of more than {MAX_HEAD_BYTES} bytes")  # answered by 431
        line = self._file.readline(limit) if self.until is None else self._early(limit, self.until)
        self.taken += len(line)
        return line

    def _early(self, limit: int, until: float) -> bytes:
        """The next line, with a look at the time after each piece: it may come byte by byte."""
        line = b""
        while len(line) < limit and not line.endswith(b"\n") and (piece := self._file.peek()):
            if time.monotonic() > until:
                raise TimeoutError
            line += self._file.readline(min(len(piece), limit - len(line)))
        return line


class Handler(BaseHTTPRequestHandler):
    """Answers one request after the other until either side closes the connection."""

    protocol_version = "HTTP/1.1"

    def __init__(self, service: Service, *connection: Any) -> None:
        self._service = service
        super().__init__(*connection)  # returns when the connection ends

    def setup(self) -> None:
        """Called by the base class before the first request."""
        super().setup()
        self._known = False
        until = time.monotonic() + STRANGER_SECONDS
        self._body_file = self.rfile
        self._reader = Head(cast("BufferedReader", self.rfile), until)
        self.rfile = self._reader  # type: ignore[assignment]  # all that the base class needs

    def handle_one_request(self) -> None:
        """Called by the base class for each request."""
        self._reader.taken = 0
        super().handle_one_request()

    def log_message(self, *_: Any) -> None:
        """Called by the base class for a connection that kept still: stderr is the plugin's log."""

    def do_POST(self) -> None:
        """Carry out one call."""
        try:
            self._authenticate()
            codec = self._codec()
            body = self._body()
        except Refused as refused:
            self._refuse(refused)
            return
        switch = PolledCancellation(self._client_left)
        with self._service.running.call(switch):
            try:
                self._call(codec, body, switch)
            except RpcError as error:
                self._fail(error, http_status(error))

    def _authenticate(self) -> None:
        """Refuse a call without the secret before anything else of it is read (P-AUTH-2)."""
        try:
            check_secret(self.headers.get_all(SECRET_HEADER, []), self._service.secret)
        except RpcError as error:
            challenge = f"WWW-Authenticate: {SECRET_HEADER}\r\n"
            raise Refused(http_status(error), error, challenge) from error
        if not self._known:
            self._known = True
            self._service.strangers.leave(self.connection)
            self.connection.settimeout(None)
            self._reader.until = None

    def _codec(self) -> Codec:
        given = self.headers.get("Content-Type", "")
        name = CODECS.get(media_type(given))
        if name is not None:
            return self._service.codec(name)
        types = ", ".join(CODECS)
        problem = f'unsupported type "{given}"; the plugin takes {types}'
        error = invalid_argument(
            "Content-Type", problem, reason="MEDIA_TYPE", expected=types, got=given
        )
        raise Refused(415, error)

    def _body(self) -> bytes:
        if self.request_version != "HTTP/1.1":
            raise malformed(f"{self.request_version} is not HTTP/1.1", 505)
        if self.headers.defects:
            raise malformed("the headers cannot be read")
        length = body_length(self.headers)
        if self.headers.get("Expect", "").lower() == "100-continue":
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        return read_body(self._body_file, length)

    def handle_expect_100(self) -> bool:
        """Do nothing yet: _body() tells the client to go on once its headers are accepted."""
        return True

    def _client_left(self) -> bool:
        """Whether the client has closed the connection, which cancels the call (P-CANCEL-1)."""
        try:
            return not self.connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError:
            return True

    def _call(self, codec: Codec, body: bytes, switch: Cancellation) -> None:
        method = _METHODS.get(self.path)
        if method is None:
            raise unknown_method(self.path.removeprefix(f"/{SERVICE}/"))
        context = Context(timeout=timeout_seconds(self.headers), cancellation=switch)
        try:
            request = codec.decode(method.request, body)
        except DecodeError as error:
            raise error.to_rpc_error() from error
        if method.streams:
            self._stream(codec, method, request, context)
        else:
            reply = self._service.dispatcher.unary(method, request, context)
            self._send(200, codec.content_type, _encoded(codec, reply, context))

    def _stream(self, codec: Codec, method: AnyMethod, request: object, context: Context) -> None:
        """A chunk an event (P-STREAM-1). An error before the first event is an error response."""
        framing = FRAMINGS[codec.name]
        head = self._head(200, framing.content_type, "Transfer-Encoding: chunked")
        # A write fails once the client has left, and closing() ends the backend's iterator
        # (P-STREAM-2).
        with closing(self._service.dispatcher.stream(method, request, context)) as replies:
            try:
                for reply in replies:
                    event = framing.event(_encoded(codec, reply, context))
                    self.wfile.write(head + _chunk(event))
                    head = b""
            except RpcError as error:
                if head:
                    raise
                last = framing.status(codec.encode(error.to_status()))
            else:
                last = framing.done
        self.wfile.write(head + _chunk(last) + _chunk(b""))

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Called by the base class for a request that it cannot take."""
        if code == 501:  # noqa: PLR2004  # there is no do_... for this HTTP method
            error = RpcError(
                Code.UNIMPLEMENTED,
                f"HTTP method {self.command}; the plugin takes POST",
                ErrorDetails("HTTP_METHOD", expected="POST", got=self.command),
            )
            self._refuse(Refused(405, error, "Allow: POST\r\n"))
        else:
            self._refuse(malformed(message or self.responses[code][0], code))

    def _refuse(self, refused: Refused) -> None:
        self.close_connection = True
        self._fail(refused.error, refused.status, refused.headers)

    def _fail(self, error: RpcError, status: int, headers: str = "") -> None:
        self._send(status, PROBLEM_TYPE, problem_document(error, status), headers)

    def _send(self, status: int, content_type: str, body: bytes, headers: str = "") -> None:
        head = self._head(status, content_type, f"{headers}Content-Length: {len(body)}")
        if self.command == "HEAD":
            self.wfile.write(head)
        elif len(body) <= SMALL:
            self.wfile.write(head + body)
        else:
            self.wfile.write(head)
            self.wfile.write(body)

    def _head(self, status: int, content_type: str, framing: str) -> bytes:
        phrase = self.responses.get(status, ("Client Closed Request",))[0]
        lines = [f"HTTP/1.1 {status} {phrase}", f"Content-Type: {content_type}", framing]
        if self.close_connection:
            lines.append("Connection: close")
        return "\r\n".join([*lines, "\r\n"]).encode("ascii")


def _encoded(codec: Codec, reply: object, context: Context) -> bytes:
    """The reply's bytes. A reply that the contract does not allow is a bug of the backend."""
    try:
        return codec.encode(reply)
    except Exception as error:
        raise as_rpc_error(error, context) from error


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)
