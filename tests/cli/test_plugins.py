"""`transportlab plugins list` and `diagnose` as a user runs them."""

import hashlib
import io
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from sysconfig import get_path
from typing import Any

import pytest

from transportlab.cli import render_plugins
from transportlab.cli.out import Out
from transportlab.host.inspection.diagnose import CHECKS, diagnose
from transportlab.host.inspection.list import find_plugins
from transportlab.registry import transport_names

ECHO = Path(get_path("scripts"), "cronix-backend-echo")
WIDTH = 80


Run = Callable[..., Any]


@pytest.fixture
def run(run: Run) -> Run:
    """run(argument, ..., NAME=value) runs `transportlab plugins` with these variables."""
    return partial(run, "plugins")


def manifest(folder: Path, sha256: str) -> str:
    job = {"name": "a", "schedule": "0 3 * * *", "request": {"url": "https://a.example"}}
    text = {"version": 1, "app": "web", "jobs": [job], "plugins": {"echo": {"sha256": sha256}}}
    path = folder / "manifest.json"
    path.write_text(json.dumps(text))
    return str(path)


def put(folder: Path, name: str, text: str, mode: int = 0o755) -> Path:
    path = folder / f"cronix-backend-{name}"
    path.write_text(text)
    path.chmod(mode)
    return path


# ---- list


def test_a_list_is_a_line_for_each_plugin_and_below_it_path_and_sum(
    tmp_path: Path, run: Run
) -> None:
    bad = put(tmp_path, "bad", "#!/bin/sh\n", 0o644)
    done = run("list", CRONIX_PLUGIN_DIR=str(tmp_path))
    assert done.code == 0
    lines = done.out.splitlines()
    assert lines[0].split() == ["NAME", "KIND", "PINNED"]
    at = lines.index("bad      program  no")
    assert lines[at + 1 : at + 4] == [
        f"    {bad}",
        "    E-NOT-EXECUTABLE: not executable by this user",
        f"    -> chmod +x {bad}",
    ]
    at = lines.index(f"    {ECHO}")
    assert lines[at + 1] == f"    sha256 {hashlib.sha256(ECHO.read_bytes()).hexdigest()}"
    assert lines[at + 2].startswith("    not in the sum: its interpreter (")
    assert f"    {tmp_path}" in lines
    assert lines[-1].startswith("No plugin was started: --start")


def test_a_list_as_json_holds_pins_and_what_plugins_say(tmp_path: Path, run: Run) -> None:
    sha256 = hashlib.sha256(ECHO.read_bytes()).hexdigest()
    done = run("list", "--start", "--json", "--manifest", manifest(tmp_path, sha256))
    assert (done.code, done.err) == (0, "")
    found: dict[str, Any] = json.loads(done.out)
    [echo] = [row for row in found["plugins"] if row["path"] == str(ECHO)]
    assert echo["sha256"] == sha256
    assert echo["pinned"] is True
    assert echo["version"] == "0.1.0"
    assert set(echo["transports"]) < set(transport_names())
    others = [row for row in found["plugins"] if row["name"] != "echo"]
    assert {row["code"] for row in others} == {"E-NOT-PINNED"}
    assert found["directories"][-1] == {"path": str(ECHO.parent), "problem": ""}


def test_a_list_with_a_name_that_is_no_text_is_json_all_the_same(tmp_path: Path, run: Run) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/cronix-backend-\xff")).touch()
    done = run("list", "--json", CRONIX_PLUGIN_DIR=str(tmp_path))
    assert "\udcff" in [row["name"] for row in json.loads(done.out)["plugins"]]


def test_a_manifest_that_cannot_be_read_is_told(run: Run) -> None:
    done = run("list", "--manifest", "/no/such/manifest")
    assert done.code == 1
    assert "/no/such/manifest" in done.err


# ---- diagnose


def test_a_diagnosis_shows_each_check_and_ends_with_the_answer(tmp_path: Path, run: Run) -> None:
    done = run("diagnose", str(put(tmp_path, "bad", "#!/no/such/sh\n")))
    assert done.code == 1
    head, *lines, last = done.out.splitlines()
    assert head.startswith('program "bad" over ')
    statuses = [line for line in lines if line.startswith(("ok ", "failed ", "not reached "))]
    assert [line[11:].split()[0] for line in statuses] == list(CHECKS)
    assert "failed       interpreter  /no/such/sh is not there" in lines
    assert "                          -> install it, or write the right path behind #!" in lines
    assert last == "It does not start; see interpreter first."
    assert not [line for line in lines if line != line.rstrip()]
    assert done.err == ""


