"""docs/exit-codes.md has each exit code of the commands."""

import ast
import re
import signal
from pathlib import Path

from transportlab.cli.commands import COMMANDS
from transportlab.cli.process import ENDING, EXIT_SIGNAL

ROOT = Path(__file__).resolve().parents[2]
TABLE = (ROOT / "docs" / "exit-codes.md").read_text()
PLACES = ("cli/**/*.py", "evidence/gate/*.py")


def test_the_page_has_each_exit_code() -> None:
    used = {0, *(EXIT_SIGNAL + number for number in ENDING)}
    for place in PLACES:
        for path in (ROOT / "transportlab").glob(place):
            for node in ast.parse(path.read_text()).body:
                if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
                    [target] = node.targets
                    if isinstance(target, ast.Name) and target.id.startswith("EXIT_"):
                        used.add(int(str(node.value.value)))
    used.discard(EXIT_SIGNAL)
    told = {int(n) for row in re.findall(r"^\| ([\d, ]+) \|", TABLE, re.M) for n in row.split(",")}
    assert told == used
    assert EXIT_SIGNAL + signal.SIGTERM in told


def test_the_page_names_commands_that_there_are() -> None:
    known = {name for name, _ in COMMANDS.items()}
    known |= {f"plugins {name}" for name in ("list", "diagnose", "pin", "verify")}
    cells = re.findall(r"^\|[^|]*\|[^|]*\|([^|]*)\|$", TABLE, re.M)
    named = {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}
    assert named <= known
