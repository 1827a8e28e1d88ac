"""The plugin in Rust: its own checks and tests, what its libraries do to a host, and the suite."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest

from tests.languages.conftest import PLUGINS, Conforms, make

pytestmark = [
    pytest.mark.languages,
    pytest.mark.skipif(shutil.which("cargo") is None, reason="not run: no cargo"),
    pytest.mark.timeout(1800),
]

RUST = PLUGINS / "rust"
SECRET = "5" * 64


@pytest.fixture(scope="session")
def plugin() -> Path:
    """The plugin, built."""
    make(RUST, "build")
    return RUST / "build" / "cronix-backend-memory"


def test_it_is_formatted_and_linted_and_its_own_tests_pass() -> None:
    make(RUST, "test")


@pytest.mark.parametrize("transport", ["grpc", "http", "jsonrpc"])
def test_it_conforms(conforms: Conforms, plugin: Path, transport: str) -> None:
    conforms(plugin, transport, "faults")


def test_it_holds_no_path_of_the_machine_that_built_it(plugin: Path) -> None:
    program = plugin.read_bytes()
    assert b"cargo/registry/src/" in program
    assert [path for path in (PLUGINS, Path.home() / ".cargo") if bytes(path) in program] == []


@contextmanager
def serving(plugin: Path, folder: Path) -> Iterator[str]:
    """Start the plugin on gRPC; yields its target."""
    socket = folder / "s"
    environment = {"CRONIX_PLUGIN_TRANSPORT": "grpc", "CRONIX_PLUGIN_SOCKET": str(socket)}
    with subprocess.Popen(
        [plugin], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin
        assert process.stdout
        print(SECRET, file=process.stdin, flush=True)
        assert process.stdout.readline().startswith("CRONIX-PLUGIN-V1 ")
        yield f"unix:{socket}"
        process.stdin.close()
    assert process.returncode == 0


def answer(target: str, size: int = 0, authority: str = "localhost") -> tuple[grpc.StatusCode, str]:
    """The answer to a Read with so many bytes of metadata, before OpenSession."""
    options = [("grpc.default_authority", authority), ("grpc.enable_retries", 0)]
    with grpc.insecure_channel(target, options=options) as channel:
        read: grpc.UnaryUnaryMultiCallable[bytes, bytes]
        read = channel.unary_unary("/cronix.backend.v1.Backend/Read")
        with pytest.raises(grpc.RpcError) as failed:
            read(b"", metadata=(("cronix-secret", SECRET), ("x", "x" * size)), timeout=60)
        return failed.value.code(), failed.value.details() or ""


def test_hyper_judges_authority_and_bounds_metadata(plugin: Path, tmp_path: Path) -> None:
    judged = grpc.StatusCode.FAILED_PRECONDITION
    with serving(plugin, tmp_path) as target:
        assert answer(target)[0] == judged
        assert answer(target, authority="anything")[0] == judged
        for authority in ("/tmp/a.sock", "%2Ftmp%2Fa.sock"):  # PROTOCOL_ERROR is 1
            assert "error code 1" in answer(target, authority=authority)[1]
        assert answer(target, 60_000)[0] == judged
        assert answer(target, 70_000) == (
            grpc.StatusCode.UNKNOWN,
            "Received http2 header with status: 431",
        )
        assert answer(target, 200_000)[0] == grpc.StatusCode.UNAVAILABLE
        assert answer(target)[0] == judged
