"""A mutant is a copy with the fault in it, built; the plugin's own source stays as it is."""

from pathlib import Path

import pytest

from transportlab.conformance.mutants import build
from transportlab.conformance.mutants.build import NotBuilt, built, edit_file, lacking
from transportlab.conformance.mutants.data import Edit, Mutant, MutantFile
from transportlab.errors import UsageError

MUTANT = Mutant(
    "m", "end", "A fault.", (Edit("src/main", "right", "wrong"),), {"jsonrpc": ("read-empty",)}
)


def plugin(tmp_path: Path, command: str, **members: object) -> MutantFile:
    """A plugin whose build makes build/program of src/main."""
    folder = tmp_path / "plugins" / "mine"
    (folder / "src").mkdir(parents=True)
    (folder / "src" / "main").write_text("all is right\n")
    (folder / "build").mkdir()
    (folder / "build" / "program").write_text("an old one")
    (tmp_path / "spec").mkdir()
    (tmp_path / "spec" / "contract").write_text("the contract\n")
    usual: dict[str, object] = {"build": command, "links": ("../../spec", "packages")}
    members = {**usual, **members}
    return MutantFile("mine", str(folder), "build/program", (MUTANT,), **members)  # type: ignore[arg-type]


MAKE = "sh -c 'mkdir build && cat src/main ../../spec/contract > build/program'"


def test_the_copy_has_the_fault_and_the_source_has_not(tmp_path: Path) -> None:
    mine = plugin(tmp_path, MAKE)
    with built(mine, MUTANT) as program:
        assert program.read_text() == "all is wrong\nthe contract\n"
        assert program.parent.parent.name == "mine"
    assert not program.exists()
    with built(mine) as program:
        assert program.read_text() == "all is right\nthe contract\n"
    source = Path(mine.folder)
    assert (source / "src" / "main").read_text() == "all is right\n"
    assert (source / "build" / "program").read_text() == "an old one"


def test_a_folder_that_is_linked_is_not_copied(tmp_path: Path) -> None:
    mine = plugin(tmp_path, "sh -c 'mkdir build && cp packages/one build/program'")
    packages = Path(mine.folder, "packages")
    packages.mkdir()
    (packages / "one").write_text("1")
    with built(mine) as program:
        assert (program.parents[1] / "packages").is_symlink()
        assert program.read_text() == "1"


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("sh -c 'echo line 7: no such thing; exit 2'", "failed:\n  line 7: no such thing"),
        ("no-such-program", "`no-such-program`: No such file"),
        ("true", "has made no build/program"),
    ],
)
def test_a_build_that_fails_is_told(tmp_path: Path, command: str, said: str) -> None:
    with pytest.raises(NotBuilt, match=said), built(plugin(tmp_path, command)):
        pass


def test_a_build_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "BUILD_SECONDS", 0.1)
    with pytest.raises(NotBuilt, match=r"took over 0\.1 s"), built(plugin(tmp_path, "sleep 60")):
        pass


def test_a_make_around_us_is_not_the_builds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAKEFLAGS", "n")
    command = "sh -c 'mkdir build && echo flags: $MAKEFLAGS > build/program'"
    with built(plugin(tmp_path, command)) as program:
        assert program.read_text() == "flags:\n"


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (Edit("src/main", "left", "x"), "src/main: expected once, got 0 times: 'left'"),
        (Edit("src/main", "l", "x"), "src/main: expected once, got 2 times: 'l'"),
        (Edit("src/none", "l", "x"), "src/none: no such file"),
        (Edit("../mine/src/main", "right", "x"), "no such file in the plugin's folder"),
    ],
)
def test_an_edit_fits_exactly_once(tmp_path: Path, edit: Edit, said: str) -> None:
    folder = Path(plugin(tmp_path, "true").folder)
    with pytest.raises(UsageError, match=said):
        edit_file(folder, edit)


def test_a_link_stays_near(tmp_path: Path) -> None:
    mine = plugin(tmp_path, "true", links=("../../../../../etc",))
    with pytest.raises(UsageError, match="leads more than 3 folders up"), built(mine):
        pass


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    mine = plugin(tmp_path, "true", needs=("sh", "no-such-program", "nor-this"))
    assert lacking(mine) == "no no-such-program and nor-this"
    gone = MutantFile("mine", str(tmp_path / "gone"), "p", (MUTANT,))
    assert lacking(gone) == f"no source at {tmp_path / 'gone'}"
