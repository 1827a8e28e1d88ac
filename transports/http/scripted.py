"""The scripted plugin's side of HTTP: HTTP/1.1 on the socket, each connection in a thread.

transportlab/conformance/host/scripted.py loads it by its path; it imports nothing of this package.
"""

import json
import os
import socket
import threading
from typing import Any, BinaryIO

Message = dict[str, Any]
Head = dict[str, list[str]]

MEDIA = {"json": "application/json", "protobuf": "application/x-protobuf"}
STREAM = {"json": "application/x-ndjson", "protobuf": "application/x-protobuf-stream"}
STATUS = (499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401)
"""By the number of the code, from 1 (P-ERR-2)."""

PATH = "path"


class Call:
    """A call with its connection. A stream's response begins with its first event."""

    def __init__(self, plugin: Any, connection: socket.socket, head: Head, body: bytes) -> None:
        self.method = head[PATH][0].rpartition("/")[2]
        media = head.get("content-type", [""])[0]
        self._codec = "protobuf" if media == MEDIA["protobuf"] else "json"
        decode, self._encode = plugin.messages(self._codec)
        self.request = decode(self.method, "request", body)
        secrets = head.get("cronix-secret", [])
        timeout = head.get("cronix-timeout-us", [""])[0]
        self.facts = {
            "timeout_us": int(timeout) if timeout else None,
            "secret": plugin.judge(secrets),
            "path": head[PATH][0],
            "media": media,
            "cookie": head.get("cookie", [""])[0],
        }
        self._plugin, self._connection, self._begun = plugin, connection, False
        self.headers: list[str] = []

    def reply(self, message: Message) -> None:
        """Send the response."""
        self._answer(200, self._encode(self.method, "reply", message), MEDIA[self._codec])

    def reply_bytes(self, size: int | None) -> None:
        """Send a response whose body is no message."""
        wrong = b"5" if self._codec == "json" else b"\xff\xff\xff"
        self._answer(200, wrong if size is None else b"x" * size, MEDIA[self._codec])

    def _answer(self, status: int, body: bytes, media: str) -> None:
        head = "\r\n".join(
            [f"HTTP/1.1 {status} Answer", *self.headers, f"Content-Type: {media}\r\n"]
        )
        self.raw(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)

    def _chunk(self, name: str, value: Message) -> None:
        if not self._begun:
            head = f"HTTP/1.1 200 OK\r\nContent-Type: {STREAM[self._codec]}\r\n"
            self.raw(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
        self._begun = True
        if self._codec == "json":
            data = json.dumps({name: value}).encode() + b"\n"
        else:
            what = "reply" if name == "event" else name
            data = self._encode(self.method, what, value)
            data = bytes([name == "status"]) + len(data).to_bytes(4, "big") + data
        self.raw(b"%x\r\n%s\r\n" % (len(data), data))

    def event(self, message: Message) -> None:
        """Send an event."""
        self._chunk("event", message)

    def end(self) -> None:
        """End the stream well."""
        self._chunk("status", {"code": 0})
        self.raw(b"0\r\n\r\n")

    def error(self, code: str, message: str, details: Message) -> None:
        """Send an error: at the end of a stream that has begun, else a problem document."""
        number = self._plugin.number_of(code)
        if self._begun:
            self._chunk("status", {"code": number, "message": message, "details": details})
            self.raw(b"0\r\n\r\n")
            return
        status = STATUS[number - 1] if number <= len(STATUS) else 500
        problem = {
            "type": f"urn:cronix:code:{code}",
            "title": code,
            "status": status,
            "detail": message,
            "code": code,
            "details": details,
        }
        self._answer(status, json.dumps(problem).encode(), "application/problem+json")

    def raw(self, data: bytes) -> None:
        """Write these bytes."""
        self._connection.sendall(data)

    def cut(self) -> None:
        """End the connection."""
        self._connection.shutdown(socket.SHUT_RDWR)


def serve(plugin: Any) -> None:
    """Listen, and answer until stdin ends."""
    listener = socket.socket(socket.AF_UNIX)
    os.umask(0o177)
    listener.bind(plugin.socket)
    plugin.moment("bound")  # who listens is who it is from here on
    listener.listen(16)

    def accept() -> None:
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=_answer, args=(plugin, connection), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    plugin.ready()
    plugin.drain()


def _answer(plugin: Any, connection: socket.socket) -> None:
    """Answer the calls of one connection, one after the other."""
    try:
        with connection.makefile("rb") as lines:
            while head := _read_head(lines):
                body = _read_body(lines, head, connection)
                plugin.call(Call(plugin, connection, head, body))
    except OSError as error:
        plugin.note("connection-failed", problem=str(error))
    finally:
        connection.close()


def _read_head(lines: BinaryIO) -> Head:
    """The headers of a request, their names in lower case; empty at the end."""
    words = lines.readline().split()
    if not words:
        return {}
    head: Head = {PATH: [words[1].decode()]}
    while line := lines.readline().strip():
        name, _, value = line.decode("latin-1").partition(":")
        head.setdefault(name.lower(), []).append(value.strip())
    return head


def _read_body(lines: BinaryIO, head: Head, connection: socket.socket) -> bytes:
    if "expect" in head:
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    if "transfer-encoding" not in head:
        return lines.read(int(head.get("content-length", ["0"])[0]))
    body = b""
    while size := int(lines.readline().split(b";")[0], 16):
        body += lines.read(size)
        lines.readline()
    lines.readline()
    return body
