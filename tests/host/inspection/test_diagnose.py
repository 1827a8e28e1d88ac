"""Real plugins that do not start: the check that fails is the one that should."""

import os
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from sysconfig import get_path

import pytest

from transportlab.channel import EndpointKind
from transportlab.errors import UsageError
from transportlab.host import HostOptions
from transportlab.host.inspection.diagnose import CHECKS, Diagnosis, diagnose
from transportlab.host.inspection.elf import parse_file
from transportlab.host.inspection.findings import Check, Status
from transportlab.host.inspection.libraries import needs
from transportlab.pin import PluginPin
from transportlab.registry import load_transport, transport_names
from transportlab.worker import library_transport

PYTHON = Path(sys.executable).resolve()
KINDS = {name: load_transport(name).traits.endpoint for name in transport_names()}
PROCESS = [n for n in KINDS if KINDS[n] in (EndpointKind.SOCKET, EndpointKind.STDIO)]
STDIO = next(n for n in PROCESS if KINDS[n] is EndpointKind.STDIO)
OBJECT = next(n for n in KINDS if KINDS[n] is EndpointKind.OBJECT)
LIBRARY = library_transport().name
ECHO = Path(get_path("scripts"), "cronix-backend-echo.so")
built = pytest.mark.skipif(not ECHO.exists(), reason="not run: the libraries were not built")

Make = Callable[[str], str]


def put(folder: Path, data: bytes | str, mode: int = 0o755, name: str = "bad") -> str:
    path = folder / f"cronix-backend-{name}"
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    path.chmod(mode)
    return str(path)


def patched(at: int, value: bytes) -> bytes:
    """This Python's own program with some bytes changed."""
    data = bytearray(PYTHON.read_bytes())
    data[at : at + len(value)] = value
    return bytes(data)


def check(found: Diagnosis, name: str) -> Check:
    return found.checks[CHECKS.index(name)]


def failing(found: Diagnosis, *expected: str) -> Check:
    """The first of the checks that failed, which are those that are expected."""
    assert [c.name for c in found.checks] == list(CHECKS)
    assert not found.starts
    failed = [c for c in found.checks if c.status is Status.FAILED]
    assert [c.name for c in failed] == list(expected)
    assert found.cause == failed[0]
    assert all(c.found and c.action for c in failed), failed
    return failed[0]


def of(path: str, transport: str | None = STDIO, **options: float) -> Diagnosis:
    return diagnose(path, transport, HostOptions(**{"stop": 0.4, **options}))  # type: ignore[arg-type]  # bounds only


# ---- what starts


def test_a_plugin_that_starts_passes_every_check() -> None:
    found = diagnose("echo")
    assert found.starts
    assert found.cause is None
    assert {c.status for c in found.checks} == {Status.OK}
    assert all(c.found for c in found.checks)
    assert found.transport == PROCESS[0]
    assert "echo 0.1.0, protocol 1" in check(found, "session").found


def test_a_plugin_that_only_wants_to_be_configured_starts() -> None:
    found = diagnose("crontab", STDIO)
    assert found.starts
    assert (
        "it wants to be configured: INVALID_ARGUMENT: config/path" in check(found, "session").found
    )


@built
@pytest.mark.parametrize("transport", [None, LIBRARY, PROCESS[0]])
def test_a_library_is_started_in_a_worker(transport: str | None) -> None:
    found = diagnose(str(ECHO), transport)
    assert found.starts
    assert found.library
    assert found.transport == (transport or LIBRARY)


@built
def test_a_name_is_a_librarys_where_there_is_no_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cronix-backend-only.so").symlink_to(ECHO)
    monkeypatch.setenv("CRONIX_PLUGIN_DIR", str(tmp_path))
    assert diagnose("only").library
    put(tmp_path, "", name="only")
    assert not diagnose("only").library


