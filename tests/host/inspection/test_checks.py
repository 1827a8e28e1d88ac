"""Checks on files that cannot be read, on static programs, and on interpreters."""

import os
import shutil
import struct
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from transportlab.host.inspection.checks import FILE_CHECKS, examine
from transportlab.host.inspection.findings import Check, Status

PYTHON = Path(sys.executable).resolve()
NOBODY = 65534


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder that every user can reach, as tmp_path is not."""
    folder = Path(tempfile.mkdtemp(prefix="tl-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def examined(path: Path, *, privileged: bool = True) -> dict[str, Check]:
    drop = not privileged and os.geteuid() == 0
    try:
        if drop:
            os.seteuid(NOBODY)
        found = examine(path, library=False, environment={"PATH": "/bin"})
    finally:
        if drop:
            os.seteuid(0)
    assert [check.name for check in found] == list(FILE_CHECKS)
    return {check.name: check for check in found}


def put(path: Path, data: bytes, mode: int = 0o755) -> Path:
    path.write_bytes(data)
    path.chmod(mode)
    return path


def test_a_program_that_may_be_run_but_not_read_is_not_judged(shared: Path) -> None:
    found = examined(put(shared / "p", PYTHON.read_bytes(), 0o111), privileged=False)
    assert found["mount"].status is Status.OK
    assert found["format"].found == "cannot be read: Permission denied"
    assert {check.status for check in list(found.values())[1:]} == {Status.NOT_REACHED}


def test_an_interpreter_that_may_be_run_but_not_read_is_not_judged(shared: Path) -> None:
    interpreter = put(shared / "i", PYTHON.read_bytes(), 0o111)
    found = examined(put(shared / "s", f"#!{interpreter}\n".encode()), privileged=False)
    assert found["interpreter"] == Check("interpreter", Status.OK, str(interpreter))
    assert found["machine"].status is Status.NOT_REACHED


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
def test_a_static_program_needs_no_loader_and_no_libraries(tmp_path: Path) -> None:
    found = examined(put(tmp_path / "static", without(PYTHON.read_bytes(), 2, 3)))
    assert {check.status for check in found.values()} == {Status.OK}
    assert found["loader"].found == "a static program"
    assert found["libraries"].found == "none needed"


def test_what_is_found_of_an_interpreter_names_it(tmp_path: Path) -> None:
    found = examined(put(tmp_path / "s", f"#!{PYTHON} -I\n".encode()))
    assert {check.status for check in found.values()} == {Status.OK}
    for name in ("machine", "loader", "libraries"):
        assert found[name].found.endswith(f" (of {PYTHON})")


def test_a_damaged_interpreter_is_told(tmp_path: Path) -> None:
    interpreter = put(tmp_path / "i", b"\x7fELF\2\1")
    found = examined(put(tmp_path / "s", f"#!{interpreter}\n".encode()))
    assert found["interpreter"].status is Status.FAILED
    assert found["interpreter"].found.startswith("a damaged ELF file")
