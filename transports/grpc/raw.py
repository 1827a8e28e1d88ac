"""Raw gRPC for conformance vectors: HTTP/2 by the library h2, and the rest by hand (P-GRPC).

A message is one whole answer: its headers, messages and trailers. A name in a vector stands for a
stream, and what is before its "/" for the connection.

A frame of a vector's has these members:

    path       of a new stream; `headers` are put over the usual ones, of which `omit` are left out,
               and `more` come behind; then `kib` KiB of metadata that says nothing
    message    a message in hex, behind its five bytes, of which `length` may be another one
    text       the same, in UTF-8
    data       bytes in hex, as they are
    end        whether this side of the stream ends; true unless said
    reset      resets the stream
    ping       sends a PING, whose answer is a message
"""

import base64
import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import unquote_to_bytes

import msgspec

from transportlab.channel import SocketEndpoint
from transportlab.codecs import DecodeError, load_codec
from transportlab.data import SPEC
from transportlab.errors import Code
from transportlab.methods import SERVICE
from transportlab.model import Status
from transportlab.raw import Carriage, Closed, Garbled, RawWire, check_size
from transports.grpc.wire import CODEC_KEY, SECRET_KEY, STATUS_KEY

VECTORS = SPEC / "conformance" / "grpc"

REQUIRES = ("h2",)

MESSAGE_HEAD = 5

FRAME_BYTES = 16384
"""What any peer takes in one frame of HTTP/2."""


class _Answer:
    """What has come on one stream until now."""

    def __init__(self, codec: str) -> None:
        self.codec = codec
        self.headers: dict[str, str] = {}
        self.trailers: dict[str, str] = {}
        self.data = bytearray()
        self.reset: int | None = None
        self.ended = False

    def plain(self) -> dict[str, Any]:
        """The whole answer, as a vector sees it.

        code, text: grpc-status, by its name, and grpc-message. raw: the latter as it came.
        status: what cronix-status-bin holds. messages: in hex; texts: their JSON, if they are it.
        """
        trailers = self.trailers or self.headers
        found: dict[str, Any] = {"headers": self.headers, "trailers": trailers}
        found["messages"] = _messages(memoryview(self.data))
        if self.codec == "json":
            found["texts"] = [json.loads(bytes.fromhex(each)) for each in found["messages"]]
        if self.reset is not None:
            found["reset"] = self.reset
        number = trailers.get("grpc-status")
        if number is None:
            return found
        found["code"] = "OK" if number == "0" else _name(number)
        text = trailers.get("grpc-message", "")
        found |= {"text": unquote_to_bytes(text).decode("utf-8", "replace"), "raw": text}
        if STATUS_KEY in trailers:
            found["status"] = self._status(trailers[STATUS_KEY])
        return found

    def _status(self, text: str) -> Any:
        data = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
        try:
            status = load_codec(self.codec).decode(Status, data)
        except DecodeError as error:
            raise Garbled(f"{STATUS_KEY} is no Status in {self.codec}: {error}") from error
        return msgspec.to_builtins(status) | {"code": _name(str(int(status.code)))}


