"""Plugins that are none, hang, flood or lie: each run ends, with one clear message."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from transportlab import raw
from transportlab.conformance import subject

Run = Callable[..., Any]
Script = Callable[[str], str]

WHERE = (
    "conformance",
    "--transport",
    "jsonrpc",
    "--vector",
    "read-empty",
    "--vector",
    "read-one-app-only",
)
LONGEST = 2500
"""Characters of output: a person reads all of it."""

LINE = "CRONIX-PLUGIN-V1 {} transport={} codec=json name=odd version=1"


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """For plugins that write no line, however long one waits."""
    monkeypatch.setattr(subject, "HANDSHAKE_SECONDS", 0.5)


@pytest.fixture
def tested(run: Run) -> Callable[[str], Any]:
    def test(plugin: str) -> Any:
        done = run(*WHERE, "--plugin", plugin)
        assert len(done.output) < LONGEST
        assert "Traceback" not in done.output
        return done

    return test


def test_a_directory_is_no_plugin(tested: Callable[[str], Any], tmp_path: Path) -> None:
    done = tested(str(tmp_path))
    assert (done.code, done.out) == (2, "")
    assert done.err.count("error:") == 1
    assert f"{tmp_path}" in done.err
    assert "directory" in done.err


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import sys\nwhile True: sys.stdout.write('x' * 4096)", "E-HANDSHAKE-TOO-LONG"),
        ("import sys\nwhile True: sys.stdout.write('line\\n')", "E-HANDSHAKE-NOISE"),
        (f"print({LINE.format('stdio', 'grpc')!r}, flush=True)\ninput()", "E-TRANSPORT"),
        (f"print({LINE.format('/tmp/s', 'jsonrpc')!r}, flush=True)\ninput()", "E-ENDPOINT"),
        ("print('CRONIX-PLUGIN-V9 stdio', flush=True)\ninput()", "E-HANDSHAKE-VERSION"),
        ("raise SystemExit(3)", "E-EXITED"),
    ],
)
def test_a_plugin_that_floods_or_lies_is_told_once(
    tested: Callable[[str], Any], script: Script, code: str, said: str
) -> None:
    done = tested(script(code))
    assert done.code == 1
    assert done.out.count("NOT TRIED jsonrpc-json: no session opens: ") == 1
    assert said in done.out
    assert "2 fail" in done.out
    assert "FAILED: 2 vectors, none of which passed" in done.out


@pytest.mark.slow
@pytest.mark.usefixtures("_impatient")
@pytest.mark.parametrize(
    "code",
    [
        "import time; time.sleep(600)",
        "import sys\nwhile True: sys.stderr.write('line\\n' * 1000)",
        "import os\nwhile True: os.write(2, b'x' * 65536)",
    ],
)
def test_a_plugin_that_never_says_that_it_is_ready_is_told_once(
    tested: Callable[[str], Any], script: Script, code: str
) -> None:
    done = tested(script(code))
    assert done.code == 1
    assert done.out.count("NOT TRIED jsonrpc-json: no session opens: ") == 1
    assert "E-HANDSHAKE-TIMEOUT" in done.out


FLOODS = f"""
import os, sys
print({LINE.format("stdio", "jsonrpc")!r}, flush=True)
sys.stdin.readline()
try:
    while True:
        os.write(1, b"no answer\\n" * 1000)
except OSError:
    pass
"""


def test_a_plugin_that_floods_its_wire_is_told(
    tested: Callable[[str], Any], script: Script
) -> None:
    done = tested(script(FLOODS))
    assert done.code == 1
    assert done.out.count("no session opens: ") == 1
    assert "no answer" in done.out


OPENED = {
    "protocol_version": 1, "plugin_name": "odd", "plugin_version": "1", "capabilities": ["read"],
}  # fmt: skip

FLOODS_STDIO = f"""
import json, os
print({LINE.format("stdio", "jsonrpc")!r}, flush=True)
while b'"Read"' not in (data := os.read(0, 65536)) and data:
    reply = {OPENED} if b"OpenSession" in data else {{}}
    answer = {{"jsonrpc": "2.0", "id": json.loads(data)["id"], "result": reply}}
    print(json.dumps(answer), flush=True)
while data:
    os.write(1, MORE)
"""

FLOODS_SOCKET = f"""
import json, os, socketserver, sys, threading
from http.server import BaseHTTPRequestHandler

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        if self.path.endswith("/Read"):
            self.wfile.write(FIRST)
            while True:
                self.wfile.write(MORE)
        body = json.dumps({OPENED} if self.path.endswith("/OpenSession") else {{}}).encode()
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass

class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True

    def handle_error(self, *args):
        pass

path = os.environ["CRONIX_PLUGIN_SOCKET"]
sys.stdin.readline()
os.umask(0o177)
with Server(path, Handler) as server:
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print({LINE.format("{}", "http")!r}.format(path), flush=True)
    sys.stdin.read()
"""

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"

TOO_MUCH = "more than 83886080 bytes came without the end of a message"

TOLD = {
    "line": (FLOODS_STDIO, b"", bytes(65536), "jsonrpc-calls-before-a-session", 2, TOO_MUCH),
    "unasked": (FLOODS_STDIO, b"", bytes(65536), "jsonrpc-the-longest-line", 1, TOO_MUCH),
    "head": (FLOODS_SOCKET, b"", bytes(65536), "http-calls-before-a-session", 2, TOO_MUCH),
    "chunks": (
        FLOODS_SOCKET, HEAD, b"10000\r\n" + bytes(65536) + b"\r\n",
        "http-calls-before-a-session", 2, TOO_MUCH,
    ),
    "trailers": (
        FLOODS_SOCKET, HEAD + b"0\r\n", b"a: b\r\n" * 10_000,
        "http-calls-before-a-session", 2, "expected a message, got",
    ),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", TOLD)
def test_a_plugin_whose_message_never_ends_is_told(
    run: Run, script: Script, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, first, more, vector, step, said = TOLD[name]
    if said is TOO_MUCH:  # however long that takes here
        monkeypatch.setattr(raw, "LATE_SECONDS", 60.0)
    plugin = script(code.replace("FIRST", repr(first)).replace("MORE", repr(more)))
    words = ("--transport", vector.partition("-")[0], "--vector", vector, "--timeout", "60")
    done = run("conformance", *words, "--plugin", plugin)
    assert done.code == 1
    assert len(done.output) < LONGEST
    assert "Traceback" not in done.output
    assert f"step {step}" in done.out
    assert said in done.out


LIES = """
from msgspec.structs import replace
from transportlab.backends.echo import PLUGIN
from transportlab.sdk import Code, ErrorDetails, RpcError, run

def create(config):
    backend = PLUGIN.create({})
    def plan(request, context):
        raise RpcError(Code.UNIMPLEMENTED, "not yet", ErrorDetails())
    backend.plan = plan
    return backend

run(replace(PLUGIN, create=create))
"""


def test_a_capability_that_is_not_there_is_a_failure(run: Run, script: Script) -> None:
    plugin = script(LIES)
    done = run(
        "conformance", "--transport", "jsonrpc", "--plugin", plugin,
        "--vector", "plan-creates-what-is-missing",
    )  # fmt: skip
    assert done.code == 1
    assert "UNIMPLEMENTED" in done.out
    assert "FAIL jsonrpc-json plan-creates-what-is-missing" in done.out
