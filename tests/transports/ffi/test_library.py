"""What FFI's host checks when it loads a library."""

from collections.abc import Callable
from pathlib import Path

import pytest

from transportlab.channel import Channel, LibraryEndpoint
from transportlab.errors import PluginError, TransportError
from transportlab.host import HostOptions, open_backend
from transportlab.registry import load_transport

FfiCompile = Callable[..., Path]


def connect(library: object, codec: str = "json") -> Channel:
    return load_transport("ffi").connect(LibraryEndpoint(str(library)), codec=codec)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "nothing.so", tmp_path):
        with pytest.raises(TransportError, match=f"cannot load {path}: no such file"):
            connect(path)


def test_a_name_is_a_path_and_not_searched_for() -> None:
    with pytest.raises(TransportError, match=r"cannot load libc\.so\.6: no such file"):
        connect("libc.so.6")


def test_a_file_that_is_no_library_is_named_with_the_linkers_reason(tmp_path: Path) -> None:
    path = tmp_path / "text.so"
    path.write_text("not a library, though as long as the head of one would be " * 9)
    with pytest.raises(TransportError, match=r"text\.so.*invalid ELF header"):
        connect(path)


def test_a_library_without_the_functions_is_told_which(ffi_compile: FfiCompile) -> None:
    other = ffi_compile("odd_plugin.c", "-shared", "-fPIC", "-Dcronix_plugin_next=other")
    with pytest.raises(TransportError, match=r"does not export cronix_plugin_next\Z"):
        connect(other)


@pytest.mark.parametrize(
    ("line", "code", "text"),
    [
        ("0", "E-CONNECT", "gave no handshake line"),
        ('"hello"', "E-HANDSHAKE-NOISE", "not a handshake but this: 'hello'"),
        ('""', "E-HANDSHAKE-EMPTY", "an empty line"),
        (
            '"CRONIX-PLUGIN-V2 library abi=1 codec=json"',
            "E-HANDSHAKE-VERSION",
            "another version than CRONIX-PLUGIN-V1",
        ),
        (
            '"CRONIX-PLUGIN-V1 library abi=1 codec=json\\n"',
            "E-HANDSHAKE-WORDS",
            "expected one short line",
        ),
        ('"CRONIX-PLUGIN-V1 stdio abi=1 codec=json"', "E-ENDPOINT", "expected one short line"),
        ('"CRONIX-PLUGIN-V1 library codec=json"', "E-CONNECT", "has ABI version none"),
        (
            '"CRONIX-PLUGIN-V1 library abi=2 codec=json"',
            "E-CONNECT",
            "has ABI version 2, this host has 1",
        ),
        (
            '"CRONIX-PLUGIN-V1 library abi=1 codec=protobuf,xml"',
            "E-CONNECT",
            "has no codec json; it has protobuf, xml",
        ),
        ('"CRONIX-PLUGIN-V1 library \\xff"', "E-HANDSHAKE-ENCODING", r"library \xff"),
        (
            f'"CRONIX-PLUGIN-V1 library abi=1 codec=json {"x" * 4060}"',
            "E-HANDSHAKE-TOO-LONG",
            "expected one short line",
        ),
    ],
    ids=str,
)
def test_a_handshake_line_that_does_not_fit_is_shown_by_its_code(
    ffi_compile: FfiCompile, line: str, code: str, text: str
) -> None:
    # An ISO C compiler need not take a literal this long.
    odd = ffi_compile(
        "odd_plugin.c", "-shared", "-fPIC", f"-DHANDSHAKE={line}", "-Wno-overlength-strings"
    )
    with pytest.raises(PluginError) as caught:
        open_backend(str(odd), "ffi", HostOptions(codec="json"))
    assert caught.value.code == code
    assert text in str(caught.value)


def test_the_longest_handshake_line_is_taken(ffi_compile: FfiCompile) -> None:
    line = "CRONIX-PLUGIN-V1 library abi=1 codec=json x="
    line += "x" * (4095 - len(line))
    odd = ffi_compile(
        "odd_plugin.c", "-shared", "-fPIC", f'-DHANDSHAKE="{line}"', "-Wno-overlength-strings"
    )
    with connect(odd) as channel:
        assert isinstance(channel, Channel)


def test_a_session_that_does_not_start_is_an_error(ffi_compile: FfiCompile) -> None:
    odd = ffi_compile("odd_plugin.c", "-shared", "-fPIC", "-DSTART=0")
    with pytest.raises(TransportError, match="could not start a session"):
        connect(odd)
