"""The command line as a user runs it, in this process: its arguments, output and exit code.

Most of the time of a command is the start of its process. So run() calls the installed command's
own entry point here, with the descriptors 0, 1 and 2 and the environment that a process would have.
"""

import gc
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, TextIO, cast

import pytest
from msgspec import Struct

from transportlab.__main__ import main
from transportlab.cli.process import ENDING

COMMAND = Path(sys.executable).with_name("transportlab")

PATIENCE = ("--handshake-timeout", "60")
"""So that how busy the machine is decides no test: see tests/conftest.py."""

STARTING = {
    "read", "plan", "apply", "drift", "prune", "adopt", "verify-ownership", "list", "diagnose",
}  # fmt: skip
"""The commands that have the option --handshake-timeout."""

HANG_GUARD = 30.0


def namespace() -> list[str]:
    """The command that gives a process a mount namespace; skips where nobody may have one."""
    found = shutil.which("unshare")
    wanted = [found or "unshare", "--user", "--map-root-user", "--mount"]
    allowed = (
        found and not subprocess.run([*wanted, "true"], capture_output=True, check=False).returncode
    )
    if not allowed:
        pytest.skip("not run: this machine gives no mount namespace")
    return wanted


class Done(Struct):
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str

    @property
    def output(self) -> str:
        """All that it printed."""
        return self.out + self.err

    @property
    def json(self) -> Any:
        """The one object that --json prints."""
        assert self.out.count("\n") == 1, "one object on one line"
        return json.loads(self.out)


Run = Callable[..., Done]


def patient(*arguments: str) -> list[str]:
    """The arguments with PATIENCE, unless they bound the handshake or cannot."""
    words = [word for word in arguments[:2] if word != "plugins"]
    can = bool(words) and words[0] in STARTING and "--help" not in arguments
    return [*arguments, *(PATIENCE if can and PATIENCE[0] not in arguments else ())]


@pytest.fixture
def run() -> Run:
    """run(argument, ..., NAME=value) runs the command with these variables besides its own."""

    def command(*arguments: str, **environment: str) -> Done:
        return in_process(patient(*arguments), {"NO_COLOR": "1", **environment})

    return command


def in_process(arguments: list[str], environment: dict[str, str]) -> Done:
    """Run the command here. Nothing may be left of it but its output."""
    threads, files = set(threading.enumerate()), open_files()
    with ExitStack() as stack:
        out, err = (stack.enter_context(TemporaryFile()) for _ in range(2))
        with as_a_process(out.fileno(), err.fileno()), pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "argv", [str(COMMAND), *arguments])
            for name, value in environment.items():
                patch.setenv(name, value)
            with pytest.raises(SystemExit) as end:
                main()
            if isinstance(end.value.code, str):
                print(end.value.code, file=sys.stderr)
        for file in (out, err):
            file.seek(0)
        told = [file.read().decode() for file in (out, err)]
    for thread in set(threading.enumerate()) - threads:
        thread.join(HANG_GUARD)
        assert not thread.is_alive()
    if not open_files() <= files:
        gc.collect()
        assert open_files() <= files
    return Done(end.value.code if isinstance(end.value.code, int) else 1, *told)


def open_files() -> set[tuple[str, str]]:
    """This process's descriptors and what they are, without gRPC's own and matplotlib's fonts."""
    found = set()
    for name in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{name}")
        except OSError:  # that of the listing itself
            continue
        if not target.startswith("anon_inode:") and not target.endswith(".ttf"):
            found.add((name, target))
    return found


@contextmanager
def as_a_process(out: int, err: int) -> Iterator[None]:
    """Descriptors, streams and signals as a process has them that is no terminal's."""
    before = {number: signal.getsignal(number) for number in (*ENDING, signal.SIGCHLD)}
    with ExitStack() as stack:
        for number, handler in before.items():
            stack.callback(signal.signal, number, handler)
        nothing = os.open(os.devnull, os.O_RDONLY)
        stack.callback(os.close, nothing)
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        for descriptor, target in enumerate((nothing, out, err)):
            kept = os.dup(descriptor)
            stack.callback(os.close, kept)
            stack.callback(os.dup2, kept, descriptor)
            os.dup2(target, descriptor)
        with pytest.MonkeyPatch.context() as patch:
            for name, stream in streams(stack).items():
                patch.setattr(sys, name, stream)
            yield


def streams(stack: ExitStack) -> dict[str, TextIO]:
    """Python's streams on 0, 1 and 2 as its start makes them."""

    def opened(descriptor: int, mode: str, **options: Any) -> TextIO:
        file = open(descriptor, mode, encoding="utf-8", closefd=False, **options)  # noqa: SIM115  # the stack closes it
        return stack.enter_context(cast("TextIO", file))

    return {
        "stdin": opened(0, "r"),
        "stdout": opened(1, "w"),
        "stderr": opened(2, "w", buffering=1, errors="backslashreplace"),
    }


@pytest.fixture
def process() -> Callable[..., "subprocess.Popen[bytes]"]:
    """process(argument, ..., NAME=value) starts the command as a process, its output in pipes.

    For signals, and for streams that are closed, full, or not read.
    """

    def command(*arguments: str, **environment: str) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [COMMAND, *patient(*arguments)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **environment},
        )

    return command
