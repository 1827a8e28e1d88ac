"""Facts of the machine: what is there, what is not visible, and what must not be told."""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from transportlab.data import ROOT
from transportlab.evidence.run import machine


def test_facts_do_not_change_while_nothing_does() -> None:
    assert machine.facts() == machine.facts()


def test_facts_are_json_and_name_what_figures_depend_on() -> None:
    found = json.loads(json.dumps(machine.facts()))
    assert found["python"]["version"] == ".".join(map(str, sys.version_info[:3]))
    assert found["versions"]["msgspec"]
    assert found["topology"]["available"]
    assert found["cpu"]["architecture"]


def test_what_the_machine_does_not_show_is_not_visible(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "CPU", tmp_path)
    found = machine.facts()
    for name in ("governor", "turbo", "cpuidle_driver"):
        assert found[name] == "not visible"
    assert found["mitigations"] == {}
    assert machine.read(tmp_path / "none") == "not visible"


def test_turbo_is_told_as_the_driver_shows_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "intel_pstate").mkdir()
    (tmp_path / "intel_pstate" / "no_turbo").write_text("1\n")
    monkeypatch.setattr(machine, "CPU", tmp_path)
    assert machine.facts()["turbo"] == "no_turbo=1"


def test_a_library_that_is_not_there_has_no_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "google.protobuf", None)
    assert machine.facts()["protobuf_backend"] == "not installed"


def test_the_source_digest_changes_with_code_and_with_nothing_else(tmp_path: Path) -> None:
    code = tmp_path / "transportlab" / "a.py"
    code.parent.mkdir()
    code.write_text("x = 1\n")
    before = machine.source_digest(tmp_path)
    (tmp_path / "README.md").write_text("new")
    (code.parent / "__pycache__").mkdir()
    (code.parent / "__pycache__" / "a.pyc").write_text("x")
    for folder in ("analysis", "report", "gate", "decision", "conformance", "cluster", "lab"):
        (code.parent / "evidence" / folder).mkdir(parents=True)
        (code.parent / "evidence" / folder / "a.py").write_text("reads evidence")
    (code.parent / "raw.py").write_text("tests plugins")
    assert machine.source_digest(tmp_path) == before
    code.write_text("x = 2\n")
    assert machine.source_digest(tmp_path) != before


def test_only_the_conformance_suite_imports_raw_wires() -> None:
    measured = [
        path
        for folder in ("transportlab", "transports")
        for path in (ROOT / folder).rglob("*.py")
        if not machine.BESIDE & set(path.relative_to(ROOT).parts)
    ]
    assert len(measured) > 100
    imports = re.compile(r"transportlab\.raw\b|import raw\b|, \"raw\"\)")
    assert [path for path in measured if imports.search(path.read_text())] == []


def test_the_folder_that_a_checkout_is_in_is_no_part_of_the_digest(tmp_path: Path) -> None:
    found = []
    for folder in ("project", "report", "lab"):
        code = tmp_path / folder / "transportlab" / "a.py"
        code.parent.mkdir(parents=True)
        code.write_text("x = 1\n")
        found.append(machine.source_digest(tmp_path / folder))
    assert len(set(found)) == 1
    assert found[0] != machine.source_digest(tmp_path)


def test_the_source_digest_of_a_wheel_leaves_out_the_data_that_comes_with_it(
    tmp_path: Path,
) -> None:
    code = tmp_path / "transportlab" / "a.py"
    code.parent.mkdir()
    code.write_text("x = 1\n")
    before = machine.source_digest(tmp_path)
    (code.parent / "_data").mkdir()
    (code.parent / "_data" / "claims.json").write_text("[]")
    assert machine.source_digest(tmp_path) == before


def test_a_repository_that_the_environment_is_in_is_not_the_projects_own(
    tmp_path: Path,
) -> None:
    subprocess.run(["git", "init"], cwd=tmp_path, check=True, capture_output=True)
    assert machine.commit(tmp_path / "site-packages") == ("unknown", True)


def test_commit_and_dirty_are_those_of_the_checkout(tmp_path: Path) -> None:
    def git(*arguments: str) -> None:
        who = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
        subprocess.run(["git", *who, *arguments], cwd=tmp_path, check=True, capture_output=True)

    assert machine.commit(tmp_path) == ("unknown", True)
    git("init")
    git("commit", "--allow-empty", "-m", "first")
    head, dirty = machine.commit(tmp_path)
    assert len(head) == 40
    assert not dirty
    (tmp_path / "new").write_text("")
    assert machine.commit(tmp_path) == (head, True)


def test_places_of_this_machine_are_taken_out_of_reasons() -> None:
    text = f"{ROOT}/x {tempfile.gettempdir()}/y {Path.home()}/z {sys.prefix}/bin"
    found = machine.without_places(text)
    assert "$ROOT/x" in found
    assert "$TMP/y" in found
    for place in (str(ROOT), sys.prefix, tempfile.gettempdir()):
        assert place not in found


def test_load_is_told_or_not_visible(monkeypatch: pytest.MonkeyPatch) -> None:
    assert machine.load()["load1"] >= 0
    monkeypatch.setattr(machine, "read", lambda _: "not visible")
    found = machine.load()
    assert (found["steal"], found["pressure_cpu"]) == ("not visible", "not visible")
