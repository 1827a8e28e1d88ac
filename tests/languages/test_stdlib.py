"""The plugin on Python's standard library alone, against the suite and by raw bytes."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from typing import Any

import pytest

from tests.languages.conftest import PLUGINS, Conforms
from transportlab.codecs._pb import backend_pb2

pytestmark = pytest.mark.languages

PLUGIN = PLUGINS / "stdlib" / "cronix-backend-stdlib"
HANG_GUARD = 30.0
SECRET = "5" * 64


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("transport", ["jsonrpc", "http"])
def test_it_conforms(conforms: Conforms, transport: str) -> None:
    out = conforms(PLUGIN, transport)
    assert ("http-protobuf" in out) is (transport == "http")


@pytest.fixture(scope="module")
def module() -> Any:
    """The program as a module."""
    loader = SourceFileLoader("stdlib_plugin", str(PLUGIN))
    spec = spec_from_loader(loader.name, loader)
    assert spec is not None
    module = module_from_spec(spec)
    writes, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    loader.exec_module(module)
    sys.dont_write_bytecode = writes
    return module


def test_its_table_is_the_contract(module: Any) -> None:
    messages = backend_pb2.DESCRIPTOR.message_types_by_name
    names = {"ApplyReply": "ApplyEvent", "Pair": ""}
    told = {names.get(name, name): fields for name, fields in module.MESSAGES.items()}
    told = {name if name in messages else f"{name}Request": told[name] for name in told if name}
    assert set(told) == set(messages)
    for name, fields in told.items():
        wanted = sorted(messages[name].fields, key=lambda field: field.number)
        assert [field[0] for field in fields] == [field.name for field in wanted], name
        assert [field.number for field in wanted] == list(range(1, len(wanted) + 1))


def test_schedules_are_compared_by_when_they_fire(module: Any) -> None:
    for one, other, alike in (
        ("*/15 * * * *", "0,15,30,45 * * * *", True),
        ("0 0 ? * 1-5", "0  0 * * mon-fri", True),
        ("@weekly", "0 0 * * SUN", True),
        ("@every 60m", "@every 1h", True),
        ("0 0 1-31 * 1", "0 0 * * *", True),
        ("5/20 * * * *", "5,25,45 * * * *", True),
        ("0 3 * * 1/2", "0 3 * * 1,3,5", True),
        ("0 0 1 * 1", "0 0 1 * *", False),
        ("@every 60s", "* * * * *", False),
        ("@every m", "@every  m", False),
        ("61 * * * *", "61  * * * *", False),
        ("5-1 * * * *", "5-1  * * * *", False),
        ("*/0 * * * *", "*/0  * * * *", False),
        ("nonsense", "Nonsense", False),
    ):
        assert (module.meaning(one) == module.meaning(other)) is alike, (one, other)


def start(transport: str, path: str = "") -> "subprocess.Popen[bytes]":
    env = {"PATH": os.environ["PATH"], "CRONIX_PLUGIN_TRANSPORT": transport}
    env |= {"CRONIX_PLUGIN_SOCKET": path}
    pipe = subprocess.PIPE
    process = subprocess.Popen([PLUGIN], env=env, stdin=pipe, stdout=pipe, stderr=pipe)
    assert process.stdin is not None
    if path:
        process.stdin.write(f"{SECRET}\n".encode())
        process.stdin.flush()
    return process


LINES = {
    b"{": (-32700, None),
    b'{"jsonrpc":"2.0","method":"Read","id":1,"id":2}': (-32700, None),
    b'{"jsonrpc":"2.0","method":"Read","id":NaN}': (-32700, None),
    b'{"jsonrpc":"2.0","method":"Read","id":"\xff"}': (-32700, None),
    b"[" * 100000: (-32700, None),
    b"[]": (-32600, None),
    b"1": (-32600, None),
    b'{"jsonrpc":"2.0","method":"Read","params":1,"id":1}': (-32600, None),
    b'{"jsonrpc":"2.0","method":"Read","id":1e400}': (-32600, None),
    b'{"jsonrpc":"2.0","method":"Levitate","id":1.5}': (-32601, 1.5),
    b'{"jsonrpc":"2.0","method":"Read","params":[],"id":"a"}': (-32602, "a"),
    b'{"jsonrpc":"2.0","method":"Read","params":{"request":{"app":"\\ud800"}},"id":2}': (-32602, 2),
    b'{"jsonrpc":"2.0","method":"Read","params":{"request":{}},"id":3}': (-32009, 3),
    b'{"jsonrpc":"2.0","method":"Read","params":{"request":{},"timeout_us":0},"id":4}': (-32004, 4),
    b"[" + b",".join([b"1"] * 129) + b"]": (-32008, None),
}


def test_each_line_has_its_error() -> None:
    told, _ = start("jsonrpc").communicate(b"\n".join([*LINES, b""]), HANG_GUARD)
    handshake, *answers = told.splitlines()
    assert handshake.startswith(b"CRONIX-PLUGIN-V1 stdio ")
    found = [json.loads(line) for line in answers]
    assert [(each["error"]["code"], each["id"]) for each in found] == list(LINES.values())


def test_a_batch_is_answered_in_one_line() -> None:
    calls = [{"jsonrpc": "2.0", "method": "Read", "params": {"request": {}}, "id": i} for i in "ab"]
    batch = [*calls, {"jsonrpc": "2.0", "method": "cancel"}, 7]
    told, _ = start("jsonrpc").communicate(json.dumps(batch).encode() + b"\n", HANG_GUARD)
    answers = json.loads(told.splitlines()[1])
    assert [answer["id"] for answer in answers] == ["a", "b", None]


@pytest.fixture
def path(tmp_path: Path) -> Iterator[str]:
    """The socket of a plugin that serves HTTP, in a directory that it removes at the end."""
    path = str(tmp_path / "d" / "s")
    os.mkdir(os.path.dirname(path), 0o700)
    with start("http", path) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith(b"CRONIX-PLUGIN-V1 ")
        assert os.stat(path).st_mode & 0o777 == 0o600
        yield path
        told, said = process.communicate(timeout=HANG_GUARD)
    assert (told, said, process.returncode) == (b"", b"", 0)
    assert not os.path.exists(os.path.dirname(path))


def lines(*parts: str) -> bytes:
    return "\r\n".join([*parts, "", ""]).encode()


POST = "POST /cronix.backend.v1.Backend/Read HTTP/1.1"
JSON = "Content-Type: application/json"
KNOWN = f"Cronix-Secret: {SECRET}"
CHUNKED = "Transfer-Encoding: chunked"
LENGTH = "Content-Length: 2"
REFUSED = [
    (lines("hello"), 400),
    (lines("POST / HTTP/2.0"), 505),
    (lines(f"POST /{'x' * 70000} HTTP/1.1"), 414),
    (lines(POST, f"X: {'x' * 70000}"), 431),
    (lines(POST, *["X: 1"] * 20000), 431),
    (lines(POST, "no colon"), 400),
    (lines(POST, JSON, LENGTH) + b"{}", 401),
    (lines(POST, JSON, LENGTH, KNOWN, KNOWN) + b"{}", 401),
    (lines(POST, JSON, LENGTH, KNOWN[:-1]) + b"{}", 401),
    (lines("GET / HTTP/1.1", KNOWN), 405),
    (lines(POST, KNOWN, "Content-Type: text/plain", LENGTH) + b"{}", 415),
    (lines(POST, KNOWN, JSON), 411),
    (lines(POST, KNOWN, JSON, "Content-Length: 67108865"), 413),
    (lines(POST, KNOWN, JSON, LENGTH, CHUNKED), 400),
    (lines(POST, KNOWN, JSON, CHUNKED) + b"zz\r\n", 400),
    (lines(POST, KNOWN, JSON, CHUNKED) + b"4000001\r\n", 413),
]


def test_what_is_no_call_is_refused_and_the_connection_closed(path: str) -> None:
    for request, status in REFUSED:
        head, problem = exchange(path, request)
        assert head.startswith(f"HTTP/1.1 {status} "), request[:80]
        assert "Connection: close" in head
        assert problem["status"] == status


def test_a_connection_carries_many_calls(path: str) -> None:
    chunked = lines(POST, KNOWN, JSON, CHUNKED) + b"1;x=y\r\n{\r\n1\r\n}\r\n0\r\n\r\n"
    bad = lines(POST, KNOWN, JSON, "Cronix-Timeout-Us: -1", LENGTH) + b"{}"
    twice = lines(POST, KNOWN, JSON, "Content-Length: 15") + b'{"app":1,"a":1}'
    answers = exchange(path, chunked + bad + twice + lines("GET / HTTP/1.1", KNOWN))[0]
    assert answers.count("HTTP/1.1 400 ") == 3
    assert answers.count("SESSION_NOT_OPEN") == 1
    assert answers.count("UNREADABLE_REQUEST") == 2


def exchange(path: str, data: bytes) -> tuple[str, Any]:
    """All that the plugin says until the connection ends: as text, and the last body."""
    answer = b""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(HANG_GUARD)
        sock.connect(path)
        try:
            sock.sendall(data)
            while more := sock.recv(65536):
                answer += more
        except (BrokenPipeError, ConnectionResetError):
            pass  # refused, with some of the request left unread
    return answer.decode(), json.loads(answer.rpartition(b"\r\n\r\n")[2])
