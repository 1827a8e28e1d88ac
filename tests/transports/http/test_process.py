"""The HTTP transport in a real plugin process, and what such a process imports."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from sysconfig import get_path

import pytest

from transportlab import model
from transportlab.auth import new_secret, secret_line
from transportlab.channel import EndpointKind, SocketEndpoint
from transportlab.context import Context
from transportlab.model import ReadReply, ReadRequest
from transportlab.registry import load_transport
from transportlab.remote import RemoteBackend

HTTP = load_transport("http")
HANG_GUARD = 30.0
PLUGIN = Path(get_path("scripts"), "cronix-backend-echo")


def test_reading_the_traits_imports_no_library() -> None:
    assert HTTP.traits.endpoint is EndpointKind.SOCKET
    code = "import transports.http"
    assert not {"httpx", "http.server", "google.protobuf"} & imported(code)


@pytest.mark.parametrize(
    ("codec", "others"),
    [("json", {"httpx", "google.protobuf"}), ("protobuf", {"httpx", "json"})],
)
def test_a_plugin_imports_only_what_it_needs(codec: str, others: set[str]) -> None:
    code = f"import transports.http.server, transportlab.codecs.{codec}"
    assert not others & imported(code)


def imported(code: str) -> set[str]:
    """The modules that the code imports, without those that lean.py puts off."""
    tell = "[name for name, module in sys.modules.items() if type(module).__name__ != '_Later']"
    command = [sys.executable, "-c", f"import sys\n{code}\nprint(*{tell})"]
    found = subprocess.run(command, check=True, capture_output=True, text=True)
    return set(found.stdout.split())


@contextmanager
def plugin(path: str, codec: str) -> Iterator[subprocess.Popen[bytes]]:
    env = {**os.environ, "CRONIX_PLUGIN_TRANSPORT": "http", "CRONIX_PLUGIN_CODEC": codec}
    env["CRONIX_PLUGIN_SOCKET"] = path
    pipe = subprocess.PIPE
    command = [sys.executable, str(PLUGIN)]
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, env=env) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("codec", HTTP.traits.codecs)
@pytest.mark.parametrize("end", ["stdin", "SIGTERM"])
def test_a_plugin_process_serves_and_leaves_nothing(socket_path: str, codec: str, end: str) -> None:
    with plugin(socket_path, codec) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write(secret_line(secret := new_secret()))
        process.stdin.flush()
        words = process.stdout.readline().decode().split()
        assert words[:2] == ["CRONIX-PLUGIN-V1", socket_path]
        assert {"transport=http", f"codec={codec}"} <= set(words)
        with HTTP.connect(SocketEndpoint(socket_path, secret), codec=codec) as channel:
            backend = RemoteBackend(channel)
            request = model.OpenSessionRequest("1", (1,), {"faults": "requests"})
            assert backend.open_session(request, Context()).plugin_name == "echo"
            backend.read(ReadRequest("!print:stray"), Context())
            assert backend.read(ReadRequest("web"), Context()) == ReadReply()
            if end == "stdin":
                process.stdin.close()
            else:
                process.send_signal(signal.SIGTERM)
            assert process.wait(HANG_GUARD) == 0
        assert not Path(socket_path).exists()
        assert process.stdout.read() == b""
        assert process.stderr.read().startswith(b"stray\nstray")
