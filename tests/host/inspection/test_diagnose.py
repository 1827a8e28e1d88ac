"""What the checks on a file and its start say together: the cause, and over which transport."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from sysconfig import get_path

import pytest
from msgspec.structs import replace

from transportlab.channel import EndpointKind
from transportlab.errors import UsageError
from transportlab.host import HostOptions
from transportlab.host.inspection.check import Check, Status
from transportlab.host.inspection.diagnose import CHECKS, Diagnosis, diagnose
from transportlab.manifest.pin import PluginPin
from transportlab.registry import load_transport, transport_names
from transportlab.sdk.library_worker import library_transport

PYTHON = Path(sys.executable).resolve()
PROCESS = transport_names(EndpointKind.SOCKET, EndpointKind.STDIO)
STDIO = transport_names(EndpointKind.STDIO)[0]
OBJECT = transport_names(EndpointKind.OBJECT)[0]
LIBRARY = library_transport().name
ECHO = Path(get_path("scripts"), "cronix-backend-echo.so")
built = pytest.mark.skipif(not ECHO.exists(), reason="not run: the libraries were not built")

Make = Callable[[str], str]
Put = Callable[..., Path]
Diagnosed = Callable[..., Diagnosis]
Failing = Callable[..., dict[str, Check]]


def check(found: Diagnosis, name: str) -> Check:
    return found.checks[CHECKS.index(name)]


# ---- what starts


def test_a_plugin_that_starts_passes_every_check() -> None:
    found = diagnose("echo")
    assert found.starts
    assert found.cause is None
    assert {c.status for c in found.checks} == {Status.OK}
    assert all(c.found for c in found.checks)
    assert found.transport == PROCESS[0]
    assert "echo 0.1.0, protocol 1" in check(found, "session").found


@built
@pytest.mark.parametrize("transport", [None, LIBRARY, PROCESS[0]])
def test_a_library_is_started_in_a_worker(transport: str | None) -> None:
    found = diagnose(str(ECHO), transport)
    assert found.starts
    assert found.library
    assert found.transport == (transport or LIBRARY)


@built
def test_a_name_is_a_librarys_where_there_is_no_program(
    put: Put, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cronix-backend-only.so").symlink_to(ECHO)
    monkeypatch.setenv("CRONIX_PLUGIN_DIR", str(tmp_path))
    assert diagnose("only").library
    put("", "cronix-backend-only")
    assert not diagnose("only").library


def test_transports_are_tried_in_turn_and_those_that_are_refused_are_told(
    echo_with: Make, diagnosed: Diagnosed, failing: Failing
) -> None:
    code = f"if os.environ[sdk.ENV_TRANSPORT] != {STDIO!r}: sys.exit('only on pipes')"
    found = diagnosed(echo_with(code), None)
    assert found.starts
    assert found.transport == STDIO
    assert list(found.refused) == [name for name in PROCESS if name != STDIO]
    assert all("E-EXITED" in answer for answer in found.refused.values())
    checks = failing(echo_with(code), "handshake", transport=PROCESS[0])
    assert checks["handshake"].lines == ("only on pipes",)


@pytest.mark.parametrize("asked", [True, False])
def test_a_transport_is_tried_with_each_of_its_codecs(
    echo_with: Make, diagnosed: Diagnosed, asked: bool
) -> None:
    name = next(name for name in PROCESS if len(load_transport(name).traits.codecs) > 1)
    usual, other = load_transport(name).traits.codecs[:2]
    wanted = f"(os.environ[sdk.ENV_TRANSPORT], os.environ[sdk.ENV_CODEC]) == {(name, other)!r}"
    found = diagnosed(echo_with(f"{wanted} or sys.exit('not this codec')"), name if asked else None)
    assert found.starts
    assert found.transport == f"{name}/{other}"
    assert (name in found.refused, usual in found.refused) == (True, False)


def test_of_several_refusals_the_one_that_came_furthest_is_shown(
    echo_with: Make, diagnosed: Diagnosed
) -> None:
    code = f"""
