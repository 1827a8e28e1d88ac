"""Which libraries a file needs, told by reading, and held to what the loader does with the file."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from transportlab.host.inspection.check import Check
from transportlab.host.inspection.elf import Elf, parse_file
from transportlab.host.inspection.libraries import (
    MAX_PLACES,
    Libraries,
    find_libraries,
    system_directories,
)

PYTHON = Path(sys.executable).resolve()


def told(path: Path, **environment: str) -> Libraries:
    return find_libraries(path, parse_file(path), environment)


def renamed(path: Path, old: str, new: str, to: Path) -> Path:
    """A copy of an ELF file that has another name of the same length in its table of names."""
    assert len(old) == len(new)
    data = path.read_bytes()
    assert old.encode() + b"\0" in data
    to.write_bytes(data.replace(old.encode() + b"\0", new.encode() + b"\0"))
    to.chmod(0o755)
    return to


@pytest.fixture
def lacking(tmp_path: Path) -> Path:
    """A program that needs a library that is nowhere: a copy of this Python."""
    name = parse_file(PYTHON).needed[0]
    return renamed(PYTHON, name, name[:-1] + "!", tmp_path / "program")


def test_what_is_mapped_into_this_process_is_what_is_found() -> None:
    found = told(PYTHON)
    assert not found.missing
    mapped = Path("/proc/self/maps").read_text()
    for path in found.found.values():
        assert str(path.resolve()) in mapped


def test_what_the_loader_does_not_find_is_missing(lacking: Path) -> None:
    [(name, user)] = told(lacking).missing.items()
    assert user == lacking
    done = subprocess.run([lacking, "-V"], capture_output=True, text=True, check=False)
    assert done.returncode == 127
    assert name in done.stderr


def test_the_environments_directories_are_searched(lacking: Path, tmp_path: Path) -> None:
    [name] = told(lacking).missing
    real = told(PYTHON).found[parse_file(PYTHON).needed[0]]
    (tmp_path / name).symlink_to(real)
    assert told(lacking, LD_LIBRARY_PATH=f"/nowhere::{tmp_path}").missing == {}
    environment = {**os.environ, "LD_LIBRARY_PATH": str(tmp_path)}
    subprocess.run([lacking, "-V"], env=environment, check=True, capture_output=True)


def test_a_library_for_another_machine_is_passed_over(lacking: Path, tmp_path: Path) -> None:
    [name] = told(lacking).missing
    other = bytearray(PYTHON.read_bytes())
    other[18] ^= 0xFF
    (tmp_path / name).write_bytes(other)
    assert told(lacking, LD_LIBRARY_PATH=str(tmp_path)).missing
    (tmp_path / name).write_text("not a library")
    assert told(lacking, LD_LIBRARY_PATH=str(tmp_path)).missing


def test_what_a_library_needs_itself_is_told_with_its_name(lacking: Path, tmp_path: Path) -> None:
    [name] = told(lacking).missing
    middle = tmp_path / name
    middle.write_bytes(lacking.read_bytes())  # it needs itself, and for a moment nothing else
    inner = parse_file(PYTHON).needed[-1]
    renamed(middle, inner, inner[:-1] + "?", middle)
    found = told(lacking, LD_LIBRARY_PATH=str(tmp_path))
    assert found.missing == {inner[:-1] + "?": middle}


@pytest.mark.parametrize("path", ["$ORIGIN/lib", "${ORIGIN}/$LIB", "/none:$ORIGIN/lib/"])
def test_the_loaders_variables_are_filled_in(tmp_path: Path, path: str) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "libone.so").symlink_to(PYTHON)
    own = parse_file(PYTHON)
    demands = Elf(own.bits, own.order, own.machine, 3, "", ("libone.so",), tuple(path.split(":")))
    found = find_libraries(tmp_path / "program", demands, {})
    assert found.found["libone.so"].samefile(PYTHON)


def test_many_directories_of_its_own_leave_those_of_the_system(tmp_path: Path) -> None:
    own = parse_file(PYTHON)
    paths = tuple(f"/nowhere/{number}" for number in range(MAX_PLACES))
    # Python's own library may lie where the program alone says so.
    needed = tuple(name for name in own.needed if not name.startswith("libpython"))
    demands = Elf(own.bits, own.order, own.machine, 3, own.interpreter, needed, paths)
    assert not find_libraries(tmp_path / "program", demands, {}).missing


def test_a_library_that_is_named_by_its_path_is_there_or_not(tmp_path: Path) -> None:
    own = parse_file(PYTHON)
    demands = Elf(own.bits, own.order, own.machine, 3, "", (str(PYTHON), "/no/lib.so"))
    found = find_libraries(tmp_path / "program", demands, {})
    assert found.found[str(PYTHON)] == PYTHON
    assert list(found.missing) == ["/no/lib.so"]


def test_the_directories_of_the_system_are_as_configured(tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "ld.so.conf").write_text(
        "# a comment\n/first # and why\n\ninclude more/*.conf\ninclude ld.so.conf\n/last\n"
    )
    (tmp_path / "more" / "b.conf").write_text("/b\n")
    (tmp_path / "more" / "a.conf").write_text("/a\n")
    found = system_directories(tmp_path / "ld.so.conf")
    assert found[:4] == ["/first", "/a", "/b", "/last"]
    assert {"/lib", "/usr/lib"} <= set(found)
    assert "/first" not in system_directories(tmp_path / "none")


def test_a_library_that_was_removed_is_told_by_us_and_by_the_loader(
    compiled: Callable[..., Path], failing: Callable[..., dict[str, Check]]
) -> None:
    gone = compiled("libgone.so", "int gone(void) { return 7; }", "-shared", "-fPIC")
    source = "int gone(void); int main(void) { return gone(); }"
    rpath = f"-Wl,-rpath,{gone.parent}"
    path = compiled("cronix-backend-demo", source, str(gone.parent / gone.name), rpath)
    assert "exit status 7" in failing(path, "handshake")["handshake"].found
    gone.unlink()
    found = failing(path, "libraries", "handshake")
    assert str(gone) in found["libraries"].found
    assert "which cronix-backend-demo needs" in found["libraries"].found
    assert "libgone.so" in found["handshake"].lines[0]
    assert "exit status 127" in found["handshake"].found
