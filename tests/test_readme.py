"""The documents' commands, executed, print what they show; what the documents name is there."""

import os
import re
import subprocess
import sys
from pathlib import Path
from shutil import which

import pytest

from tools.generate.record import BEGIN, END
from transportlab.backends import crontab
from transportlab.evidence.report.formatting import NONE

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "README.md").read_text()
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.M | re.S)
TABLE = re.compile(r"^```text\n(.*?)^```$", re.M | re.S)
COMMAND = re.compile(r"^\$ (.*(?<!\\)(?:\\\n.*(?<!\\))*)\n((?:(?!\$ ).*\n)*)", re.M)
"""A command, which a backslash may continue on the next line, and what it prints."""

WAYS = ("grpc", "jsonrpc", "http", "ffi")
"""The transports in the columns of the table of starts."""

LINK = re.compile(r"\]\((?!https?:)([^)]+)\)")
FOLDERS = "bench|docs|evidence|plugins|report|spec|tests|tools|transportlab|transports"
PATH = re.compile(rf"(?<![\w/.-])((?:{FOLDERS})/[\w./-]*\w)")
EXAMPLE = {f"transports/toy/{name}.py" for name in ("__init__", "client", "server", "wire")}
GONE = {"docs/host.md"}
HEADING = re.compile(r"^#+ (.+)$", re.M)
DOCUMENTS = [
    *ROOT.glob("*.md"),
    *(path for folder in ("docs", "evidence", "spec") for path in ROOT.glob(f"{folder}/**/*.md")),
]
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text()
PLACE = re.compile(r"^\| ((?:[\w.-]+/)[\w./-]*(?:, [\w./-]+)*) \|", re.M)
PATIENCE = 60
SHELLS = ["sh", *(pytest.param(name, marks=pytest.mark.slow) for name in ("bash", "zsh", "fish"))]


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("name", ["README.md", "docs/operating-plugins.md"])
def test_each_command_prints_what_is_shown_in_any_shell(
    name: str, shell: str, tmp_path: Path
) -> None:
    if which(shell) is None:
        pytest.skip(f"not run: no {shell}")
    (tmp_path / "spec").symlink_to(ROOT / "spec")
    path = f"{patient(tmp_path).parent}{os.pathsep}{os.environ['PATH']}"
    blocks = BLOCK.findall((ROOT / name).read_text())
    commands = [found for block in blocks for found in COMMAND.findall(block)]
    assert commands
    script = "".join(f"{command}\nprintf '\\0'\n" for command, _ in commands)
    done = subprocess.run(
        [shell, "-c", script], cwd=tmp_path, env={**os.environ, "PATH": path},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    printed = [[line.rstrip() for line in text.splitlines()] for text in done.stdout.split("\0")]
    assert printed == [*(shown.splitlines() for _, shown in commands), []]


def patient(folder: Path) -> Path:
    """The command in the folder's .venv, with more time than usual: the machine may be loaded."""
    command = folder / ".venv" / "bin" / "transportlab"
    command.parent.mkdir(parents=True)
    real = Path(sys.executable).with_name(command.name)
    command.write_text(f'#!/bin/sh\nexec {real} "$@" --handshake-timeout {PATIENCE}\n')
    command.chmod(0o755)
    return command


def test_each_start_is_that_of_the_report() -> None:
    """tests/tools/test_generate.py holds the table to the runs."""
    report = (ROOT / "REPORT.md").read_text()
    rows = [cells_of(line) for line in TEXT.split(BEGIN)[1].split(END)[0].strip().splitlines()]
    shown = {
        (row[0], way): cell for row in rows[2:] for way, cell in zip(WAYS, row[1:], strict=True)
    }
    told = [cells_of(line) for line in report.splitlines() if line.startswith("| ")]
    head = next(row for row in told if "start to end, ms, go" in row)
    place = head.index("start to end, ms, go")
    known = {(row[0], row[1].split(",")[0]): row[place] for row in told if len(row) == len(head)}
    assert len(rows) > 5
    for name, cell in shown.items():
        figure = re.sub(r" \(baseline\)| \*\*!\*\*| \?$", "", cell)
        assert figure == known.get(name, NONE).replace("*", "").removesuffix(" ?"), name


def cells_of(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split(" | ")]


def test_the_table_of_transports_is_what_the_command_prints() -> None:
    """Column by column: a transport that is added need not be in the document."""
    program = str(Path(sys.executable).with_name("transportlab"))
    printed = subprocess.run([program, "transports"], capture_output=True, text=True, check=True)
    [shown] = [columns(text) for text in TABLE.findall(TEXT)]
    assert len(shown) == 5
    assert shown.items() <= columns(printed.stdout).items()


def columns(table: str) -> dict[str, tuple[str, ...]]:
    """Each column's cells below its head, by the head; the first column's head is empty."""
    head, *lines = table.splitlines()
    starts = [match.start() for match in re.finditer(r"\S+", head)]
    ends = [*starts[1:], None]
    cells = [
        [line[s:e].strip() for line in (head, *lines)] for s, e in zip(starts, ends, strict=True)
    ]
    names = [line[: starts[0]].strip() for line in lines]
    return {
        name: tuple(f"{n}: {c}" for n, c in zip(names, rest, strict=True)) for name, *rest in cells
    }


def test_the_table_of_the_crontab_plugins_keys_is_complete() -> None:
    page = (ROOT / "docs" / "operating-plugins.md").read_text()
    section = page.split("\n## Configure the crontab plugin\n")[1].split("\n## ")[0]
    keys = re.findall(r"^\| `(\w+)` \|", section, re.M)
    assert keys == [key.name for key in crontab.PLUGIN.config]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_each_link_leads_to_a_file_and_a_heading(document: Path) -> None:
    for link in LINK.findall(document.read_text()):
        name, _, anchor = link.partition("#")
        target = document.parent / name if name else document
        assert target.is_file(), link
        assert not anchor or anchor in map(anchor_of, HEADING.findall(target.read_text())), link


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_each_path_that_a_document_names_is_there(document: Path) -> None:
    named = set(PATH.findall(document.read_text()))
    known = GONE if document.name == "CHANGELOG.md" else EXAMPLE
    assert {path for path in named if not (ROOT / path).exists()} <= known


def anchor_of(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def test_each_place_in_the_tables_of_places_is_there() -> None:
    places = [place for text in (TEXT, ARCHITECTURE) for place in PLACE.findall(text)]
    assert len(places) > 20
    for first, *others in (place.split(", ") for place in places):
        paths = [ROOT / first, *((ROOT / first).parent / other for other in others)]
        paths = [
            p if p.exists() else ROOT / o for p, o in zip(paths, (first, *others), strict=True)
        ]
        assert [path for path in paths if not path.exists()] == []
