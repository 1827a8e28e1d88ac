"""The table of languages: what is counted, what is drawn, and a short run."""

import json
import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from bench.languages import count
from bench.languages.__main__ import arms_of, measure
from bench.languages.lives import Life, Memory
from bench.languages.table import Languages, Measured, Row, Vectors, markdown, spread
from transportlab.errors import LabError
from transportlab.evidence.arms import Plugin, load_arms

ROOT = Path(__file__).resolve().parents[2]


def row(name: str, role: str, hosts: dict[str, Measured], vectors: Vectors) -> Row:
    lines = {"transport": 174, "protocol": 1296, "store": None}
    return Row(f"{name}/grpc", name, "grpc", "protobuf", role, lines, 2 << 20, vectors, hosts)


MIB = 1024.0**2
LIVES = Measured(
    tuple(Life(n / 1000, n / 1e6) for n in (1, 2, 3, 4, 5)),
    memory=tuple(Memory(2 * n * MIB, n * MIB) for n in (1, 2, 3)),
)
FOUND = Languages(
    format=1,
    measured="2026-11-28",
    blocks=5,
    seed=1,
    commit="0" * 40,
    facts={"CPUs": 2},
    hosts={"python": "A", "go": "B"},
    rows=(
        row("Go", "candidate", {"python": LIVES, "go": Measured(not_run="no go")}, Vectors(117)),
        row("C", "candidate", {"python": LIVES, "go": LIVES}, Vectors(1, 2)),
        row("Stubs", "peer", {"python": LIVES, "go": LIVES}, Vectors()),
    ),
    pairs={"Pair": Measured((Life(0.001, 0.0001),))},
)


def test_each_cell_is_a_median_with_its_spread_or_says_why_not() -> None:
    text = markdown(FOUND)
    cells, memory = "3 ms [2, 4] | 3 us [2, 4]", "4 MiB [2, 6] | 2 MiB [1, 3]"
    assert f"| Go | grpc, protobuf | {cells} | not run: no go | | {memory} |\n" in text
    assert f"| C | grpc, protobuf | {cells} | {cells} | {memory} |\n" in text
    assert f"| Stubs | grpc, protobuf | {cells} | {memory} |\n" in text
    assert "| Pair, both ends | | 1 ms [1, 1] | 100 us [100, 100] | not looked at | |" in text
    assert "in 3 lives of each plugin" in text
    assert "| Go | grpc | 174 | 1,296 | not counted | 2 MiB | 117 passed |" in text
    assert "| 1 passed, 2 failed |" in text
    assert "over 5 blocks" in text


def test_few_values_have_their_range() -> None:
    assert spread([1.0, 2.0, 9.0], 1, "s") == "2 s [1, 9]"


def test_what_fails_is_told_and_the_others_are_measured() -> None:
    def fails() -> Life:
        raise LabError("it fell over")

    found, failed = measure({"good": lambda: Life(1, 1), "bad": fails}, 2, 1)
    assert found == {"good": (Life(1, 1), Life(1, 1))}
    assert failed == {"bad": "failed: it fell over"}


def test_every_host_and_plugin_has_the_usual_codec_of_its_transports() -> None:
    known = load_arms()
    found = [(arm.host, arm.plugin, arm.transport) for arm in arms_of(known, ())]
    assert len(found) == len(set(found))
    assert {("python", "c", "ffi"), ("go", "go", "grpc"), ("python", "sdk", "http")} <= set(found)
    assert {arm.plugin for arm in arms_of(known, ["stdlib"])} == {"stdlib"}


def test_lines_are_those_of_files_and_of_sections(tmp_path: Path) -> None:
    (tmp_path / "a.go").write_text("one\n\nthree\n")
    (tmp_path / "a_test.go").write_text("no\n")
    (tmp_path / "a.rs").write_text("one\n\n#[cfg(test)]\nmod tests {\n}\n")
    (tmp_path / "b").write_text("#!x\n# ---- one ----\n1\n2\n# ---- two ----\n3\n")
    assert count.lines(["*.go"], tmp_path) == 3
    assert count.lines(["b#one", "b#two", "a.go"], tmp_path) == 8
    assert count.lines(["a.rs"], tmp_path) == 1
    assert count.lines(["none"], tmp_path) is None
    assert count.lines([], tmp_path) is None
    with pytest.raises(ValueError, match="no section three"):
        count.lines(["b#three"], tmp_path)


IN_PARTS = [plugin for plugin in load_arms().plugins if plugin.parts]


@pytest.mark.parametrize("plugin", IN_PARTS, ids=lambda plugin: plugin.id)
def test_the_parts_of_a_plugin_are_there(plugin: Plugin) -> None:
    assert plugin.parts
    assert plugin.parts.transport
    for transport in plugin.parts.transport:
        counted = count.parts(plugin, transport)
        assert all(counted.values()), counted


@pytest.mark.slow
def test_a_short_run_writes_both_files(tmp_path: Path) -> None:
    out = tmp_path / "languages"
    command = [sys.executable, "-m", "bench.languages", "--blocks", "1", "--no-vectors"]
    command += ["--plugin", "stdlib", "--out", str(out)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = msgspec.json.decode(out.with_suffix(".json").read_bytes(), type=Languages)
    assert [one.id for one in found.rows] == ["stdlib/jsonrpc", "stdlib/http"]
    assert all(len(one.hosts["python"].lives) == 1 for one in found.rows)
    assert out.with_suffix(".md").read_text() == markdown(found) == done.stdout[:-1]
    assert json.loads(out.with_suffix(".json").read_text())["blocks"] == 1


IN_OTHERS = [p for p in load_arms().plugins if p.program.startswith("plugins/")]


def numbers(text: str) -> list[int]:
    return [int(found.replace(",", "")) for found in re.findall(r" (\d[\d,]*\d)", text)]


@pytest.mark.parametrize("plugin", IN_OTHERS, ids=lambda plugin: plugin.id)
def test_a_readme_says_how_many_lines_its_plugin_has(plugin: Plugin) -> None:
    folder = ROOT.joinpath(*Path(plugin.program).parts[:2])
    lines = (folder / "README.md").read_text().splitlines()
    said = next((line for line in lines if line.startswith("Lines: ")), "")
    wanted = count.sentence(plugin)
    why = f"plugins/{folder.name}/README.md is to have this line, or nearly: {wanted}"
    told, true = numbers(said), numbers(wanted)
    assert len(told) == len(true), why
    assert all(0.95 < one / other < 1.05 for one, other in zip(told, true, strict=True)), why
