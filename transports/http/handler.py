"""One connection on the plugin's side: HTTP requests to calls, and replies to responses."""

import socket
from contextlib import closing
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING

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
from transports.http.wire import (
    FRAMINGS,
    PROBLEM_TYPE,
    SECRET_HEADER,
    http_status,
    media_type,
    problem_document,
)

if TYPE_CHECKING:
    from transports.http.server import Server

SMALL = 65536
"""Up to this many bytes a body is copied behind its head, so that both leave in one write."""

CODECS = {"application/json": "json", "application/x-protobuf": "protobuf"}
"""The codec of a request by its Content-Type (P-HTTP-1)."""

_METHODS = {method.path: method for method in METHODS.values()}


class Handler(BaseHTTPRequestHandler):
    """Answers one request after the other until either side closes."""

    protocol_version = "HTTP/1.1"
    server: "Server"

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
        with self.server.running.call(switch):
            try:
                self._call(codec, body, switch)
            except RpcError as error:
                self._fail(error, http_status(error))

    def _authenticate(self) -> None:
        """Nothing of a call without the secret is looked at (P-AUTH-2)."""
        try:
            check_secret(self.headers.get_all(SECRET_HEADER, []), self.server.secret)
        except RpcError as error:
            challenge = f"WWW-Authenticate: {SECRET_HEADER}\r\n"
            raise Refused(http_status(error), error, challenge) from error

    def _codec(self) -> Codec:
        given = self.headers.get("Content-Type", "")
        name = CODECS.get(media_type(given))
        if name is not None:
            return self.server.codec(name)
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
        return read_body(self.rfile, length)

    def handle_expect_100(self) -> bool:
        """Go on without a word: the client is told to once its headers have passed."""
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
            reply = self.server.dispatcher.unary(method, request, context)
            self._send(200, codec.content_type, _encoded(codec, reply, context))

    def _stream(self, codec: Codec, method: AnyMethod, request: object, context: Context) -> None:
        """A chunk an event (P-STREAM-1). An error before the first event is an error response."""
        framing = FRAMINGS[codec.name]
        head = self._head(200, framing.content_type, "Transfer-Encoding: chunked")
        # Once the client has left a write fails, and the backend's iterator is closed (P-STREAM-2).
        with closing(self.server.dispatcher.stream(method, request, context)) as replies:
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
        """The base class's way to say that a request is not what it can take."""
        if code == 501:  # noqa: PLR2004  # the base class knows no do_... for this HTTP method
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
    """The reply's bytes; a reply that is none of the contract's is a bug of the backend."""
    try:
        return codec.encode(reply)
    except Exception as error:
        raise as_rpc_error(error, context) from error


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)
