"""Raw echoes to a child process: the least that a carriage can cost.

The echoes here use the operating system alone. Those that use a transport's library are in that
transport's floor.py, which builds on child(). A frame is four bytes of length and the payload. One
call is in flight at a time.
"""

import contextlib
import os
import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

Echo = Callable[[bytes], bytes]
"""Sends a payload, and returns what came back."""

Started = Callable[[int], object]
"""Called with the child's pid as soon as it runs, to place it on a CPU."""

STOP_SECONDS = 5.0
"""How long a child may take to exit after its stdin has ended."""

CHUNK = 65536
_HEAD = struct.Struct(">I")


@contextmanager
def child(program: str, *arguments: str, started: Started) -> Iterator[subprocess.Popen[bytes]]:
    """Run the program text in a Python child, which must exit at the end of its stdin."""
    command = [sys.executable, "-c", program, *arguments]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
    ) as process:
        try:
            started(process.pid)
            yield process
        finally:
            if process.stdin is not None:
                process.stdin.close()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


@contextmanager
def socket_child(program: str, started: Started) -> Iterator[str]:
    """Run such a child that listens on a Unix socket. Gives the socket's path.

    The child gets the path as its argument, and writes a byte to stdout once it listens.
    """
    with (
        tempfile.TemporaryDirectory(prefix="tl-") as folder,
        child(program, path := str(Path(folder, "s")), started=started) as process,
    ):
        if process.stdout is None or not process.stdout.read(1):
            raise RuntimeError("the echo process ended before it listened")
        yield path


@contextmanager
def pipe_echo(started: Started) -> Iterator[Echo]:
    """Give an echo over two pipes."""
    program = "from transportlab.floor import serve_pipe; serve_pipe()"
    with child(program, started=started) as process:
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("the echo process has no pipes")
        reader, writer = process.stdout.fileno(), process.stdin.fileno()

        def echo(payload: bytes) -> bytes:
            _write_all(writer, _HEAD.pack(len(payload)) + payload)
            return _frame(lambda size: os.read(reader, size))[_HEAD.size :]

        yield echo


@contextmanager
def socket_echo(started: Started) -> Iterator[Echo]:
    """Give an echo over a Unix stream socket."""
    program = "import sys; from transportlab.floor import serve_socket; serve_socket(sys.argv[1])"
    with socket_child(program, started) as path, socket.socket(socket.AF_UNIX) as peer:
        peer.connect(path)

        def echo(payload: bytes) -> bytes:
            peer.sendall(_HEAD.pack(len(payload)) + payload)
            return _frame(peer.recv)[_HEAD.size :]

        yield echo


def serve_pipe() -> None:
    """The child's side of pipe_echo."""
    with contextlib.suppress(EOFError):
        while True:
            _write_all(1, _frame(lambda size: os.read(0, size)))


def serve_socket(path: str) -> None:
    """The child's side of socket_echo."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(1)
        os.write(1, b"\n")
        with listener.accept()[0] as peer, contextlib.suppress(EOFError):
            while True:
                peer.sendall(_frame(peer.recv))


def _write_all(fd: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(fd, rest) :]


def _frame(read: Callable[[int], bytes]) -> bytes:
    """Read one frame with its head. Its head comes whole, as each frame is written at once."""
    data = read(CHUNK)
    if not data:
        raise EOFError
    size = _HEAD.unpack_from(data)[0] + _HEAD.size
    if len(data) == size:
        return data
    parts, left = [data], size - len(data)
    while left:
        part = read(min(left, 1 << 20))
        if not part:
            raise EOFError
        parts.append(part)
        left -= len(part)
    return b"".join(parts)
