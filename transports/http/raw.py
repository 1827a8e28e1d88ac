"""Raw HTTP/1.1 for conformance vectors: a message is a response, read strictly (P-HTTP).

It is a reader of its own, and a small one: a library would forgive what a vector asks about.
"""

import json
from collections.abc import Mapping
from typing import Any

from transportlab.channel import SocketEndpoint
from transportlab.data import SPEC
from transportlab.methods import SERVICE
from transportlab.raw import Carriage, Closed, Garbled, RawWire, check_size
from transports.http.wire import FRAME_HEAD, FRAMINGS, PROBLEM_TYPE, SECRET_HEADER, media_type

VECTORS = SPEC / "conformance" / "http"

REQUIRES: tuple[str, ...] = ()

SHOWN = 200
NO_BODY = (204, 304)
INFORMATIONAL = 200  # statuses below it


class Wire(RawWire):
    """Connections to the plugin's socket."""

    def words(self) -> Mapping[str, str]:
        """See RawWire.words: the usual lines of a head, and where the RPCs are."""
        secret = self.endpoint.secret if isinstance(self.endpoint, SocketEndpoint) else ""
        return {
            "service": f"/{SERVICE}",
            "secret": f"{SECRET_HEADER}: {secret}",
            "digits": secret,
            "json": "Content-Type: application/json",
            "protobuf": "Content-Type: application/x-protobuf",
            "chunked": "Transfer-Encoding: chunked",
        }

    def head(self, lines: list[str], length: int) -> bytes:
        """See RawWire.head. {length} in a line is the Content-Length of what follows the head."""
        told = [line.replace("{length}", f"Content-Length: {length}") for line in lines]
        return "".join(f"{line}\r\n" for line in [*told, ""]).encode("utf-8")

    def message(self, name: str, end: float) -> Any:
        """See RawWire.message: version, status, headers and body, as the module says.

        headers: by their name in lower case. body: as text. json: its value, if it is one. lines:
        of a JSON stream. frames: of a protobuf stream, each the kind and the message in hex. hex:
        of any other body.
        """
        carriage = self.carriage(name)
        version, status, headers = _head(carriage, end)
        found: dict[str, Any] = {"version": version, "status": status, "headers": headers}
        if status < INFORMATIONAL or status in NO_BODY:
            return found
        data = _body(carriage, headers, end)
        return found | _content(media_type(headers.get("content-type", "")), data)


def _head(carriage: Carriage, end: float) -> tuple[str, int, dict[str, str]]:
    first, *lines = carriage.line(end, b"\r\n\r\n").decode("latin-1").split("\r\n")
    version, _, rest = first.partition(" ")
    digits, _, _ = rest.partition(" ")
    if version not in ("HTTP/1.1", "HTTP/1.0") or not (digits.isdigit() and len(digits) == 3):  # noqa: PLR2004  # RFC 9112, 4
        raise Garbled(f"not a status line: {first[:SHOWN]!r}")
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip():
            raise Garbled(f"not a header: {line[:SHOWN]!r}")
        key = name.lower()
        if key in headers and key in ("content-length", "transfer-encoding", "content-type"):
            raise Garbled(f"{name} stands twice")
        headers[key] = value.strip()
    return version, int(digits), headers


def _body(carriage: Carriage, headers: Mapping[str, str], end: float) -> bytes:
    length, coding = headers.get("content-length"), headers.get("transfer-encoding")
    if length is coding is None and "close" in headers.get("connection", ""):
        return _rest(carriage, end)
    if (length is None) is (coding is None):
        raise Garbled(f"Content-Length {length} and Transfer-Encoding {coding} (P-HTTP-6)")
    try:
        if length is not None:
            return carriage.exactly(int(length), end)
        return _chunks(carriage, end)
    except Closed:
        raise Garbled(f"the connection ended within a body: {carriage.unread[:SHOWN]!r}") from None


def _rest(carriage: Carriage, end: float) -> bytes:
    """A body without a length, up to the end of the connection: a library's refusal (P-HTTP-5)."""
    while True:
        try:
            carriage.fill(end)
        except Closed:
            return carriage.take(len(carriage.unread))


def _chunks(carriage: Carriage, end: float) -> bytes:
    data = bytearray()
    while size := _size(carriage.line(end, b"\r\n")):
        data += carriage.exactly(size, end)
        check_size(len(data))
        if carriage.exactly(2, end) != b"\r\n":
            raise Garbled("a chunk is longer than it says")
    while carriage.line(end, b"\r\n"):
        pass  # trailers
    return bytes(data)


def _size(line: bytes) -> int:
    try:
        return int(line.partition(b";")[0], 16)
    except ValueError:
        raise Garbled(f"not the size of a chunk: {line[:SHOWN]!r}") from None


def _content(kind: str, data: bytes) -> dict[str, Any]:
    try:
        if kind in ("application/json", PROBLEM_TYPE):
            return {"json": json.loads(data.decode())}
        if kind == FRAMINGS["json"].content_type:
            if data and not data.endswith(b"\n"):
                raise Garbled(f"the last line has no end: {data[-SHOWN:]!r}")
            return {"lines": [json.loads(line) for line in data.decode().splitlines()]}
    except ValueError as error:
        raise Garbled(f"a body is no JSON: {error}: {data[:SHOWN]!r}") from error
    if kind == FRAMINGS["protobuf"].content_type:
        return {"frames": _frames(memoryview(data))}
    return {"hex": data.hex(), "body": data[:SHOWN].decode("latin-1")}


def _frames(data: memoryview) -> list[list[Any]]:
    frames = []
    while data:
        size = FRAME_HEAD + int.from_bytes(data[1:FRAME_HEAD], "big")
        if len(data) < size:
            raise Garbled(f"a frame is shorter than it says: {bytes(data[:SHOWN])!r}")
        frames.append([data[0], data[FRAME_HEAD:size].hex()])
        data = data[size:]
    return frames