def test_what_several_transports_answered_alike_is_told_once(tmp_path: Path, run: Run) -> None:
    done = run("diagnose", str(put(tmp_path, "bad", "#!/bin/sh\nexit 3\n")))
    [refused] = [line for line in done.out.splitlines() if line.startswith("not over ")]
    transports, _, answer = refused.removeprefix("not over ").partition(": ")
    assert len(transports.split(", ")) > 1
    assert answer == "E-EXITED: ended before its handshake, exit status 3"


def test_a_plugin_that_starts_exits_with_0(run: Run) -> None:
    done = run("diagnose", "echo")
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines()[-1] == "It starts."


def test_a_diagnosis_as_json_is_one_object_with_all_checks(tmp_path: Path, run: Run) -> None:
    path = put(tmp_path, "bad", "#!/bin/sh\necho 'no licence' >&2\nexit 3\n")
    done = run("diagnose", str(path), "--json")
    found = json.loads(done.out)
    assert done.code == 1
    assert [check["name"] for check in found["checks"]] == list(CHECKS)
    [failed] = [check for check in found["checks"] if check["status"] == "failed"]
    assert (failed["name"], failed["lines"]) == ("handshake", ["no licence"])
    assert (found["starts"], found["path"]) == (False, str(path))
    names = {way.partition("/")[0] for way in found["refused"]}
    assert names < set(transport_names())


def test_a_plugin_pinned_to_another_sum_is_told_and_not_started(tmp_path: Path, run: Run) -> None:
    done = run("diagnose", "echo", "--manifest", manifest(tmp_path, "0" * 64))
    assert done.code == 1
    assert "E-PIN-MISMATCH" in done.out
    assert "not reached  start" in done.out


def test_a_wrong_use_is_told(run: Run) -> None:
    done = run("diagnose", "echo", "--transport", "pigeon")
    assert (done.code, done.out) == (2, "")
    assert "unknown transport" in done.err


STUBBORN = "#!/bin/sh\ntrap '' TERM\necho $$ >> {pids}\nexec sleep 300\n"


@pytest.mark.usefixtures("heeded_signals")
@pytest.mark.parametrize("words", [["list", "--start"], ["diagnose", "stubborn"]], ids=" ".join)
def test_a_signal_ends_what_is_started_within_the_bounds_of_a_stop(
    tmp_path: Path, words: list[str], process: Callable[..., "subprocess.Popen[bytes]"]
) -> None:
    (pids := tmp_path / "pids").touch()
    for name in ("stubborn", "so-too"):
        put(tmp_path, name, STUBBORN.format(pids=pids))
    running = process(
        "plugins", *words, "--handshake-timeout", "600", CRONIX_PLUGIN_DIR=str(tmp_path)
    )
    while not pids.read_text():
        assert running.poll() is None
        time.sleep(0.05)
    running.send_signal(signal.SIGTERM)
    out, told = running.communicate(timeout=60)
    assert (running.returncode, out, told) == (143, b"", b"error: interrupted\n")
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids.read_text().split())


def test_nothing_is_wider_than_a_terminal_but_paths_that_are_to_be_copied(tmp_path: Path) -> None:
    broken = put(tmp_path, "bad", "#!/usr/bin/env no-such-python\n")
    out = Out(io.StringIO(), width=WIDTH)
    render_plugins.diagnosis(out, diagnose(str(broken)))
    render_plugins.diagnosis(out, diagnose("echo"))
    environment = {"CRONIX_PLUGIN_DIR": str(tmp_path)}
    render_plugins.listing(out, find_plugins(environment), started=True)
    assert isinstance(out.file, io.StringIO)
    long = [line for line in out.file.getvalue().splitlines() if len(line) > WIDTH]
    assert all(str(tmp_path) in line or line.startswith("    -> ") for line in long)


def test_a_narrow_terminal_is_no_matter() -> None:
    found = diagnose("nobody")
    for width in range(1, WIDTH):
        out = io.StringIO()
        render_plugins.diagnosis(Out(out, width=width), found)
        assert "".join(out.getvalue().split()).endswith("Itdoesnotstart;seefilefirst.")


def test_control_characters_do_not_reach_the_terminal(tmp_path: Path) -> None:
    path = put(tmp_path, "\x1bodd", "#!/bin/sh\nprintf '\\033[2Jgone\\n' >&2; exit 1\n")
    out = Out(io.StringIO(), width=WIDTH)
    render_plugins.diagnosis(out, diagnose(str(path)))
    render_plugins.listing(out, find_plugins({"CRONIX_PLUGIN_DIR": str(tmp_path)}), started=False)
    assert isinstance(out.file, io.StringIO)
    assert "\x1b" not in out.file.getvalue()
    assert out.file.getvalue().count("\\x1bodd") >= 3
    assert "| \\x1b[2Jgone" in out.file.getvalue()
