"""Building libraries of Python plugins: when, what is said, and what can go wrong."""

import os
import shutil
import subprocess
import sys
import sysconfig
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from transportlab.errors import UsageError
from transports.ffi import build

ECHO = "transportlab.backends.echo:PLUGIN"
COMMAND = (sys.executable, "-m", "transports.ffi.build")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def build_own(folder: Path, *options: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, "--out", str(folder), *options],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_projects_own_libraries_are_built_once(ffi_compiler: str, tmp_path: Path) -> None:
    outs = [tmp_path / f"cronix-backend-{name}.so" for name in ("crontab", "echo")]
    first = build_own(tmp_path)
    assert first.stdout.splitlines() == [f"FFI: built: {out}" for out in outs], first.stderr
    before = [out.stat().st_mtime_ns for out in outs]
    second = build_own(tmp_path)
    assert second.stdout.splitlines() == [f"FFI: already there: {out}" for out in outs]
    assert [out.stat().st_mtime_ns for out in outs] == before
    assert names(tmp_path) == sorted(out.name for out in outs)
    assert all(os.access(out, os.X_OK) for out in outs)


def test_without_a_compiler_one_line_says_so(tmp_path: Path) -> None:
    said = "FFI: not built: no C compiler (cc)\n"
    done = build_own(tmp_path, PATH=str(tmp_path), CC="")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", said)
    done = build_own(tmp_path, "--optional", PATH=str(tmp_path), CC="")
    assert (done.returncode, done.stdout, done.stderr) == (0, said, "")
    assert names(tmp_path) == []


def test_without_pythons_headers_one_line_says_so(
    ffi_compiler: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sysconfig, "get_path", lambda _: str(tmp_path))
    with pytest.raises(build.ToolMissing, match=r"\Ano headers of Python \(Python\.h\)\Z"):
        build.build(ECHO, tmp_path / "x.so")


def test_another_command_or_another_plugin_builds_anew(
    ffi_compiler: str, ffi_echo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = Path(shutil.copy(ffi_echo, tmp_path / "library.so"))
    assert not build.build(ECHO, out)
    assert build.build("transportlab.backends.crontab:PLUGIN", out)
    assert not build.build("transportlab.backends.crontab:PLUGIN", out)
    monkeypatch.setenv("CC", f"{ffi_compiler} -O1")
    assert build.build("transportlab.backends.crontab:PLUGIN", out)


def test_several_at_once_leave_one_whole_file(ffi_compiler: str, tmp_path: Path) -> None:
    out = tmp_path / "library.so"
    with ThreadPoolExecutor(3) as pool:
        commands = [pool.submit(_command, out) for _ in range(3)]
    for command in commands:
        assert command.result().returncode == 0, command.result().stderr
    assert names(tmp_path) == ["library.so"]
    assert not build.build(ECHO, out)


def _command(out: Path, plugin: str = ECHO) -> subprocess.CompletedProcess[str]:
    command = [*COMMAND, "--plugin", plugin, "--out", str(out)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_command_says_what_it_did(
    ffi_echo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert build.main(["--plugin", ECHO, "--out", str(ffi_echo)]) == 0
    assert capsys.readouterr().out == f"FFI: already there: {ffi_echo}\n"
    out = tmp_path / "missing" / "x.so"
    assert build.main(["--plugin", ECHO, "--out", str(out)]) == 1
    assert "FFI: not built: " in capsys.readouterr().err


def test_the_command_builds(ffi_compiler: str, tmp_path: Path) -> None:
    out = tmp_path / "x.so"
    assert _command(out).stdout == f"FFI: built: {out}\n"
    assert "no_such_module" in _command(out, "no_such_module:PLUGIN").stderr


@pytest.mark.parametrize(
    ("plugin", "text"),
    [
        ("no_such_module:PLUGIN", "No module named 'no_such_module'"),
        (":PLUGIN", "--plugin :PLUGIN"),
        ("transportlab.backends.echo", "not MODULE:ATTR"),
        ("transportlab.backends.echo:create", "not MODULE:ATTR"),
        ("transportlab.backends.echo:NOTHING", "not MODULE:ATTR"),
    ],
)
def test_what_is_no_plugin_is_refused(
    ffi_compiler: str, tmp_path: Path, plugin: str, text: str
) -> None:
    with pytest.raises(UsageError) as caught:
        build.build(plugin, tmp_path / "x.so")
    assert text in str(caught.value)


def test_the_compilers_own_words_are_in_the_error_and_no_file_is_left(
    ffi_compiler: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CC", f"{ffi_compiler} -Dcronix_call=5")
    with pytest.raises(build.BuildError, match="expected"):
        build.build(ECHO, tmp_path / "x.so")
    assert names(tmp_path) == []


def test_without_a_shared_python_its_symbols_are_left_to_the_host(
    ffi_compiler: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = sysconfig.get_config_var
    monkeypatch.setattr(
        sysconfig, "get_config_var", lambda name: 0 if name == "Py_ENABLE_SHARED" else real(name)
    )
    out = tmp_path / "x.so"
    assert build.build(ECHO, out)
    linked = subprocess.run(["ldd", out], capture_output=True, text=True, check=True).stdout
    assert "libpython" not in linked
    assert _opens(out).stdout == "echo\n"


def _opens(library: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """A Python host in a process of its own that opens a session."""
    code = """
import os, sys
import _cffi_backend
from transportlab import model
from transportlab.channel import LibraryEndpoint
from transportlab.context import Context
from transportlab.methods import OPEN_SESSION
from transportlab.registry import load_transport
with load_transport("ffi").connect(LibraryEndpoint(sys.argv[1]), codec="json") as channel:
    request = model.OpenSessionRequest("1", (1,))
    print(channel.unary(OPEN_SESSION, request, Context()).plugin_name)
"""
    return subprocess.run(
        [sys.executable, "-c", code, str(library)],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=False,
    )


def test_another_version_of_python_is_refused(
    ffi_compiler: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CC", f"{ffi_compiler} '-DWANTED_PYTHON=\"9.9.\"'")
    other = tmp_path / "cronix-backend-echo.so"
    assert build.build(ECHO, other)
    done = _opens(other)
    running = ".".join(map(str, sys.version_info[:2]))
    assert f"built for Python 9.9.*, the host runs {running}" in done.stderr
    assert "gave no handshake line" in done.stderr


def test_a_plugin_whose_module_is_gone_gives_no_handshake(ffi_stubborn: Path) -> None:
    done = _opens(ffi_stubborn)  # the module is not on that host's path
    assert "No module named 'stubborn_plugin'" in done.stderr
    assert "gave no handshake line" in done.stderr
