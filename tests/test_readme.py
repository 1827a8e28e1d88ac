"""README.md's commands, executed, print what it shows; what it and its like name is there."""

import os
import re
import subprocess
import sys
from pathlib import Path

from transportlab.cli import options
from transportlab.cli.process import ENDING, EXIT_SIGNAL

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "README.md").read_text()
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.M | re.S)
TABLE = re.compile(r"^```text\n(.*?)^```$", re.M | re.S)
COMMAND = re.compile(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", re.M)
LINK = re.compile(r"\]\(([^)]+)\)")
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text()
PLACE = re.compile(r"^\| ((?:[\w.-]+/)[\w./-]*(?:, [\w./-]+)*) \|", re.M)
ROW = re.compile(r"^\| (\d+(?:, \d+)*) \|", re.M)


def test_each_command_prints_what_is_shown(tmp_path: Path) -> None:
    (tmp_path / "spec").symlink_to(ROOT / "spec")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    commands = [found for block in BLOCK.findall(TEXT) for found in COMMAND.findall(block)]
    assert len(commands) >= 6
    script = "".join(f"{command}\nprintf '\\0'\n" for command, _ in commands)
    done = subprocess.run(
        ["sh", "-ec", script], cwd=tmp_path, env={**os.environ, "PATH": path},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    printed = [[line.rstrip() for line in text.splitlines()] for text in done.stdout.split("\0")]
    assert printed == [*(shown.splitlines() for _, shown in commands), []]


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


def test_the_table_of_exit_codes_is_complete() -> None:
    codes = {value for name, value in vars(options).items() if name.startswith("EXIT_")}
    signals = {EXIT_SIGNAL + number for number in ENDING}
    shown = [int(code) for row in ROW.findall(TEXT) for code in row.split(", ")]
    assert sorted(shown) == sorted({0, *codes, *signals})


def test_each_link_leads_to_a_file() -> None:
    missing = [link for link in LINK.findall(TEXT) if not (ROOT / link).is_file()]
    assert missing == []


def test_each_place_in_the_tables_of_places_is_there() -> None:
    places = [place for text in (TEXT, ARCHITECTURE) for place in PLACE.findall(text)]
    assert len(places) > 20
    for first, *others in (place.split(", ") for place in places):
        paths = [ROOT / first, *((ROOT / first).parent / other for other in others)]
        paths = [
            p if p.exists() else ROOT / o for p, o in zip(paths, (first, *others), strict=True)
        ]
        assert [path for path in paths if not path.exists()] == []
