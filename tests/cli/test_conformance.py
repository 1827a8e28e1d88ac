"""The conformance command: its exit codes, its files, and how it tells a failure."""

import json
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from transportlab.conformance.host.command import PLACES

Run = Callable[..., Any]


def test_the_command_runs_writes_files_and_exits_with_0(run: Run, tmp_path: Path) -> None:
    lines, xml = tmp_path / "out.jsonl", tmp_path / "out.xml"
    files = ["--json", str(lines), "--junit", str(xml)]
    done = run("conformance", "--transport", "direct", "--group", "prune", *files)
    assert done.code == 0
    assert "direct-none    6 pass, 0 fail, 0 unsupported, 0 not run, 0 harness error" in done.out
    assert done.out.endswith("OK: 6 vectors\n")
    head, *outcomes, end = map(json.loads, lines.read_text().splitlines())
    assert head["vectors"] == len(outcomes) == 6
    assert {o["status"] for o in outcomes} == {"pass"}
    assert outcomes[0]["vector"] == "prune-removes-what-is-not-kept"
    assert end["ok"] is True
    assert end["results"][0]["totals"]["pass"] == 6
    assert ET.parse(xml).getroot()[0].get("tests") == "6"


def test_a_failure_is_told_with_its_replay_and_exits_with_1(run: Run, tmp_path: Path) -> None:
    plugin, lines = tmp_path / "cronix-backend-odd", tmp_path / "out"
    plugin.write_text(f"#!{sys.executable}\nraise SystemExit('not today \\ud83d')")
    plugin.chmod(0o755)
    where = ["--transport", "http", "--codec", "json", "--plugin", str(plugin)]
    more = ["--backend-config", "a={dir}", "--offers", "faults", "--json", str(lines)]
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
        (["--plugin", "./nothere"], "E-NOT-FOUND"),
        (["--plugin", ""], "--plugin: the value is empty"),
        (["--plugin", "./x", "--offers", "wings"], 'unknown feature "wings"'),
        (["--plugin", "./x", "--backend-config", "x"], "expected NAME=VALUE"),
        (["--json", "/nowhere/x", "--group", "read"], "/nowhere/x: cannot be written"),
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
    files = ["--json", str(lines), "--junit", str(xml)]
    done = run("conformance", "host", *where, command, *vectors, *files)
    assert done.code == 1
    assert "FAIL jsonrpc a-path-is-taken-as-it-is [P-DISCOVERY-3]" in done.out
    assert "jsonrpc        0 pass, 2 fail" in done.out
    replay = f"transportlab conformance host --transport jsonrpc --command '{command}' --vector "
    assert replay + "a-path-is-taken-as-it-is" in done.out
    assert "LADDER jsonrpc: no level, as not all vectors ran\n  next: " in done.out
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
