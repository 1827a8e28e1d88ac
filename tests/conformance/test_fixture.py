"""The fresh directory of a vector, and what counts as not the plugin's."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from transportlab.conformance.fixture import (
    FOREIGN,
    MOST,
    FileProblem,
    Fixture,
    foreign_digest,
)
from transportlab.conformance.vectors import Content, Vector, load_vectors

OWNED = (
    b"0 3 * * * /usr/local/bin/cronix trigger web.a\n# cronix:owned app=web job=a hash=a1 idx=0\n"
)


def vector(file: Content | None = None) -> Vector:
    return replace(load_vectors()[0], file=file)


@pytest.mark.parametrize(
    "data",
    [
        OWNED + FOREIGN,
        FOREIGN + OWNED,
        FOREIGN + b"9 9 * * * /usr/local/bin/cronix trigger web.b\n",
        FOREIGN.replace(b"\nMAILTO", b"\n" + OWNED + b"MAILTO"),
        FOREIGN.removesuffix(b"\n"),
        FOREIGN + b"# cronix:line-end (the line above had none)\n",
    ],
)
def test_what_is_cronixs_does_not_count(data: bytes) -> None:
    assert foreign_digest(data) == foreign_digest(FOREIGN)


@pytest.mark.parametrize(
    "data",
    [
        FOREIGN + b"# cronix:owned app=web job=a hash=a1 idx=0\n",
        FOREIGN.replace(b"\n", b"\r\n"),
        FOREIGN.replace(b"\t", b" "),
        b"\n".join(reversed(FOREIGN.split(b"\n"))),
        FOREIGN + b"\n",
        FOREIGN.replace(b"@reboot", b"#@reboot"),
        b"",
    ],
)
def test_any_other_change_counts(data: bytes) -> None:
    assert foreign_digest(data) != foreign_digest(FOREIGN)


def test_a_fixture_fills_the_config_and_is_removed() -> None:
    fixture = Fixture(vector())
    config = fixture.config({"path": "{file}", "state": "{dir}/s", "x": "y"})
    assert config == {"path": str(fixture.file), "state": f"{fixture.folder}/s", "x": "y"}
    assert fixture.neutral(f"{fixture.file}: gone") == "{dir}/crontab: gone"
    assert fixture.file.read_bytes() == FOREIGN
    fixture.remove()
    assert not fixture.folder.exists()


def test_harm_is_seen_unless_an_operator_did_it() -> None:
    fixture = Fixture(vector(Content(text="a\n", latin1="\u00ff\n")))
    assert fixture.file.read_bytes() == b"a\n\xff\n"
    assert not fixture.harmed()
    fixture.file.write_bytes(b"a\n")
    assert fixture.harmed()
    fixture.write(b"b\n")
    assert fixture.read() == b"b\n"
    assert not fixture.harmed()
    fixture.remove()


def _link_to(target: str) -> Callable[[Path], None]:
    return lambda path: path.symlink_to(target)


@pytest.mark.parametrize(
    ("put", "said"),
    [
        (_link_to("/dev/zero"), "got a device"),
        (os.mkfifo, "got a named pipe"),
        (Path.mkdir, "got a directory"),
        (_link_to("crontab"), "cannot be"),
        (lambda path: path.write_bytes(b"\n" * (MOST + 1)), f"over {MOST} bytes"),
    ],
)
def test_what_is_no_file_to_be_read_is_said_at_once(put: Callable[[Path], None], said: str) -> None:
    fixture = Fixture(vector())
    fixture.file.unlink()
    put(fixture.file)
    with pytest.raises(FileProblem, match=said):
        fixture.harmed()
    if "over" not in said:
        with pytest.raises(FileProblem, match=said):
            fixture.write(b"a\n")
    fixture.remove()
    assert not os.path.lexists(fixture.folder)


def test_a_fixture_is_removed_whatever_rights_are_left_in_it(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir(mode=0o500)
    fixture = Fixture(vector())
    deep = fixture.folder / "a" / "b"
    deep.mkdir(parents=True)
    (deep / "file").touch()
    (fixture.folder / "link").symlink_to(outside)
    deep.chmod(0)
    deep.parent.chmod(0)
    fixture.remove()
    assert not fixture.folder.exists()
    assert outside.stat().st_mode & 0o777 == 0o500


def test_a_file_may_be_absent() -> None:
    fixture = Fixture(vector(Content(absent=True)))
    assert not fixture.file.exists()
    assert not fixture.harmed()
    fixture.remove()
