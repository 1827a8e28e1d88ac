"""Files that cannot run, each real: the check that names the reason, and the start that agrees."""

import struct
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.command import namespace
from transportlab.host.inspection.check import Check, Status
from transportlab.host.inspection.elf import parse_file
from transportlab.host.inspection.file_checks import FILE_CHECKS, check_file
from transportlab.host.inspection.libraries import find_libraries
from transportlab.sdk.library_worker import library_transport

PYTHON = Path(sys.executable).resolve()
LIBRARY = library_transport().name

Put = Callable[..., Path]
Compiled = Callable[..., Path]
Failing = Callable[..., dict[str, Check]]
Unprivileged = Callable[[], AbstractContextManager[None]]


def examined(path: Path) -> dict[str, Check]:
    found = check_file(path, library=False, environment={"PATH": "/bin"})
    assert [check.name for check in found] == list(FILE_CHECKS)
    return {check.name: check for check in found}


def patched(at: int, value: bytes) -> bytes:
    """This Python's own program with some bytes changed."""
    data = bytearray(PYTHON.read_bytes())
    data[at : at + len(value)] = value
    return bytes(data)


def exits_with_3() -> bytes:
    """A program for 32 bits of x86: exit(3) and nothing else."""
    code = b"\xbb\3\0\0\0\xb8\1\0\0\0\xcd\x80"
    base, size = 0x8048000, 52 + 32 + len(code)
    ident = b"\x7fELF\1\1\1" + bytes(9)
    head = struct.pack("<HHIIIIIHHHHHH", 2, 3, 1, base + 84, 52, 0, 0, 52, 32, 1, 0, 0, 0)
    return ident + head + struct.pack("<8I", 1, 0, base, base, size, size, 5, 4096) + code


OTHER_MACHINE = patched(18, struct.pack("=H", 22))

# ---- the format

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
]


@pytest.mark.parametrize(("data", "words"), FORMATS, ids=[words for _, words in FORMATS])
def test_what_is_neither_program_nor_script_is_named(
    put: Put, failing: Failing, data: bytes, words: str
) -> None:
    assert words in failing(put(data), "format", "start")["format"].found


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\x7fELF\2\1", "a damaged ELF file"),
        (patched(16, struct.pack("=H", 1)), "an object file that has not been linked"),
    ],
    ids=["damaged", "object"],
)
def test_an_elf_file_that_cannot_run_is_told(
    put: Put, failing: Failing, data: bytes, words: str
) -> None:
    assert words in failing(put(data), "format", "start")["format"].found


def library_file() -> Path:
    """A real library that is no plugin, and no program either, as glibc's own is."""
    for path in find_libraries(PYTHON, parse_file(PYTHON), {}).found.values():
        elf = parse_file(path)
        if elf.needed and not elf.interpreter:
            return path
    pytest.skip("not run: this Python needs no library that needs another")


def test_a_library_where_a_program_is_wanted_is_told(put: Put, failing: Failing) -> None:
    found = failing(put(library_file().read_bytes()), "format", "handshake")
    assert found["format"].found == "a shared library, not a program"


def test_a_library_that_needs_no_other_is_no_static_program(
    compiled: Compiled, failing: Failing
) -> None:
    """The kernel runs it; there is no place in it to begin."""
    path = compiled("cronix-backend-demo", "int one = 1;", "-shared", "-nostdlib")
    assert failing(path, "format", "handshake")["format"].found == "a shared library, not a program"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"#!/bin/sh\n", "a script, not a shared library"),
        (PYTHON.read_bytes(), "a program, not a shared library"),
        (exits_with_3(), "a program, not a shared library"),
    ],
    ids=["script", "program", "program at a fixed address"],
)
def test_what_is_no_library_is_told(put: Put, failing: Failing, data: bytes, words: str) -> None:
    path = put(data, "cronix-backend-demo.so")
    assert words in failing(path, "format", "handshake", transport=None)["format"].found


def test_a_library_without_the_plugins_functions_is_told(put: Put, failing: Failing) -> None:
    path = put(library_file().read_bytes(), "cronix-backend-demo.so")
    lines = failing(path, "handshake", transport=None)["handshake"].lines
    assert "cronix_plugin_handshake" in " ".join(lines)


# ---- the machine and the loader


def test_a_program_for_another_machine_is_told_with_both_names(put: Put, failing: Failing) -> None:
    found = failing(put(OTHER_MACHINE), "machine", "start")
    assert found["machine"].found.startswith("built for S/390, ")
    assert f"this host is {parse_file(PYTHON).name}" in found["machine"].found
    assert found["loader"].status is Status.NOT_REACHED


def test_a_library_for_another_machine_is_told(put: Put, failing: Failing) -> None:
    """That its worker runs says nothing of it."""
    data = bytearray(library_file().read_bytes())
    struct.pack_into("=H", data, 18, 22)
    path = put(bytes(data), "cronix-backend-demo.so")
    assert "S/390" in failing(path, "machine", "handshake", transport=None)["machine"].found


def test_another_machines_program_that_runs_here_all_the_same_fails_for_another_reason(
    put: Put, failing: Failing
) -> None:
    path = put(exits_with_3())
    try:
        runs = subprocess.run([path], check=False).returncode == 3
    except OSError:
        runs = False
    found = failing(path, *(["handshake"] if runs else ["machine", "start"]))
    assert (found["machine"].found == "x86, 32 bits, little-endian, which runs here") is runs