def test_transports_are_tried_in_turn_and_those_that_are_refused_are_told(echo_with: Make) -> None:
    code = f"if os.environ[sdk.ENV_TRANSPORT] != {STDIO!r}: sys.exit('only on pipes')"
    found = of(echo_with(code), None)
    assert found.starts
    assert found.transport == STDIO
    assert list(found.refused) == [name for name in PROCESS if name != STDIO]
    assert all("E-EXITED" in answer for answer in found.refused.values())
    assert failing(of(echo_with(code), PROCESS[0]), "handshake").lines == ("only on pipes",)


def test_of_several_refusals_the_one_that_came_furthest_is_shown(echo_with: Make) -> None:
    found = of(
        echo_with(f"os.environ[sdk.ENV_TRANSPORT] == {STDIO!r} or sys.exit(3)\n{OTHER}"), None
    )
    failing(found, "session")
    assert found.transport == STDIO


OTHER = "from transportlab import session\nsession.PROTOCOL_VERSIONS = (7,)"


# ---- the file


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
    tmp_path: Path, make: Callable[[Path], None], code: str
) -> None:
    make(path := tmp_path / "cronix-backend-bad")
    found = of(str(path), None)
    assert code in failing(found, "file").found
    assert {c.status for c in found.checks[1:]} == {Status.NOT_REACHED}


def test_a_name_that_nobody_has_is_told_whatever_lies_in_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "nobody").write_text("#!/bin/sh\n")
    monkeypatch.chdir(tmp_path)
    found = of("nobody", None)
    assert "E-NOT-FOUND" in failing(found, "file").found
    assert check(found, "format").status is Status.NOT_REACHED


def test_a_file_that_is_hidden_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRONIX_PLUGIN_DIR", str(tmp_path))
    put(tmp_path, "#!/bin/sh\n", name="echo")
    assert (
        f"it hides {get_path('scripts')}/cronix-backend-echo"
        in check(diagnose("echo"), "file").found
    )


def test_a_missing_execute_bit_is_told_and_the_rest_is_looked_at(tmp_path: Path) -> None:
    found = of(put(tmp_path, "#!/no/such/sh\n", 0o644))
    assert failing(found, "permission", "interpreter").action.startswith("chmod +x")
    assert check(found, "start").status is Status.NOT_REACHED


def test_a_plugin_that_may_not_run_is_not_run(tmp_path: Path) -> None:
    path = put(tmp_path, f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    pins = {"bad": PluginPin(("0" * 64,))}
    found = diagnose(path, STDIO, HostOptions(pins=pins))
    assert "E-PIN-MISMATCH" in failing(found, "trust").found
    Path(path).chmod(0o777)
    assert "E-WRITABLE-BY-OTHERS" in failing(of(path), "trust").found
    assert check(found, "start").status is Status.NOT_REACHED
    assert not (tmp_path / "ran").exists()


FORMATS = [
    (b"", "an empty file"),
    (b"MZ\x90\0", "a Windows program"),
    (b"\xcf\xfa\xed\xfe\7", "a macOS program"),
    (b"\x1f\x8b\x08", "a gzip archive"),
    (b"PK\3\4", "a zip archive"),
    (b"<!DOCTYPE html>", "a page of HTML"),
    (b"\xef\xbb\xbf#!/bin/sh\n", "byte order mark"),
    (b"\n#!/bin/sh\n", "not its first two bytes"),
    (b"echo hello\n", "neither an ELF file nor a script with #!: it begins with b'echo hello\\n'"),
    (b"\x7fELF\2\1", "a damaged ELF file"),
    (patched(16, struct.pack("=H", 1)), "an object file that has not been linked"),
]


@pytest.mark.parametrize(("data", "words"), FORMATS, ids=[words for _, words in FORMATS])
def test_what_is_neither_program_nor_script_is_named(
    tmp_path: Path, data: bytes, words: str
) -> None:
    assert words in failing(of(put(tmp_path, data)), "format", "start").found


def test_a_program_for_another_machine_is_told_with_both_names(tmp_path: Path) -> None:
    found = of(put(tmp_path, patched(18, struct.pack("=H", 22))))
    text = failing(found, "machine", "start").found
    assert text.startswith("built for S/390, ")
    assert f"this host is {parse_file(PYTHON).name}" in text
    assert check(found, "loader").status is Status.NOT_REACHED


def test_a_program_loader_that_is_not_there_is_told(tmp_path: Path) -> None:
    loader = parse_file(PYTHON).interpreter
    other = loader[:-1] + "!"
    found = of(put(tmp_path, PYTHON.read_bytes().replace(loader.encode(), other.encode())))
    assert failing(found, "loader", "start").found == f"its program loader {other} is not there"


def lacking() -> tuple[bytes, str]:
    """This Python as one that needs a library that is nowhere, and that library's name."""
    name = parse_file(PYTHON).needed[0]
    other = name[:-1] + "!"
    return PYTHON.read_bytes().replace(name.encode() + b"\0", other.encode() + b"\0"), other


def test_a_missing_library_is_told_by_us_and_by_the_loader(tmp_path: Path) -> None:
    data, name = lacking()
    found = of(put(tmp_path, data))
    assert (
        f"not found: {name}, which cronix-backend-bad needs"
        in failing(found, "libraries", "handshake").found
    )
    assert name in check(found, "handshake").lines[0]
    assert "exit status 127" in check(found, "handshake").found


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("#!/no/such/python\n", "/no/such/python is not there"),
        ("#!/bin/sh\r\n", "ends with CR LF"),
        ("#!/" + "x" * 300 + "\n", "the path is cut at byte 256"),
    ],
)
def test_a_first_line_that_leads_to_no_program_is_told(
    tmp_path: Path, line: str, words: str
) -> None:
    found = of(put(tmp_path, line))
    assert words in failing(found, "interpreter", "start").found
    assert check(found, "start").action == "the checks above say why"
    assert check(found, "machine").status is Status.NOT_REACHED


