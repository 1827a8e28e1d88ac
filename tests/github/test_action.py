"""The action for hosted CI: its steps do their work in a shell as the runner's."""

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from transportlab.cli.lab.conformance import conformance
from transportlab.cli.lab.conformance_host import conformance_host

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".github" / "actions" / "conformance"
ACTION: dict[str, Any] = yaml.safe_load((FOLDER / "action.yml").read_text())
STEPS: dict[str, dict[str, Any]] = {step["name"]: step for step in ACTION["runs"]["steps"]}
INPUT = re.compile(r"\$\{\{ inputs\.(\w+) \}\}\Z")


class Runner:
    """Runs steps as a hosted runner does, in a folder that has the plugin in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.temp = folder / "temp"
        self.programs = folder / "programs"
        for made in (self.temp, self.programs):
            made.mkdir()

    def program(self, path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)

    def run(self, name: str, inputs: Mapping[str, str], status: int = 0) -> str:
        step = STEPS[name]
        given = {key: about["default"] for key, about in ACTION["inputs"].items()} | dict(inputs)
        values = {}
        for variable, text in step["env"].items():
            match = INPUT.match(text)
            assert match, text
            values[variable] = given[match[1]]
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=self.folder,
            env={
                **os.environ,
                **values,
                "PATH": f"{self.programs}:{os.environ['PATH']}",
                "RUNNER_TEMP": str(self.temp),
                "GITHUB_ACTION_PATH": str(FOLDER),
                "GITHUB_OUTPUT": str(self.folder / "output"),
                "GITHUB_STEP_SUMMARY": str(self.folder / "summary"),
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    return Runner(tmp_path)


def test_what_it_uses_is_pinned_and_no_input_is_read_as_code() -> None:
    for step in STEPS.values():
        if "uses" in step:
            assert re.search(r"@[0-9a-f]{40}$", step["uses"])
        else:
            assert step["shell"] == "bash"
            assert "${{" not in step["run"]


@pytest.mark.parametrize(
    ("given", "installed"),
    [("", f"{FOLDER}/../../..[conformance]"), ("mine.whl[conformance]", "mine.whl[conformance]")],
)
def test_it_installs_the_repository_or_what_is_given(
    runner: Runner, given: str, installed: str
) -> None:
    pip = "$3/bin/pip"
    made = f'mkdir -p "$3/bin"; printf \'#!/bin/sh\\necho "$@"\\n\' > "{pip}"; chmod +x "{pip}"'
    runner.program(runner.programs / "python3", made)
    said = runner.run("Install", {"install": given})
    assert said.split()[-1] == installed


WRITES = """
for word in "$@"; do
    case "$last" in --json-file | --junit | --markdown | --badge) echo made > "$word" ;; esac
    last=$word
done
"""


def test_it_keeps_what_the_suite_writes(runner: Runner) -> None:
    runner.program(runner.temp / "transportlab" / "bin" / "transportlab", WRITES)
    runner.run("Run", {"plugin": "p"})
    folder = runner.temp / "conformance"
    names = {"report.jsonl", "junit.xml", "summary.md", "badge.svg"}
    assert {path.name for path in folder.iterdir()} == names
    assert (runner.folder / "summary").read_text() == "made\n"
    assert (runner.folder / "output").read_text() == f"folder={folder}\n"


def test_the_command_has_each_option_that_it_gives(runner: Runner) -> None:
    command = runner.temp / "transportlab" / "bin" / "transportlab"
    runner.program(command, 'printf "%s\\n" "$@"')
    given = {"transports": "a b", "config": "c=d", "offers": "e", "known": "f", "revision": "1"}
    for subject, suite in ({"plugin": "p"}, conformance), ({"host": "h"}, conformance_host):
        own = given if subject.get("plugin") else {"known": "f", "transports": "a"}
        words = runner.run("Run", {**own, **subject}).splitlines()
        options = {word for word in words if word.startswith("--")}
        assert options <= {name for name, _ in suite.options}
        assert len(options) == (10 if suite is conformance else 7)


def test_values_with_spaces_and_dollars_arrive_as_they_are(runner: Runner) -> None:
    command = runner.temp / "transportlab" / "bin" / "transportlab"
    runner.program(command, 'printf "%s\\n" "$@"; exit 1')
    config = "root={dir}/a b\n\ntoken=$(id)\n"
    inputs = {"plugin": "p", "config": config, "known": "known.json", "revision": "1"}
    words = runner.run("Run", inputs, status=1).splitlines()
    assert words[:3] == ["conformance", "--plugin", str(runner.folder / "p")]
    assert [words[i + 1] for i, word in enumerate(words) if word == "--backend-config"] == [
        "root={dir}/a b",
        "token=$(id)",
    ]
    assert words[words.index("--known") + 1] == "known.json"
    assert words[words.index("--revision") + 1] == "1"


def test_a_host_takes_the_place_of_a_plugin(runner: Runner) -> None:
    command = runner.temp / "transportlab" / "bin" / "transportlab"
    runner.program(command, 'printf "%s\\n" "$@"')
    words = runner.run("Run", {"host": "mine {verb}"}).splitlines()
    assert words[:4] == ["conformance", "host", "--command", "mine {verb}"]


def test_without_either_it_says_so(runner: Runner) -> None:
    assert "give the action one of plugin and host" in runner.run("Run", {}, status=2)
