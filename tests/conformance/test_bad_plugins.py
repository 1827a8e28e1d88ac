"""Plugins that are none, hang, flood or lie: each run ends, with one clear message."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

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