def test_a_program_that_env_does_not_find_is_told(tmp_path: Path) -> None:
    found = of(put(tmp_path, "#!/usr/bin/env python9\n"))
    assert "env finds no 'python9'" in failing(found, "interpreter", "handshake").found
    assert "exit status 127" in check(found, "handshake").found


def test_an_interpreter_for_another_machine_is_told_with_its_name(tmp_path: Path) -> None:
    other = put(tmp_path, patched(18, struct.pack("=H", 22)), name="interpreter")
    found = of(put(tmp_path, f"#!{other}\n"))
    assert f"(of {other})" in failing(found, "machine", "start").found


def test_what_looked_wrong_but_starts_is_no_failure(tmp_path: Path) -> None:
    """The line ends with CR LF, and there is an interpreter of that very name."""
    python, code = tmp_path / "python", Path(get_path("scripts"), "cronix-backend-echo").read_text()
    script = Path(f"{python}\r")
    script.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    script.chmod(0o755)
    found = of(put(tmp_path, f"#!{python}\r\n{code}\n"))
    assert found.starts
    assert {c.status for c in found.checks} == {Status.OK}
    assert check(found, "interpreter").found.endswith("; it starts all the same")


# ---- the start


def test_what_no_check_explains_is_said_to_be_so(tmp_path: Path) -> None:
    path = put(tmp_path, PYTHON.read_bytes())
    with open(path, "ab"):  # a file that is being written cannot be run
        found = failing(of(path), "start")
    assert "Text file busy" in found.found
    assert "still has it open" in found.action


def test_exiting_at_once_is_told_with_status_and_stderr(plugin: Make) -> None:
    found = of(plugin("echo 'no licence' >&2; exit 3"))
    assert failing(found, "handshake").lines == ("no licence",)
    assert "it ended with exit status 3" in check(found, "handshake").found
    assert check(found, "start").status is Status.OK
    assert check(found, "session").status is Status.NOT_REACHED


@pytest.mark.parametrize("line", ["hello", "CRONIX-PLUGIN-V2 stdio", "CRONIX-PLUGIN-V1 [::]:99"])
def test_a_wrong_line_fails_the_handshake(plugin: Make, line: str) -> None:
    found = of(plugin(f"echo '{line}'; exec sleep 60"))
    assert line.rpartition(" ")[2] in failing(found, "handshake").found


