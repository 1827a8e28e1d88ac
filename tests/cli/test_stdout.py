"""What an operation prints arrives whole, or is an error; a signal ends it if nobody reads it."""

import fcntl
import os
import signal
import struct
import subprocess
import sys
import termios
import time
from concurrent.futures import ThreadPoolExecutor
from io import FileIO
from pathlib import Path

import pytest

from transportlab.channel import EndpointKind
from transportlab.cli.out import Whole
from transportlab.registry import transport_names

HANG_GUARD = 30.0
COMMAND = str(Path(sys.executable).with_name("transportlab"))
MANIFESTS = Path(__file__).resolve().parents[2] / "spec" / "manifests"
PROCESS = transport_names(EndpointKind.SOCKET, EndpointKind.STDIO)
PAGE = 4096
"""Bytes of the smallest pipe; what is printed here has several times as many."""


def plan(transport: str, *more: str) -> list[str]:
    large = str(MANIFESTS / "jobs-256.json")
    return [
        COMMAND,
        "plan",
        "--manifest",
        large,
        "--backend",
        "echo",
        "--transport",
        transport,
        "--handshake-timeout",
        "60",
        *more,
    ]


@pytest.mark.parametrize("more", [[], ["--json"]])
def test_a_file_that_takes_only_a_part_is_an_error(more: list[str], tmp_path: Path) -> None:
    # A Python with such a limit would cut the bytecode that it keeps: tests/processes.py.
    script = f'export PYTHONDONTWRITEBYTECODE=1; ulimit -f 16; exec "$@" > {tmp_path}/out'
    command = ["/bin/sh", "-c", script, "sh", *plan(PROCESS[0], *more)]
    done = subprocess.run(command, capture_output=True, check=False, text=True)
    told = "error: stdout cannot be written: file too large\n"
    assert (done.returncode, done.stderr) == (1, told)
    assert (tmp_path / "out").stat().st_size


@pytest.mark.traits(isolated=True)
@pytest.mark.parametrize("more", [[], ["--json"]])
def test_a_signal_ends_a_command_whose_output_nobody_reads(transport: str, more: list[str]) -> None:
    pipe = subprocess.PIPE
    with subprocess.Popen(
        plan(transport, *more), stdout=pipe, stderr=pipe, pipesize=PAGE
    ) as command:
        assert command.stdout is not None
        try:
            wait_until_full(command.stdout.fileno())
            command.send_signal(signal.SIGTERM)
            assert command.wait(HANG_GUARD) == 143
        finally:
            command.kill()


def wait_until_full(pipe: int) -> None:
    """Until no more comes: what is written next may be a little too long for what room is left."""
    before, end = 0, time.monotonic() + HANG_GUARD
    while not (now := waiting_in(pipe)) or now != before:
        assert time.monotonic() < end
        before = now
        time.sleep(0.2)


def waiting_in(pipe: int) -> int:
    """Bytes that wait to be read."""
    return int(struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, b"\0" * 4))[0])


def test_a_pipe_that_does_not_block_gets_all_of_it() -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    data = os.urandom(100 * PAGE)
    with (
        open(reader, "rb") as there,
        ThreadPoolExecutor(1) as others,
    ):
        read = others.submit(there.read)
        with FileIO(writer, "wb") as file:
            assert Whole(file).write(data) == len(data)
        assert read.result(HANG_GUARD) == data