class Wire(RawWire):
    """Connections to the plugin's socket, each with h2's state of it."""

    def __init__(self, endpoint: Any) -> None:
        super().__init__(endpoint)
        self._connections: dict[str, Any] = {}
        self._numbers: dict[str, int] = {}
        self._answers: dict[tuple[str, int], _Answer] = {}
        self._pongs: dict[str, int] = {}

    def words(self) -> Mapping[str, str]:
        """See RawWire.words."""
        secret = self.endpoint.secret if isinstance(self.endpoint, SocketEndpoint) else ""
        return {"service": f"/{SERVICE}", "secret": secret}

    def carriage(self, name: str) -> Carriage:
        """See RawWire.carriage. Several streams are on one connection."""
        return super().carriage(name.partition("/")[0])

    def frame(self, name: str, form: Mapping[str, Any], end: float) -> None:
        """See RawWire.frame, and the module."""
        from h2.exceptions import StreamClosedError

        connection = self._connection(name)
        if form.get("ping"):
            connection.ping(b"cronix!!")
            self.carriage(name).write(connection.data_to_send(), end)
            return
        data = _payload(form)
        last = form.get("end", True) and "reset" not in form
        if "path" in form:
            self._begin(name, form, end=last and data is None)
        number = self._numbers[name]
        with suppress(StreamClosedError):  # the plugin has answered before all was sent
            if data is not None:
                while len(data) > FRAME_BYTES:
                    connection.send_data(number, data[:FRAME_BYTES])
                    data = data[FRAME_BYTES:]
                connection.send_data(number, data, end_stream=last)
            if "reset" in form:
                connection.reset_stream(number, form["reset"])
        self.carriage(name).write(connection.data_to_send(), end)

    def _begin(self, name: str, form: Mapping[str, Any], *, end: bool) -> None:
        connection = self._connection(name)
        headers = {
            ":method": "POST",
            ":scheme": "http",
            ":path": form["path"],
            ":authority": "localhost",
            "te": "trailers",
            "content-type": "application/grpc",
            SECRET_KEY: self.words()["secret"],
            **form.get("headers", {}),
        }
        pairs = [(k, v) for k, v in headers.items() if k not in form.get("omit", ())]
        pairs += [(key, value) for key, value in form.get("more", ())]
        pairs += [(f"x-{number}", "x" * 1024) for number in range(form.get("kib", 0))]
        number = self._numbers[name] = connection.get_next_available_stream_id()
        codec = "json" if headers.get(CODEC_KEY) == "json" else "protobuf"
        self._answers[name.partition("/")[0], number] = _Answer(codec)
        connection.send_headers(number, pairs, end_stream=end)

    def _connection(self, name: str) -> Any:
        from h2.config import H2Configuration
        from h2.connection import H2Connection

        key = name.partition("/")[0]
        if key not in self._connections:
            config = H2Configuration(
                client_side=True,
                header_encoding="latin-1",
                validate_outbound_headers=False,
                normalize_outbound_headers=False,
            )
            self._connections[key] = connection = H2Connection(config)
            connection.initiate_connection()
            connection.increment_flow_control_window(2**30)
        return self._connections[key]

    def message(self, name: str, end: float) -> Any:
        """See RawWire.message: the answer on the stream of that name, once it is whole."""
        key = name.partition("/")[0]
        if key not in self._connections:  # only bytes were sent: what counts is their end
            carriage = self.carriage(name)
            while True:
                carriage.take(len(carriage.unread))
                carriage.fill(end)
        stream = key, self._numbers.get(name, 0)
        while True:
            if self._pongs.get(key):
                self._pongs[key] -= 1
                return {"ping": True}
            answer = self._answers.get(stream)
            if answer is not None and answer.ended:
                return self._answers.pop(stream).plain()
            self._pump(key, end)

    def _pump(self, key: str, end: float) -> None:
        carriage, connection = self.carriage(key), self._connections[key]
        if not carriage.unread:
            carriage.fill(end)
        from h2 import events
        from h2.exceptions import ProtocolError

        try:
            found = connection.receive_data(carriage.take(len(carriage.unread)))
        except ProtocolError as error:
            raise Garbled(f"no HTTP/2: {error}") from error
        for event in found:
            self._take(key, event, events)
        carriage.write(connection.data_to_send(), end)

    def _take(self, key: str, event: Any, events: Any) -> None:
        if isinstance(event, events.PingAckReceived):
            self._pongs[key] = self._pongs.get(key, 0) + 1
        if isinstance(event, events.ConnectionTerminated):
            raise Closed
        answer = self._answers.get((key, getattr(event, "stream_id", None) or 0))
        if answer is None:
            return
        if isinstance(event, events.ResponseReceived):
            answer.headers = _texts(event.headers)
        elif isinstance(event, events.TrailersReceived):
            answer.trailers = _texts(event.headers)
        elif isinstance(event, events.DataReceived):
            answer.data += event.data
            check_size(len(answer.data))
            self._connections[key].acknowledge_received_data(
                event.flow_controlled_length, event.stream_id
            )
        elif isinstance(event, events.StreamReset) and not answer.ended:
            answer.reset, answer.ended = int(event.error_code), True
        elif isinstance(event, events.StreamEnded):
            answer.ended = True

    def left(self) -> bytes:
        """See RawWire.left. HTTP/2 always has something to say, such as WINDOW_UPDATE."""
        return b""

    def drop(self, name: str) -> None:
        """See RawWire.drop."""
        key = name.partition("/")[0]
        self._connections.pop(key, None)
        super().drop(key)


def _payload(form: Mapping[str, Any]) -> bytes | None:
    if "data" in form:
        return bytes.fromhex(form["data"])
    if "message" not in form and "text" not in form:
        return None
    body = form["text"].encode() if "text" in form else bytes.fromhex(form["message"])
    length: int = form.get("length", len(body))
    return b"\0" + length.to_bytes(MESSAGE_HEAD - 1, "big") + body


def _messages(data: memoryview) -> list[str]:
    found = []
    while data:
        size = MESSAGE_HEAD + int.from_bytes(data[1:MESSAGE_HEAD], "big")
        if data[0] != 0 or len(data) < size:
            raise Garbled(f"a message is compressed or cut: {bytes(data[:16])!r}")
        found.append(data[MESSAGE_HEAD:size].hex())
        data = data[size:]
    return found


def _texts(headers: Any) -> dict[str, str]:
    return {_text(name): _text(value) for name, value in headers}


def _text(part: Any) -> str:
    return part.decode("latin-1") if isinstance(part, bytes) else str(part)


def _name(number: str) -> str:
    known = {str(int(code)): code.name for code in Code}
    return known.get(number, number)
