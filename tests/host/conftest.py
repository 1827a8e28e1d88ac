"""Real plugins that misbehave, written to files and started by the host."""

import contextlib
import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from transportlab.errors import PluginError
from transportlab.host import HostOptions, open_backend
from transportlab.host.process import PluginProcess
from transportlab.host.trust import Admitted, admit
from transportlab.manifest.pin import PluginPin

Make = Callable[[str], str]
Unprivileged = Callable[[], contextlib.AbstractContextManager[None]]

NOBODY = 65534


@pytest.fixture
def plugin(tmp_path: Path) -> Make:
    """plugin(script) makes a plugin of a shell script; gives its path."""

    def make(script: str) -> str:
        path = tmp_path / "cronix-backend-bad"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return str(path)

    return make


ECHO = """
import json, os, signal, sys, time
from transportlab.sdk import program as sdk
from transportlab.backends.echo import PLUGIN
"""


@pytest.fixture
def echo_with(tmp_path: Path) -> Make:
    """echo_with(code) makes an echo plugin that runs the Python code first; gives its path."""

    def make(code: str) -> str:
        path = tmp_path / "cronix-backend-odd"
        path.write_text(f"#!{sys.executable}\n{ECHO}{code}\nsdk.run(PLUGIN)\n")
        path.chmod(0o755)
        return str(path)

    return make


@pytest.fixture
def refusal() -> Callable[..., PluginError]:
    """refusal(path, transport, ...) opens a plugin, with options, and gives the error."""

    def opened(path: str, transport: str, **options: Any) -> PluginError:
        with pytest.raises(PluginError) as caught:
            open_backend(path, transport, HostOptions(**{"stop": 2.0, **options}))
        return caught.value

    return opened


@pytest.fixture(scope="session")
def programs() -> tuple[bytes, bytes]:
    """Two ELF programs that are everywhere; the first says `right` when it is told to."""
    shell, other = (
        os.path.realpath(shutil.which(name) or f"/bin/{name}") for name in ("sh", "false")
    )
    return Path(shell).read_bytes(), Path(other).read_bytes()


@pytest.fixture
def put(tmp_path: Path) -> Callable[..., Path]:
    """put(content, name) writes the file of a plugin that says `right`, unless given; its path."""

    def write(
        content: str | bytes = "#!/bin/sh\necho right\n", name: str = "cronix-backend-demo"
    ) -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        path.chmod(0o755)
        return path

    return write


@pytest.fixture
def undo() -> Iterator[contextlib.ExitStack]:
    """What a session is to its plugin: it frees what that has taken."""
    with contextlib.ExitStack() as stack:
        yield stack


@pytest.fixture
def pinned(undo: contextlib.ExitStack) -> Callable[..., Admitted]:
    """pinned(path) admits the demo plugin, pinned to what its file is now."""

    def take(path: Path, *, library: bool = False) -> Admitted:
        pins = {"demo": PluginPin((hashlib.sha256(path.read_bytes()).hexdigest(),))}
        return admit("demo", str(path), pins, undo, library=library)

    return take


@pytest.fixture
def refused() -> Callable[..., PluginError]:
    """refused(path, transport, name=sum) starts it pinned to that sum, and gives the error."""

    def opened(path: str | Path, transport: str, **sums: str) -> PluginError:
        pins = {name: PluginPin((sha256,)) for name, sha256 in sums.items()}
        with pytest.raises(PluginError) as caught:
            open_backend(str(path), transport, HostOptions(pins=pins))
        return caught.value

    return opened


@pytest.fixture
def said() -> Callable[..., bytes]:
    """said(admitted, ...) starts it as the host does, with arguments, and gives what it prints."""

    def started(admitted: Admitted, *words: str) -> bytes:
        process = PluginProcess(
            "demo",
            [admitted.path, *words],
            os.environ,
            file=admitted.file,
            inherited=() if admitted.memory is None else (admitted.memory,),
        )
        try:
            return process.stdout.read(5)
        finally:
            process.stop(2.0)

    return started


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder that every user can reach, as tmp_path is not."""
    folder = Path(tempfile.mkdtemp(prefix="tl-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    for path, names, _ in os.walk(folder):
        for name in names:
            if not (inner := Path(path, name)).is_symlink():
                inner.chmod(0o755)  # before the walk goes in
    shutil.rmtree(folder)


@pytest.fixture
def unprivileged() -> Unprivileged:
    """with unprivileged(): this process without root's rights, if it has them."""

    @contextlib.contextmanager
    def dropped() -> Iterator[None]:
        root = os.geteuid() == 0
        try:
            if root:
                os.seteuid(NOBODY)
            yield
        finally:
            if root:
                os.seteuid(0)

    return dropped
