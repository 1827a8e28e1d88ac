"""A library in a worker: the same plugin as in the host, and its crash is no longer the host's."""

import subprocess
import sys
from pathlib import Path
from sysconfig import get_path

import pytest

from transportlab import model
from transportlab.channel import EndpointKind
from transportlab.context import Context
from transportlab.errors import Code, PluginError, RpcError, UsageError
from transportlab.host import HostOptions, HostSession, open_backend
from transportlab.registry import transport_names
from transportlab.sdk.library_worker import library_transport, main

LIBRARY = Path(get_path("scripts"), "cronix-backend-echo.so")
PROCESS = transport_names(EndpointKind.SOCKET, EndpointKind.STDIO)

pytestmark = pytest.mark.skipif(
    not LIBRARY.exists(), reason="not run: the libraries were not built (no C compiler)"
)


def opened(transport: str, library: Path = LIBRARY) -> HostSession:
    return open_backend(str(library), transport, HostOptions(config={"faults": "requests"}))


@pytest.mark.parametrize("transport", PROCESS)
def test_a_crash_of_the_library_is_an_error_of_its_worker(transport: str) -> None:
    with opened(transport) as session:
        reply = session.backend.read(model.ReadRequest("!echo:é"), Context())
        assert reply.entries[0].command == "!echo:é"
        with pytest.raises(RpcError) as wrong:
            session.backend.read(model.ReadRequest("!error:NOT_FOUND"), Context())
        assert wrong.value.details.unattempted == ("u1",)
        with pytest.raises(PluginError) as caught:
            session.backend.read(model.ReadRequest("!exit:3"), Context())
    assert caught.value.exit == "exit status 3"
    assert caught.value.path == str(LIBRARY)
    assert caught.value.version == session.info.plugin_version


def test_a_library_that_hangs_is_held_to_the_deadline_and_stopped() -> None:
    with opened(PROCESS[0]) as session:
        with pytest.raises(RpcError) as caught:
            session.backend.read(model.ReadRequest("!block:60"), Context(timeout=0.2))
        assert caught.value.code is Code.DEADLINE_EXCEEDED
    assert session.process is not None
    assert session.process.exit


def test_a_library_that_cannot_be_loaded_is_told_by_its_path(tmp_path: Path) -> None:
    broken = tmp_path / "cronix-backend-broken.so"
    broken.write_text("not a library")
    with pytest.raises(PluginError) as caught:
        opened(PROCESS[0], broken)
    assert caught.value.code == "E-EXITED"
    assert caught.value.name == "broken"
    assert caught.value.path == str(broken)
    assert str(broken) in "".join(caught.value.stderr)


def test_what_lies_in_the_working_directory_does_not_come_into_the_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "transportlab").mkdir()
    (tmp_path / "transportlab" / "__init__.py").write_text("raise SystemExit(9)")
    monkeypatch.chdir(tmp_path)
    with opened(PROCESS[0]) as session:
        assert session.info.plugin_name == "echo"


def test_a_worker_ends_although_a_call_does_not() -> None:
    with opened(PROCESS[0]) as session:
        with pytest.raises(RpcError):
            session.backend.read(model.ReadRequest("!block:60"), Context(timeout=0.1))
        process = session.process
        assert process is not None
        process.stdin.close()
        assert process.wait(30)
    assert process.exit == "exit status 0"


def test_started_by_hand_it_says_how_it_is_used() -> None:
    command = [sys.executable, "-P", "-m", "transportlab.sdk.library_worker"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "LIBRARY" in done.stderr
    done = subprocess.run([*command, str(LIBRARY)], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "a host starts it" in done.stderr


def test_a_registry_without_libraries_has_no_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("transportlab.sdk.library_worker.transport_names", lambda *_: [])
    with pytest.raises(UsageError, match="no transport here loads libraries"):
        library_transport()
    with pytest.raises(SystemExit):
        main([])
