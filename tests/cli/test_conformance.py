"""The conformance command: its exit codes, its files, and how it tells a failure."""

import json
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from transportlab.conformance.host.command import PLACES
from transportlab.conformance.vectors import load_vectors, select

Run = Callable[..., Any]


def test_the_command_runs_writes_files_and_exits_with_0(run: Run, tmp_path: Path) -> None:
    lines, xml = tmp_path / "out.jsonl", tmp_path / "out.xml"
    files = ["--json-file", str(lines), "--junit", str(xml)]
    done = run(
        "conformance", "--transport", "direct", "--group", "prune", "--revision", "next", *files
    )
    assert done.code == 0
    assert "direct-none    7 pass, 0 fail, 0 unsupported, 0 not run, 0 harness error" in done.out
    assert done.out.endswith("OK: 7 vectors\n")
    head, *outcomes, end = map(json.loads, lines.read_text().splitlines())
    assert head["vectors"] == len(outcomes) == 7
    assert {o["status"] for o in outcomes} == {"pass"}
    assert outcomes[0]["vector"] == "prune-removes-what-is-not-kept"
    assert end["ok"] is True
    assert end["results"][0]["totals"]["pass"] == 7
    assert ET.parse(xml).getroot()[0].get("tests") == "7"


def test_a_failure_is_told_with_its_replay_and_exits_with_1(run: Run, tmp_path: Path) -> None:
    plugin, lines = tmp_path / "cronix-backend-odd", tmp_path / "out"
    plugin.write_text(f"#!{sys.executable}\nraise SystemExit('not today \\ud83d')")
    plugin.chmod(0o755)
    where = ["--transport", "http", "--codec", "json", "--plugin", str(plugin)]
    more = ["--backend-config", "a={dir}", "--offers", "faults", "--json-file", str(lines)]
    vectors = ["--vector", "session-opens", "--vector", "read-empty"]
    done = run("conformance", *where, *more, *vectors)
    assert done.code == 1
    assert "FAIL http-json session-opens [P-SESSION-2, P-SESSION-3]" in done.out
    replay = "--backend-config 'a={dir}' --offers faults --vector session-opens"
    assert f"replay: transportlab conformance {' '.join(where)} {replay}" in done.out
    assert "2 fail, 0 unsupported, 0 not run" in done.out
    assert "next: session-opens (level 0)" in done.out
    assert json.loads(lines.read_text().splitlines()[1])["failure"]["step"] == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--group", "nothing"], 'unknown group "nothing"'),
        (["--group", "read", "--vector", "plan-orders-its-ops"], "no vector is selected"),
        (["--transport", "pigeon"], 'unknown transport "pigeon"'),
        (["--offers", "faults"], "go with --plugin"),
        (["--jobs", "0"], "a whole number of at least 1"),
        (["--random", "1", "--jobs", "2"], "sequences are no vectors"),
        (["--plugin", "./nothere"], "E-NOT-FOUND"),
        (["--plugin", ""], "--plugin: the value is empty"),
        (["--plugin", "./x", "--offers", "wings"], 'unknown feature "wings"'),
        (["--plugin", "./x", "--backend-config", "x"], "expected NAME=VALUE"),
        (["--json-file", "/nowhere/x", "--group", "read"], "/nowhere/x: cannot be written"),
        (["--badge", "x.svg", "--group", "read"], "a level is told by all vectors"),
        (["--known", "/nowhere/known.json"], "/nowhere/known.json: cannot be read"),
        (["--revision", "7"], 'there is no revision "7"; there are 1, next'),
        (["--capsules", "/dev/null", "--group", "read"], "--capsules: /dev/null: no folder"),
        (["hots"], 'unexpected argument: "hots"'),
        (["--list", "grups"], 'expected vectors or groups, got "grups"'),
        (["--list", "--group", "raed"], 'unknown group "raed"; is it "read"?'),
        (["--junit", "/nowhere/x", "--group", "read"], "/nowhere/x: cannot be written"),
    ],
)
def test_a_wrong_option_exits_with_2(run: Run, arguments: list[str], said: str) -> None:
    done = run("conformance", *arguments)
    assert (done.code, done.out) == (2, "")
    assert said in done.err


