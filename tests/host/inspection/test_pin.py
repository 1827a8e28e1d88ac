"""What the sum of a plugin's file leaves out, told by the file itself."""

import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from transportlab.host.inspection.pin import left_out


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_a_script_is_its_entry_alone(tmp_path: Path) -> None:
    script = write(tmp_path / "script", b"#! /usr/bin/env python3 -u\nimport os\n")
    assert left_out(script) == (
        "its interpreter (/usr/bin/env python3 -u), and all that it imports: the sum is this entry"
        " file's alone"
    )


def test_an_archive_is_all_that_is_in_it(tmp_path: Path) -> None:
    path = write(tmp_path / "archive", b"#!/usr/bin/python3 -IS\n")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("__main__.py", "")
    wanted = "its interpreter (/usr/bin/python3 -IS), and what that loads from outside this archive"
    assert left_out(path) == wanted


def test_a_program_is_not_the_libraries_that_it_is_linked_to(tmp_path: Path) -> None:
    shell = Path(shutil.which("sh") or "/bin/sh").resolve()
    assert left_out(shell).startswith("what it loads: /")
    assert "libc" in left_out(shell)


def test_a_static_program_is_all_of_it(tmp_path: Path) -> None:
    """A header of a program of 64 bits without any segment: nothing is loaded for it."""
    ident = b"\x7fELF" + bytes([2, 1, 1]) + bytes(9)
    header = ident + (2).to_bytes(2, "little") + (62).to_bytes(2, "little") + bytes(44)
    assert left_out(write(tmp_path / "static", header)) == ""


def test_a_static_program_of_a_compiler_is_all_of_it(tmp_path: Path) -> None:
    if shutil.which("cc") is None:
        pytest.skip("not run: no C compiler")
    out = tmp_path / "program"
    command = ["cc", "-x", "c", "-static", "-nostdlib", "-o", str(out), "-"]
    subprocess.run(command, input=b"void _start(void) { for (;;) {} }", check=True)
    assert left_out(out) == ""


def test_what_a_damaged_program_loads_cannot_be_told(tmp_path: Path) -> None:
    damaged = left_out(write(tmp_path / "damaged", b"\x7fELF"))
    assert damaged.startswith("what it loads, which is unknown: ")


def test_a_file_that_has_gone_is_told(tmp_path: Path) -> None:
    assert left_out(tmp_path / "gone") == "unknown: No such file or directory"


def test_what_runs_a_file_that_says_nothing_is_not_in_its_sum(tmp_path: Path) -> None:
    assert left_out(write(tmp_path / "text", b"hello")) == "whatever runs it"