def test_a_plugin_that_says_nothing_is_not_asked_again_over_another_transport(plugin: Make) -> None:
    found = of(plugin("exec sleep 60"), None, handshake=0.2, stop=0.5)
    assert "E-HANDSHAKE-TIMEOUT" in failing(found, "handshake").found
    assert found.refused == {}


def test_nobody_at_the_socket_fails_the_connection(plugin: Make) -> None:
    socket = next(n for n in PROCESS if KINDS[n] is EndpointKind.SOCKET)
    found = of(plugin("echo CRONIX-PLUGIN-V1 $CRONIX_PLUGIN_SOCKET; exec sleep 60"), socket)
    assert check(found, "handshake").status is Status.OK
    failing(found, "connection")


def test_another_version_of_the_protocol_fails_the_session(echo_with: Make) -> None:
    found = of(echo_with(OTHER))
    text = failing(found, "session").found
    assert "E-PROTO-MISMATCH" in text
    assert "7" in text


def test_an_answer_that_is_an_error_fails_the_session(echo_with: Make) -> None:
    code = """
from transportlab.errors import Code, RpcError
from transportlab.model import ErrorDetails
from dataclasses import replace
def create(config):
    raise RpcError(Code.UNAVAILABLE, "no scheduler here", ErrorDetails(action="start crond"))
PLUGIN = replace(PLUGIN, create=create)
"""
    found = failing(of(echo_with(code)), "session")
    assert (found.found, found.action) == ("UNAVAILABLE: no scheduler here", "start crond")


# ---- libraries


def shared() -> Path:
    """A real library that is no plugin, and no program either, as glibc's own is."""
    for path in needs(PYTHON, parse_file(PYTHON), {}).found.values():
        elf = parse_file(path)
        if elf.needed and not elf.interpreter:
            return path
    pytest.skip("not run: this Python needs no library that needs another")


def test_a_library_without_the_plugins_functions_is_told(tmp_path: Path) -> None:
    found = of(put(tmp_path, shared().read_bytes(), name="bad.so"), None)
    lines = " ".join(failing(found, "handshake").lines)
    assert "cronix_plugin_handshake" in lines


def test_a_library_that_needs_another_is_told(tmp_path: Path) -> None:
    [name] = parse_file(shared()).needed[:1]
    data = shared().read_bytes().replace(name.encode() + b"\0", (name[:-1] + "!").encode() + b"\0")
    found = of(put(tmp_path, data, name="bad.so"), LIBRARY)
    assert name[:-1] + "!" in failing(found, "libraries", "handshake").found


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"#!/bin/sh\n", "a script, not a shared library"),
        (PYTHON.read_bytes(), "a program, not a shared library"),
    ],
)
def test_what_is_no_library_is_told(tmp_path: Path, data: bytes, words: str) -> None:
    assert (
        words in failing(of(put(tmp_path, data, name="bad.so"), None), "format", "handshake").found
    )


def test_a_library_where_a_program_is_wanted_is_told(tmp_path: Path) -> None:
    found = of(put(tmp_path, shared().read_bytes()))
    assert found.cause is not None
    assert found.cause.found == "a shared library, not a program"


# ---- how it is asked for


def test_a_transport_that_starts_no_plugin_is_a_wrong_use() -> None:
    with pytest.raises(UsageError, match=f"over {OBJECT} no plugin is started"):
        diagnose("echo", OBJECT)
    with pytest.raises(UsageError, match="unknown transport"):
        diagnose("echo", "pigeon")


def test_a_transport_whose_library_is_not_installed_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        "transportlab.host.inspection.diagnose.missing_libraries", lambda _: ["wings"]
    )
    with pytest.raises(UsageError, match="needs wings: not installed"):
        diagnose("echo", STDIO)
    monkeypatch.setattr("transportlab.host.inspection.diagnose.missing_libraries", lambda _: [])
    monkeypatch.setattr("transportlab.host.inspection.trial.missing_libraries", lambda _: ["wings"])
    with pytest.raises(UsageError, match="no transport here whose libraries are installed"):
        diagnose("echo")
