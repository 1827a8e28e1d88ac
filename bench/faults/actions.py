"""What a misbehaving plugin does, wherever it does it: to itself, to its wire, to the machine."""

import os
import signal
import socket
import stat
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

ENV_FAULT = "TL_FAULT"
ENV_GROUP = "TL_MEMORY_GROUP"
"""Directory of a memory control group that is small; empty where there can be none."""

LAST_WORDS = "boom: missing libfoo"
GARBAGE = b"~~ this is no answer ~~\r\n\r\n" * 10
"""No framing takes it for its own: as a frame of HTTP/2 it would be one of 8 MB, which none may be.
What begins like a smaller one is waited for, until the deadline."""

LIMIT = 256 << 20
"""Bytes that are taken until the kernel says no; the group has a fraction of it."""


def named(*names: str) -> bool:
    """Whether the fault of this process is one of these."""
    return os.environ.get(ENV_FAULT, "") in names


def hang() -> NoReturn:
    """Honour nothing."""
    while True:
        time.sleep(60)


def last_words(status: int) -> NoReturn:
    """A word on stderr, and the end."""
    os.write(2, f"{LAST_WORDS}\n".encode())
    os._exit(status)


def die(number: signal.Signals) -> NoReturn:
    """By a signal, which may take a moment to come."""
    os.kill(os.getpid(), number)
    hang()


def take_memory() -> NoReturn:
    """All there is. Without a control group RLIMIT_AS is the bound, and MemoryError its end."""
    group = os.environ.get(ENV_GROUP, "")
    if group:
        Path(group, "cgroup.procs").write_text(str(os.getpid()))
    else:
        import resource

        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + (LIMIT >> 3), resource.RLIM_INFINITY))
    taken = [bytearray(b"x" * (1 << 20)) for _ in range(LIMIT >> 20)]
    raise AssertionError(f"{len(taken)} MiB were to be had")


def wires() -> Iterator[int]:
    """The descriptors on which the host is reached: sockets, and the pipe that was stdout."""
    pipes: dict[int, list[int]] = {}
    for fd in map(int, os.listdir("/proc/self/fd")):
        try:
            found = os.fstat(fd)
        except OSError:  # the one of the listing
            continue
        if stat.S_ISSOCK(found.st_mode):
            yield fd
        elif stat.S_ISFIFO(found.st_mode):
            pipes.setdefault(found.st_ino, []).append(fd)
    kept = os.fstat(2).st_ino
    for inode, [fd, *more] in pipes.items():
        flags = Path(f"/proc/self/fdinfo/{fd}").read_text().split("flags:")[1].split()[0]
        if not more and inode != kept and int(flags, 8) & os.O_ACCMODE == os.O_WRONLY:
            yield fd


def close_wires() -> NoReturn:
    """The host sees the end of the connection, and of this process nothing."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for fd in list(wires()):
        if stat.S_ISSOCK(os.fstat(fd).st_mode):
            with socket.socket(fileno=os.dup(fd)) as wire:
                try:
                    wire.shutdown(socket.SHUT_RDWR)
                except OSError:  # one that listens
                    os.dup2(nothing, fd)
        else:
            os.dup2(nothing, fd)
    hang()


def answer_garbage() -> NoReturn:
    """On everything that leads to the host."""
    for fd in wires():
        try:
            os.write(fd, GARBAGE)
        except OSError:  # one that listens
            continue
    hang()


def leave_child(own_session: bool) -> None:
    """Another program, which keeps stderr."""
    subprocess.Popen(["sleep", "600"], stdin=subprocess.DEVNULL, start_new_session=own_session)


def die_with_heir() -> NoReturn:
    """A copy of this process keeps every descriptor that it has, the wire's among them."""
    if os.fork() == 0:
        hang()
    last_words(3)


def refuse_to_end(by_sigterm: bool) -> None:
    """The process does not exit, once it wants to."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL if by_sigterm else signal.SIG_IGN)
    hang()


def panic() -> NoReturn:
    """A bug."""
    raise RuntimeError("the fault was asked for")


def fill_disk(ballast: Path) -> None:
    """With a file, until nothing goes into it any more."""
    with open(ballast, "wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError:
            return