os.environ[sdk.ENV_TRANSPORT] == {STDIO!r} or sys.exit(3)
from transportlab.sdk import session
session.PROTOCOL_VERSIONS = (7,)
"""
    found = diagnosed(echo_with(code), None)
    assert found.cause is not None
    assert (found.cause.name, found.transport) == ("session", STDIO)


def test_what_looked_wrong_but_starts_is_no_failure(
    put: Put, tmp_path: Path, diagnosed: Diagnosed
) -> None:
    """The line ends with CR LF, and there is an interpreter of that very name."""
    python, code = tmp_path / "python", Path(get_path("scripts"), "cronix-backend-echo").read_text()
    put(f'#!/bin/sh\nexec {sys.executable} "$@"\n', "python\r")
    found = diagnosed(put(f"#!{python}\r\n{code}\n"))
    assert found.starts
    assert {c.status for c in found.checks} == {Status.OK}
    assert check(found, "interpreter").found.endswith("; it starts all the same")


# ---- before the start


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda path: path.mkdir(), "E-NOT-A-FILE"),
        (os.mkfifo, "E-NOT-A-FILE"),
        (lambda path: path.symlink_to("/no/where"), "E-BROKEN-LINK"),
        (lambda path: None, "E-NOT-FOUND"),
    ],
)
def test_what_is_no_file_is_not_looked_into(
    tmp_path: Path, failing: Failing, make: Callable[[Path], None], code: str
) -> None:
    make(path := tmp_path / "cronix-backend-bad")
    first, *others = failing(path, "file", transport=None).values()
    assert first.found.startswith(f"{path}: {code}: ")
    assert "expected nothing" not in first.found
    assert {c.status for c in others} == {Status.NOT_REACHED}


def test_a_name_that_nobody_has_is_told_whatever_lies_in_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: Failing
) -> None:
    (tmp_path / "nobody").write_text("#!/bin/sh\n")
    monkeypatch.chdir(tmp_path)
    found = failing("nobody", "file", transport=None)
    assert "E-NOT-FOUND" in found["file"].found
    assert found["format"].status is Status.NOT_REACHED


def test_a_directory_that_cannot_be_searched_leaves_the_plugin_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (place := tmp_path / "plugins").touch()
    monkeypatch.setenv("CRONIX_PLUGIN_DIR", str(place))
    found = diagnose("echo")
    assert (found.name, found.path) == ("echo", str(place))
    assert "E-DIRECTORY" in check(found, "file").found


def test_a_file_that_is_hidden_is_told(
    put: Put, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRONIX_PLUGIN_DIR", str(tmp_path))
    put("#!/bin/sh\n", "cronix-backend-echo")
    hidden = f"it hides {get_path('scripts')}/cronix-backend-echo"
    assert hidden in check(diagnose("echo"), "file").found


def test_a_missing_execute_bit_is_told_and_the_rest_is_looked_at(
    put: Put, failing: Failing
) -> None:
    (path := put("#!/no/such/sh\n")).chmod(0o644)
    found = failing(path, "permission", "interpreter")
    assert found["permission"].action == f"chmod +x {path}"
    assert found["start"].status is Status.NOT_REACHED


def test_a_plugin_that_may_not_run_is_not_run(put: Put, tmp_path: Path, failing: Failing) -> None:
    path = put(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    found = diagnose(str(path), STDIO, HostOptions(pins={"demo": PluginPin(("0" * 64,))}))
    assert check(found, "start").status is Status.NOT_REACHED
    assert found.cause is not None
    assert "E-PIN-MISMATCH" in found.cause.found
    assert "plugins pin" in found.cause.action
    path.chmod(0o777)
    found_open = failing(path, "trust")["trust"]
    assert "E-WRITABLE-BY-OTHERS" in found_open.found
    assert found_open.action == f"chmod go-w {path}"
    assert not (tmp_path / "ran").exists()


def test_a_plugin_that_is_pinned_to_what_it_is_passes(put: Put) -> None:
    path = put("#!/bin/sh\nexit 3\n")
    digest = subprocess.run(["sha256sum", path], capture_output=True, check=True).stdout[:64]
    pins = {"demo": PluginPin((digest.decode(),))}
    found = diagnose(str(path), STDIO, HostOptions(pins=pins))
    assert check(found, "trust").found == f"pinned to what it is: sha256 {digest.decode()}"
    assert check(found, "start").status is Status.OK


# ---- after it


def test_the_checks_say_why_where_the_host_says_to_ask_for_a_diagnosis(
    put: Put, failing: Failing
) -> None:
    found = failing(put("#!/no/such/python\n"), "interpreter", "start")
    assert found["start"].action == "the checks above say why"


def test_what_no_check_explains_is_said_to_be_so(put: Put, failing: Failing) -> None:
    path = put(PYTHON.read_bytes())
    with open(path, "ab"):  # a file that is being written cannot be run
        found = failing(path, "start")["start"]
    assert "Text file busy" in found.found
    assert "still has it open" in found.action


# ---- how it is asked for


def test_a_transport_that_starts_no_plugin_is_a_wrong_use() -> None:
    with pytest.raises(UsageError, match=f"over {OBJECT} no plugin is started"):
        diagnose("echo", OBJECT)
    with pytest.raises(UsageError, match="unknown transport"):
        diagnose("echo", "pigeon")


def test_a_transport_whose_library_is_not_installed_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in PROCESS:
        transport = load_transport(name)
        monkeypatch.setattr(transport, "traits", replace(transport.traits, requires=("wings",)))
    with pytest.raises(UsageError, match=rf"not installed: wings; .*transportlab\[{STDIO}\]"):
        diagnose("echo", STDIO)
    with pytest.raises(UsageError, match="no transport here whose libraries are installed"):
        diagnose("echo")
