"""A transport's plugin side in a thread of the test's process; libraries made by the C compiler."""

import os
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from transportlab.backend import Backend
from transportlab.channel import Channel, SocketEndpoint, StdioEndpoint
from transportlab.registry import load_transport

HANG_GUARD = 30.0
"""Seconds after which a wait is taken for a hang."""


class ThreadLife:
    """The life of a plugin that a test ends."""

    def __init__(self) -> None:
        self.up = threading.Event()
        self._down = threading.Event()

    def ready(self) -> None:
        self.up.set()

    def wait(self) -> None:
        self._down.wait()

    def stop(self) -> None:
        self._down.set()


Serving = Callable[[str, Backend, str], Callable[[], None]]


@pytest.fixture
def socket_path() -> Iterator[str]:
    """A path for a socket, short enough, in a directory of its own."""
    folder = Path(tempfile.mkdtemp(prefix="tl-"))
    yield str(folder / "s")
    # A plugin process removes it itself, together with its socket.
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def serve_http(socket_path: str) -> Iterator[Serving]:
    """serve_http(path, backend, codec) serves until the test ends or the result is called."""
    with ExitStack() as stack:

        def begin(path: str, backend: Backend, codec: str) -> Callable[[], None]:
            one = ExitStack()
            one.enter_context(_serving(path, backend, codec))
            stack.callback(one.close)
            return one.close

        yield begin


@contextmanager
def _serving(path: str, backend: Backend, codec: str) -> Iterator[None]:
    life, failures = ThreadLife(), list[Exception]()

    def run() -> None:
        try:
            endpoint = SocketEndpoint(path)
            load_transport("http").serve(backend, endpoint, codec=codec, life=life)
        except Exception as error:
            failures.append(error)
            life.up.set()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert life.up.wait(HANG_GUARD)
        assert not failures, failures
        yield
    finally:
        life.stop()
        thread.join(HANG_GUARD)
        assert not thread.is_alive()
        Path(path).unlink(missing_ok=True)


@pytest.fixture
def pipes() -> Iterator[tuple[StdioEndpoint, StdioEndpoint]]:
    """Both ends of two pipes: the host's endpoint and the plugin's."""
    from_host, to_plugin = os.pipe()
    from_plugin, to_host = os.pipe()
    with (
        open(from_plugin, "rb", buffering=0) as host_reader,
        open(to_plugin, "wb", buffering=0) as host_writer,
        open(from_host, "rb", buffering=0) as plugin_reader,
        open(to_host, "wb", buffering=0) as plugin_writer,
    ):
        yield StdioEndpoint(host_reader, host_writer), StdioEndpoint(plugin_reader, plugin_writer)


StdioServing = Callable[[Backend], tuple[StdioEndpoint, ThreadLife, threading.Thread]]


@pytest.fixture
def serve_stdio(pipes: tuple[StdioEndpoint, StdioEndpoint]) -> Iterator[StdioServing]:
    """serve_stdio(backend) serves JSON-RPC: the host's endpoint, the life, and its thread."""
    host, plugin = pipes
    with ExitStack() as stack:

        def begin(backend: Backend) -> tuple[StdioEndpoint, ThreadLife, threading.Thread]:
            life, transport = ThreadLife(), load_transport("jsonrpc")
            thread = threading.Thread(
                target=lambda: transport.serve(backend, plugin, codec="json", life=life)
            )
            thread.start()
            stack.callback(thread.join, HANG_GUARD)
            stack.callback(life.stop)
            assert life.up.wait(HANG_GUARD)
            return host, life, thread

        yield begin


FFI_SOURCES = Path(__file__).parents[1] / "data" / "ffi"
HEADER_FOLDER = Path(__file__).parents[2] / "spec" / "plugin"
STRICT = ("-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", f"-I{HEADER_FOLDER}")
LIBRARIES = ("-ldl", "-pthread")

FfiCompile = Callable[..., Path]


@pytest.fixture(scope="session")
def ffi_compiler() -> str:
    """The C compiler; the one reason for which tests of FFI may not run."""
    found = shutil.which("cc")
    if found is None:
        pytest.skip("no C compiler")
    return found


@pytest.fixture(scope="session")
def ffi_compile(ffi_compiler: str, tmp_path_factory: pytest.TempPathFactory) -> FfiCompile:
    """ffi_compile(source, *flags) -> the program, or the library where -shared is among them."""

    def compiled(source: str, *flags: str) -> Path:
        out = tmp_path_factory.mktemp("c") / Path(source).with_suffix(".so").name
        command = [
            ffi_compiler,
            *STRICT,
            "-o",
            str(out),
            str(FFI_SOURCES / source),
            *flags,
            *LIBRARIES,
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return out

    return compiled


@pytest.fixture(scope="session")
def ffi_echo(ffi_compiler: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The echo plugin as a library, made once."""
    from transports.ffi.build import build

    out = tmp_path_factory.mktemp("ffi") / "cronix-backend-echo.so"
    assert build("transportlab.backends.echo:PLUGIN", out)
    return out


@pytest.fixture(scope="session")
def ffi_odd(ffi_compile: FfiCompile) -> Path:
    """The library that does what a method's name says: see its source."""
    return ffi_compile("odd_plugin.c", "-shared", "-fPIC")


@pytest.fixture(scope="session")
def ffi_stubborn(ffi_compiler: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A library made of a module that is nobody's but the test's: tests/data/ffi."""
    from transports.ffi.build import build

    out = tmp_path_factory.mktemp("ffi") / "cronix-backend-stubborn-one.so"
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(FFI_SOURCES))
        assert build("stubborn_plugin:PLUGIN", out)
        yield out


Script = Callable[[socket.socket], None]


@pytest.fixture
def scripted_http(socket_path: str) -> Iterator[Callable[..., Channel]]:
    """scripted_http(script, ...) gives a channel to a server that does one script a connection."""
    with socket.socket(socket.AF_UNIX) as listener, ExitStack() as stack:
        listener.bind(socket_path)
        listener.listen()
        listener.settimeout(HANG_GUARD)

        def begin(*scripts: Script) -> Channel:
            thread = threading.Thread(target=_play, args=(listener, scripts))
            thread.start()
            stack.callback(thread.join, HANG_GUARD)
            endpoint = SocketEndpoint(socket_path)
            return stack.enter_context(load_transport("http").connect(endpoint, codec="json"))

        yield begin


def _play(listener: socket.socket, scripts: tuple[Script, ...]) -> None:
    listener.accept()[0].close()  # connect() only looks whether somebody answers
    for script in scripts:
        sock, _ = listener.accept()
        sock.settimeout(HANG_GUARD)
        with sock, suppress(BrokenPipeError, ConnectionResetError):
            script(sock)
