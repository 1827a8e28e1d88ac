"""What is built, and what is told where a toolchain is missing."""

import pytest
from msgspec.structs import replace

from tools import build_programs
from tools.build_programs import main, wanted
from transportlab.evidence.arms import load_arms


def test_programs_of_one_command_are_built_once() -> None:
    commands = wanted(())
    built = [(program.id, program.title) for programs in commands.values() for program in programs]
    assert len(built) == len(set(built)) > len(commands)
    assert [p.id for programs in wanted(["stubs"]).values() for p in programs] == ["stubs"]


def test_what_lacks_its_toolchain_or_fails_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    go = replace(load_arms().plugin("go"), needs=("no-go", "sh"))
    bare = replace(go, title="Bare", needs=())
    monkeypatch.setattr(build_programs, "wanted", lambda names: {"false": [go]})
    assert (main([]), main(["go"])) == (0, 1)
    assert capsys.readouterr().out == "Go: not built: no no-go\n" * 2
    monkeypatch.setattr(build_programs, "wanted", lambda names: {"false": [go, bare]})
    assert main([]) == 0
    assert capsys.readouterr().out.endswith("Bare: not built: `false` failed\n")
    monkeypatch.setattr(build_programs, "wanted", lambda names: {"python -c pass": [bare, go]})
    assert main([]) == 0
    assert capsys.readouterr().out == "Bare: built\nGo: not built: no no-go\n"
