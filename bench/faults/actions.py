"""What a misbehaving plugin can do: to itself, to its wire, to the machine."""

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
"""The directory of a small memory control group; empty if there can be none."""

LAST_WORDS = "boom: missing libfoo"
GARBAGE = b"~~ this is no answer ~~\r\n\r\n" * 10
"""Bytes that no framing accepts. Read as HTTP/2 they announce a frame of 8 MB, which is too long. A
shorter one would be waited for until the deadline."""

LIMIT = 256 << 20
"""How many bytes take_memory() takes at most. The group has a fraction of it."""


def named(*names: str) -> bool:
    """Return whether the fault of this process is one of these."""
    return os.environ.get(ENV_FAULT, "") in names


def hang() -> NoReturn:
    """Do nothing, for ever."""
    while True:
        time.sleep(60)


def last_words(status: int) -> NoReturn:
    """Write LAST_WORDS to stderr and exit."""
    os.write(2, f"{LAST_WORDS}\n".encode())
    os._exit(status)


def die(number: signal.Signals) -> NoReturn:
    """Send this process a signal, and wait for it."""
    os.kill(os.getpid(), number)
    hang()


def take_memory() -> NoReturn:
    """Take memory until the kernel kills. Without a group, RLIMIT_AS makes it a MemoryError."""
    group = os.environ.get(ENV_GROUP, "")
    if group:
        Path(group, "cgroup.procs").write_text(str(os.getpid()))
    else:
        import resource

        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + (LIMIT >> 3), resource.RLIM_INFINITY))
    taken = [bytearray(b"x" * (1 << 20)) for _ in range(LIMIT >> 20)]
    raise AssertionError(f"{len(taken)} MiB could be taken")


def wires() -> Iterator[int]:
    """Yield the descriptors that lead to the host: sockets, and the pipe that was stdout."""
    pipes: dict[int, list[int]] = {}
    for fd in map(int, os.listdir("/proc/self/fd")):
        try:
            found = os.fstat(fd)
        except OSError:  # the descriptor of the listing itself
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
    """Close every connection to the host, and go on running."""
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
    """Write GARBAGE on everything that leads to the host."""
    for fd in wires():
        try:
            os.write(fd, GARBAGE)
        except OSError:  # one that listens
            continue
    hang()


def leave_child(own_session: bool) -> None:
    """Start another program that keeps stderr open."""
    subprocess.Popen(["sleep", "600"], stdin=subprocess.DEVNULL, start_new_session=own_session)


def die_with_heir() -> NoReturn:
    """Exit, but leave a copy of this process that keeps every descriptor, also the wire's."""
    if os.fork() == 0:
        hang()
    last_words(3)


def refuse_to_end(by_sigterm: bool) -> None:
    """Hang when the process wants to exit."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL if by_sigterm else signal.SIG_IGN)
    hang()


def panic() -> NoReturn:
    """Raise what a bug would raise."""
    raise RuntimeError("the fault was asked for")


def fill_disk(ballast: Path) -> None:
    """Write to a file until the disk is full."""
    with open(ballast, "wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError:
            return
