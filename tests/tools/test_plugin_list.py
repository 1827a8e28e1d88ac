"""The list of plugins: what an entry takes from a report, and which reports it refuses."""

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tools.generate import ROOT
from tools.generate.plugins import load, page
from tools.plugin_list import main
from transportlab import __version__
from transportlab.conformance.report import FORMAT
from transportlab.conformance.standing import load_standing
from transportlab.conformance.vectors import load_vectors

Lines = list[dict[str, Any]]

LACKS_FILE = "needs feature crontab-file, feature fresh-store"


def report(transport: str = "jsonrpc") -> Lines:
    """A report of a plugin that has no crontab and no Adopt, and passes all else."""
    outcomes = []
    vectors = load_vectors()
    standing = load_standing(vectors, lambda revision: revision.plugin)
    for vector in vectors:
        if vector.transport in ("", transport) and standing.requires(vector):
            line: dict[str, Any] = {"transport": transport, "codec": "json", "vector": vector.id}
            line |= {"level": vector.level, "status": "pass"}
            if "crontab-file" in vector.needs.features:
                line |= {"status": "unsupported", "reason": LACKS_FILE}
            elif vector.group == "adopt":
                line |= {"status": "unsupported", "reason": "needs capability adopt"}
            outcomes.append(line)
    head = {"format": FORMAT, "project_version": __version__, "vectors": len(outcomes)}
    head["revision"] = standing.revision
    return [head, *outcomes, {"ok": True, "disagreements": []}]


@pytest.fixture
def add(tmp_path: Path) -> Callable[..., int]:
    """add(report, option, ...) runs the command on a project of its own."""

    def command(lines: Lines, *options: str) -> int:
        path = tmp_path / "report.jsonl"
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        (tmp_path / "docs").mkdir(exist_ok=True)
        told = [
            "--name=mine",
            "--plugin-version=1.2",
            "--language=Go",
            "--source=https://example.org/mine",
        ]
        return main([str(path), *told, *options], tmp_path)

    return command


def test_an_entry_is_made_of_a_report(add: Callable[..., int], tmp_path: Path) -> None:
    release = tmp_path / "release"
    release.write_bytes(b"binary")
    lines = [*report()[:-1], *report("http")[1:]]
    assert add(lines, "--file", str(release)) == 0
    [entry] = load(tmp_path)
    assert [(arm.transport, arm.codec, arm.level) for arm in entry.arms] == [
        ("jsonrpc", "json", 4),
        ("http", "json", 4),
    ]
    assert "adopt" not in entry.capabilities
    assert len(entry.capabilities) == 6
    arm = entry.arms[0]
    assert set(arm.unsupported) == {"feature crontab-file", "capability adopt"}
    assert arm.passed + sum(arm.unsupported.values()) == len(report()) - 2
    written = (tmp_path / "docs/plugins.md").read_text()
    assert written == page([entry]).decode()
    assert "| [mine](https://example.org/mine) | 1.2 | Go | jsonrpc, http | read, plan," in written
    assert f"`{hashlib.sha256(b'binary').hexdigest()}`" in written
    assert f"| mine | http | json | 4 (bears faults) | 1 | {entry.arms[1].passed} |" in written


def test_a_transport_that_is_not_served_is_left_out(
    add: Callable[..., int], tmp_path: Path
) -> None:
    other: Lines = [
        {**line, "status": "unsupported", "reason": "the plugin is a program"}
        for line in report("http")[1:-1]
    ]
    assert add([*report()[:-1], *other, report()[-1]]) == 0
    assert [arm.transport for arm in load(tmp_path)[0].arms] == ["jsonrpc"]


def test_an_advisory_vector_does_not_count(add: Callable[..., int], tmp_path: Path) -> None:
    lines = report()
    lines.insert(2, {**lines[1], "vector": "a-new-one", "status": "fail", "advisory": True})
    assert add(lines) == 0
    assert add(report()) == 0


def failed(lines: Lines) -> None:
    lines[3]["status"] = "fail"


def harness(lines: Lines) -> None:
    lines[4]["status"] = "harness error"


def cut(lines: Lines) -> None:
    del lines[-1]


def partial(lines: Lines) -> None:
    del lines[2:9]


def disagreeing(lines: Lines) -> None:
    lines[-1]["disagreements"] = [{"vector": "read-empty"}]


def reading(lines: Lines) -> None:
    for line in lines[1:-1]:
        if line["level"] > 1:
            line |= {"status": "unsupported", "reason": "needs capability plan"}


def empty(lines: Lines) -> None:
    del lines[1:-1]


def unreleased(lines: Lines) -> None:
    lines[0]["revision"] = "next"


def other_form(lines: Lines) -> None:
    lines[0]["format"] = 99


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (failed, r"jsonrpc-json: an entry has no such vectors: [a-z-]+ \(fail\); 1 in all"),
        (harness, r"\(harness error\); 1 in all"),
        (cut, "the run has not ended"),
        (partial, "jsonrpc-json: 7 vectors that the revision requires are not in the report"),
        (disagreeing, "read-empty: the transports disagree"),
        (reading, "jsonrpc-json: expected level 3 or higher, got 1"),
        (empty, "no vector passes on any transport"),
        (other_form, "not a report of format"),
        (unreleased, "not of a released revision; there are 1"),
    ],
)
def test_a_report_that_an_entry_may_not_have_is_refused(
    change: Callable[[Lines], None],
    said: str,
    add: Callable[..., int],
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    lines = report()
    change(lines)
    assert add(lines) == 1
    assert re.search(said, capsys.readouterr().err)
    assert load(tmp_path) == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--name=Mine"], '--name: "Mine" is not a backend\'s name'),
        (["--file=/nowhere"], "--file: /nowhere: cannot be read"),
    ],
)
def test_a_wrong_option_is_told(
    options: list[str],
    said: str,
    add: Callable[..., int],
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert add(report(), *options) == 1
    assert said in capsys.readouterr().err


def test_what_is_no_report_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = ["--name=mine", "--plugin-version=1", "--language=C", "--source=x"]
    path = tmp_path / "x"
    assert main([str(path), *told], tmp_path) == 1
    path.write_text("<xml/>\n")
    assert main([str(path), *told], tmp_path) == 1
    said = capsys.readouterr().err
    assert "cannot be read: No such file" in said
    assert "not a report of `transportlab conformance --json-file`" in said


def test_the_plugins_of_this_project_are_listed() -> None:
    own = {entry.source for entry in load() if "://" not in entry.source}
    assert own == {f"plugins/{path.parent.name}" for path in ROOT.glob("plugins/*/README.md")}
