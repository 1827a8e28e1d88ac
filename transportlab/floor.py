"""Raw echoes to a child process: the least that a carriage can cost.

The echoes here use the operating system alone. Those that use a transport's library are in that
transport's floor.py, which builds on child(). A frame is four bytes of length and the payload. One
call is in flight at a time.
"""

import contextlib
import fcntl
import os
import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

Echo = Callable[[bytes], bytes]
"""Sends a payload, and returns what came back."""

Started = Callable[[int], object]
"""Called with the child's pid as soon as it runs, to place it on a CPU."""

STOP_SECONDS = 5.0
"""How long a child may take to exit after its stdin has ended."""

PIPE_BYTES = 1 << 20
"""How much a pipe holds: the most that Linux gives everybody. 64 KiB, the usual size, makes both
sides wait for each other several times in a large payload."""

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
        writer = process.stdin.fileno()
        for pipe in (process.stdout, process.stdin):
            _widen(pipe.fileno())
        with open(process.stdout.fileno(), "rb", closefd=False) as reader:

            def echo(payload: bytes) -> bytes:
                _send(writer, payload)
                return _frame(reader)

            yield echo


@contextmanager
def socket_echo(started: Started) -> Iterator[Echo]:
    """Give an echo over a Unix stream socket."""
    program = "import sys; from transportlab.floor import serve_socket; serve_socket(sys.argv[1])"
    with socket_child(program, started) as path, socket.socket(socket.AF_UNIX) as peer:
        peer.connect(path)
        with open(peer.fileno(), "rb", closefd=False) as reader:

            def echo(payload: bytes) -> bytes:
                _send(peer.fileno(), payload)
                return _frame(reader)

            yield echo


def serve_pipe() -> None:
    """The child's side of pipe_echo."""
    _serve(0, 1)


def serve_socket(path: str) -> None:
    """The child's side of socket_echo."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(1)
        os.write(1, b"\n")
        with listener.accept()[0] as peer:
            _serve(peer.fileno(), peer.fileno())


def _serve(source: int, target: int) -> None:
    with open(source, "rb", closefd=False) as reader, contextlib.suppress(EOFError):
        while True:
            _send(target, _frame(reader))


def _widen(pipe: int) -> None:
    with contextlib.suppress(AttributeError, OSError):  # not on this platform, or not for this user
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)


def _send(fd: int, payload: bytes) -> None:
    """Write a frame, in one system call if it fits. The payload is not copied."""
    head = _HEAD.pack(len(payload))
    rest = memoryview(payload)[max(0, os.writev(fd, (head, payload)) - len(head)) :]
    while rest:
        rest = rest[os.write(fd, rest) :]


def _frame(reader: BinaryIO) -> bytes:
    """Read the payload of one frame. Raises EOFError at the end.

    The reader fills the result in its place; a read for each chunk would make an object of each.
    """
    head = reader.read(_HEAD.size)
    if len(head) < _HEAD.size:
        raise EOFError
    size = _HEAD.unpack(head)[0]
    payload = reader.read(size)
    if len(payload) < size:
        raise EOFError
    return payload