def test_an_interpreter_for_another_machine_is_told_with_its_name(
    put: Put, failing: Failing
) -> None:
    other = put(OTHER_MACHINE, "interpreter")
    found = failing(put(f"#!{other}\n"), "machine", "start")
    assert f"(of {other})" in found["machine"].found


def test_a_program_loader_that_is_not_there_is_told(put: Put, failing: Failing) -> None:
    loader = parse_file(PYTHON).interpreter
    other = loader[:-1] + "!"
    path = put(PYTHON.read_bytes().replace(loader.encode(), other.encode()))
    found = failing(path, "loader", "start")
    assert found["loader"].found == f"its program loader {other} is not there"


def without(data: bytes, *kinds: int) -> bytes:
    """A 64-bit ELF file without its segments of those kinds."""
    changed = bytearray(data)
    (at,) = struct.unpack_from("=Q", data, 32)
    size, count = struct.unpack_from("=HH", data, 54)
    for place in range(at, at + size * count, size):
        if struct.unpack_from("=I", data, place)[0] in kinds:
            struct.pack_into("=I", changed, place, 0)
    return bytes(changed)


@pytest.mark.skipif(sys.maxsize < 2**32, reason="not run: programs are of 32 bits here")
def test_a_static_program_needs_no_loader_and_no_libraries(put: Put) -> None:
    found = examined(put(without(PYTHON.read_bytes(), 2, 3)))
    assert {check.status for check in found.values()} == {Status.OK}
    assert found["loader"].found == "a static program"
    assert found["libraries"].found == "none needed"


# ---- libraries


def test_a_library_that_needs_another_is_told(put: Put, failing: Failing) -> None:
    name = parse_file(library_file()).needed[0]
    other = name[:-1] + "!"
    data = library_file().read_bytes().replace(name.encode() + b"\0", other.encode() + b"\0")
    path = put(data, "cronix-backend-demo.so")
    assert other in failing(path, "libraries", "handshake", transport=LIBRARY)["libraries"].found


# ---- interpreters


def test_what_is_found_of_an_interpreter_names_it(put: Put) -> None:
    found = examined(put(f"#!{PYTHON} -I\n"))
    assert {check.status for check in found.values()} == {Status.OK}
    for name in ("machine", "loader", "libraries"):
        assert found[name].found.endswith(f" (of {PYTHON})")


def test_a_damaged_interpreter_is_told(put: Put) -> None:
    interpreter = put(b"\x7fELF\2\1", "interpreter")
    found = examined(put(f"#!{interpreter}\n"))
    assert found["interpreter"].status is Status.FAILED
    assert found["interpreter"].found.startswith("a damaged ELF file")


# ---- the mount

MOUNTED = """
mount -t tmpfs -o mode=755 tmpfs "$1" && cp "$3" "$1/cronix-backend-on" && cp /bin/sh "$1/sh" &&
mount -o remount,bind,noexec "$1" && exec "$2" -c "$4" "$1/cronix-backend-on" "$3"
"""
SHOWN = """
import sys
from transportlab.host.inspection.diagnose import diagnose
for path in sys.argv[1:]:
    found = diagnose(path)
    start = next(check.found for check in found.checks if check.name == "start")
    print(found.cause.found, start.partition(":")[0], dict(found.refused), sep=" | ")
"""


def test_a_mount_that_lets_nothing_run_is_told_of_plugin_and_interpreter(
    put: Put, tmp_path: Path
) -> None:
    (place := tmp_path / "mount").mkdir()
    script = put(f"#!{place}/sh\n")
    words = ["sh", "-c", MOUNTED, "sh", str(place), sys.executable, str(script), SHOWN]
    done = subprocess.run([*namespace(), *words], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        f"{place} is mounted noexec: nothing on it may run | E-NOEXEC | {{}}",
        f"{place}/sh is on a file system mounted noexec | E-START | {{}}",
    ]


# ---- what may be run but not read


def hidden(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    path.chmod(0o111)
    return path


def test_a_program_that_may_be_run_but_not_read_is_not_judged(
    shared: Path, unprivileged: Unprivileged
) -> None:
    path = hidden(shared / "p", PYTHON.read_bytes())
    with unprivileged():
        found = examined(path)
    assert found["mount"].status is Status.OK
    assert found["format"].found == "cannot be read: Permission denied"
    assert {check.status for check in list(found.values())[1:]} == {Status.NOT_REACHED}


def test_an_interpreter_that_may_be_run_but_not_read_is_not_judged(
    shared: Path, unprivileged: Unprivileged
) -> None:
    interpreter = hidden(shared / "i", PYTHON.read_bytes())
    (script := shared / "s").write_text(f"#!{interpreter}\n")
    script.chmod(0o755)  # whatever the umask is
    with unprivileged():
        found = examined(script)
    assert found["interpreter"] == Check("interpreter", Status.OK, str(interpreter))
    assert found["machine"].status is Status.NOT_REACHED


def test_an_interpreter_that_this_user_cannot_reach_is_told(
    shared: Path, unprivileged: Unprivileged
) -> None:
    (closed := shared / "closed").mkdir(mode=0o700)
    (script := shared / "s").write_text(f"#!{closed}/sh\n")
    closed.chmod(0)
    with unprivileged():
        found = examined(script)["interpreter"]
    assert found.status is Status.FAILED
    assert found.found == f"{closed}/sh leads through a directory that this user may not search"
    closed.chmod(0o700)  # for whoever removes it
