"""Plugins' libraries, made by the C compiler."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

FFI_SOURCES = Path(__file__).parents[2] / "data" / "ffi"
HEADER_FOLDER = Path(__file__).parents[3] / "spec" / "plugin"
STRICT = ("-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", f"-I{HEADER_FOLDER}")
LIBRARIES = ("-ldl", "-pthread")

FfiCompile = Callable[..., Path]


@pytest.fixture(scope="session")
def ffi_compiler() -> str:
    """The C compiler; the one reason for which tests of FFI may not run."""
    found = shutil.which("cc")
    if found is None:
        pytest.skip("not run: no C compiler")
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
