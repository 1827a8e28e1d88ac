"""For benchmarks: a call by httpx alone, and bytes by the standard library's HTTP on both sides.

The first is what the lab's own layers are measured against, the second the floor of the carriage.
"""

import http.client
import os
import socket
import socketserver
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler

import httpx

from transportlab.codecs import Pair
from transportlab.floor import Echo, Started, socket_child
from transportlab.methods import AnyMethod
from transports.http.client import HttpChannel


def raw_call(
    channel: HttpChannel, method: AnyMethod, _request: object, pair: Pair
) -> Callable[[], object]:
    """A function that makes the call, on a connection of its own that goes when it does."""
    write, read = pair
    client = httpx.Client(transport=httpx.HTTPTransport(uds=channel.path), trust_env=False)
    url = f"http://localhost{method.path}"

    def call() -> object:
        return read(client.post(url, content=write(), headers=channel.headers).content)

    weakref.finalize(call, client.close)
    return call


@contextmanager
def floor(started: Started) -> Iterator[Echo]:
    """The least that HTTP/1.1 on a Unix socket can cost in Python's standard library."""
    program = "import sys; from transports.http.floor import serve; serve(sys.argv[1])"
    with socket_child(program, started) as path, socket.socket(socket.AF_UNIX) as peer:
        peer.connect(path)
        connection = http.client.HTTPConnection("localhost")
        connection.sock = peer

        def echo(payload: bytes) -> bytes:
            connection.request("POST", "/", payload)
            return connection.getresponse().read()

        yield echo


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one write

    def do_POST(self) -> None:
        """Send the body back."""
        size = int(self.headers["Content-Length"])
        self.send_response(200)
        self.send_header("Content-Length", str(size))
        self.end_headers()
        self.wfile.write(self.rfile.read(size))

    def log_message(self, *_: object) -> None:
        """Nothing: an echo has no log."""


def serve(path: str) -> None:
    """The child's side of floor(), until stdin ends."""
    with socketserver.UnixStreamServer(path, _Handler) as server:
        os.write(1, b"\n")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        sys.stdin.read()
        os._exit(0)  # the one connection is still open, and its thread waits on it
