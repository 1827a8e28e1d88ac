"""Raw echoes, each with a child process at its other end: the least that a carriage can cost.

Here are those that need the operating system alone; what a transport's library has to offer stands
in that transport's floor.py, which builds on child(). Frames are four bytes of length and the
payload, and one call is on its way at a time.
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
"""Sends a payload and returns what came back."""

Started = Callable[[int], object]
"""Is told the pid of the child as soon as it runs, to place it on a CPU."""

STOP_SECONDS = 5.0
"""How long a child may take to end once its stdin has ended."""

CHUNK = 65536
_HEAD = struct.Struct(">I")


@contextmanager
def child(program: str, *arguments: str, started: Started) -> Iterator[subprocess.Popen[bytes]]:
    """A Python child that runs the program text; it has to end when its stdin does."""
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
    """The path of a Unix socket at which such a child listens.

    The child gets the path as its argument and writes a byte on stdout once it listens.
    """
    with (
        tempfile.TemporaryDirectory(prefix="tl-") as folder,
        child(program, path := str(Path(folder, "s")), started=started) as process,
    ):
        if process.stdout is None or not process.stdout.read(1):
            raise RuntimeError("the echo's process ended before it listened")
        yield path


@contextmanager
def pipe_echo(started: Started) -> Iterator[Echo]:
    """Over two pipes."""
    program = "from transportlab.floor import serve_pipe; serve_pipe()"
    with child(program, started=started) as process:
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("the echo has no pipes")
        reader, writer = process.stdout.fileno(), process.stdin.fileno()

        def echo(payload: bytes) -> bytes:
            _write_all(writer, _HEAD.pack(len(payload)) + payload)
            return _frame(lambda size: os.read(reader, size))[_HEAD.size :]

        yield echo


@contextmanager
def socket_echo(started: Started) -> Iterator[Echo]:
    """Over a Unix stream socket."""
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
    """One frame with its head. The head comes whole: both ends write it with what follows."""
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