def test_a_host_is_tested_by_its_command(run: Run, tmp_path: Path) -> None:
    lines, xml = tmp_path / "out.jsonl", tmp_path / "out.xml"
    vectors = ["--vector", "an-unknown-name-is-an-error", "--vector", "a-path-is-taken-as-it-is"]
    where = ["--transport", "jsonrpc", "--command"]
    command = "false {verb} {manifest} {backend} {transport}"
    files = ["--json-file", str(lines), "--junit", str(xml)]
    done = run("conformance", "host", *where, command, *vectors, *files)
    assert done.code == 1
    assert "FAIL jsonrpc a-path-is-taken-as-it-is [P-DISCOVERY-3]" in done.out
    assert "jsonrpc        0 pass, 2 fail" in done.out
    replay = f"transportlab conformance host --transport jsonrpc --command '{command}' --vector "
    assert replay + "a-path-is-taken-as-it-is" in done.out
    assert "LEVEL jsonrpc: not told, as not all vectors ran\n" in done.out
    assert "\n  next: " in done.out
    head, *outcomes, end = map(json.loads, lines.read_text().splitlines())
    assert head["vectors"] == len(outcomes) == 2
    assert {o["status"] for o in outcomes} == {"fail"}  # a refusal proves nothing of such a host
    assert end["ok"] is False
    assert ET.parse(xml).getroot()[0].get("tests") == "2"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--command", "mine"], "{verb} is missing"),
        (["--command", " "], "--command: the value is empty"),
        (["--command", f"nosuchprog {{verb}} {PLACES}"], '"nosuchprog": no such program'),
        (["--group", "nothing"], 'unknown group "nothing"'),
        (["--vector", "read-empty"], 'unknown vector "read-empty"'),
        (["--transport", "pigeon"], 'no scripted plugin for "pigeon"'),
        (["--jobs", "0"], "a whole number of at least 1"),
        (["--junit", "/nowhere/x"], "/nowhere/x: cannot be written"),
    ],
)
def test_a_wrong_option_for_hosts_exits_with_2(run: Run, arguments: list[str], said: str) -> None:
    done = run("conformance", "host", *arguments)
    assert (done.code, done.out) == (2, "")
    assert said in done.err


def test_json_on_stdout_leaves_the_text_for_stderr(run: Run) -> None:
    done = run("conformance", "--transport", "direct", "--vector", "read-empty", "--json")
    head, outcome, end = map(json.loads, done.out.splitlines())
    assert (head["format"], outcome["vector"], end["ok"]) == (1, "read-empty", True)
    assert done.err.endswith("OK: 1 vector\n")


@pytest.mark.parametrize("suite", [["conformance"], ["conformance", "host"]])
def test_vectors_and_groups_are_listed(run: Run, suite: list[str]) -> None:
    groups = [line.split()[0] for line in run(*suite, "--list", "groups").out.splitlines()]
    shown = run(*suite, "--list")
    assert shown.code == 0
    assert [f"{group}:" for group in groups] == [
        line for line in shown.out.splitlines() if not line.startswith(" ")
    ]
    some = run(*suite, "--list", "--group", groups[-1], "--json").json["vectors"]
    assert {row["group"] for row in some} == {groups[-1]}
    assert run(*suite, "--list", "groups", "--json").json["groups"][0]["group"] == groups[0]


def test_every_form_of_a_run_is_written(run: Run, tmp_path: Path) -> None:
    markdown, badge = tmp_path / "out.md", tmp_path / "out.svg"
    known = tmp_path / "known.json"
    known.write_text('{"known": [{"id": "read-empty", "reason": "r", "until": "2999-01-01"}]}')
    where = ["--transport", "direct", "--vector", "read-empty", "--verbose"]
    done = run("conformance", *where, "--markdown", str(markdown), "--known", str(known))
    assert done.code == 1
    assert f"FIXED read-empty: it passes; take it out of {known}" in done.out
    assert "direct-none read-empty: pass" in done.out
    assert "#### Fixed" in markdown.read_text()
    host = ["--transport", "jsonrpc", "--command", f"true {PLACES} {{verb}}"]
    done = run("conformance", "host", *host, "--group", "nothing", "--badge", str(badge))
    assert done.code == 2
    assert not badge.exists()


def test_a_trace_goes_to_stderr_and_changes_nothing(run: Run) -> None:
    where = ["--transport", "jsonrpc", "--vector", "read-empty"]
    done = run("conformance", *where, "--trace")
    assert done.code == 0
    assert "TRACE jsonrpc-json read-empty\n" in done.err
    assert ' > {"jsonrpc":"2.0"' in done.err
    assert ' < {"jsonrpc":"2.0"' in done.err
    assert done.out.endswith("OK: 1 vector\n")


def test_a_hosts_failure_has_a_capsule_too(run: Run, tmp_path: Path) -> None:
    vector = ["--transport", "jsonrpc", "--vector", "a-path-is-taken-as-it-is"]
    command = ["--command", "false {verb} {manifest} {backend} {transport}"]
    run("conformance", "host", *vector, *command, "--capsules", str(tmp_path))
    capsule = json.loads((tmp_path / "jsonrpc.a-path-is-taken-as-it-is.json").read_text())
    assert capsule["subject"] == {"command": command[1]}
    assert capsule["replay"].startswith("transportlab conformance host --transport jsonrpc")


def test_a_badge_is_of_a_whole_run(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = select(load_vectors(), ids=["read-empty", "session-opens"])
    monkeypatch.setattr("transportlab.cli.lab.conformance.load_vectors", lambda: few)
    badge = tmp_path / "badge.svg"
    done = run("conformance", "--transport", "direct", "--badge", str(badge))
    assert done.code == 0
    assert "LEVEL direct-none: 1 (reads)\n  groups: all 2 that were tried\n" in done.out
    root = ET.parse(badge).getroot()
    assert root.get("aria-label") == "cronix backend: in process | level 1 of 4 | revision 1"
