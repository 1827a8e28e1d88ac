"""What a user is told when something goes wrong: one clear message, and an exit code."""

import json
import re
import sys
import tomllib
from collections.abc import Callable
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest

from transportlab.channel import EndpointKind
from transportlab.cli import errors
from transportlab.registry import transport_names

COMMAND = str(Path(sys.executable).with_name("transportlab"))
ROOT = Path(__file__).resolve().parents[2]
MANIFESTS = ROOT / "spec" / "manifests"
ONE_JOB = str(MANIFESTS / "one-job.json")
DOZEN = str(MANIFESTS / "dozen.json")
PROCESS = transport_names(EndpointKind.SOCKET, EndpointKind.STDIO)
TRANSPORT = PROCESS[0]

Call = Callable[..., Any]
Run = Callable[..., Any]


def test_each_library_that_an_extra_brings_is_known() -> None:
    """So that a missing one is told with the command that installs it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    names = packages_distributions()
    found = {
        (module, extra)
        for extra in extras.keys() - {*transport_names(), "protobuf", "conformance", "all"}
        for needed in extras[extra]
        for module, of in names.items()
        if re.split("[>=]", needed)[0] in of and module.isidentifier() and module[0] != "_"
    }
    assert {extra for _, extra in found} == {"dask", "evidence", "history", "random", "wire"}
    imported = {module for module, _ in found} - {"pylab", "mpl_toolkits"}
    assert imported <= errors._EXTRA.keys()
    assert found & errors._EXTRA.items() == {(m, e) for m, e in found if m in imported}


def test_a_failed_apply_names_what_was_done_and_what_was_not(run: Run) -> None:
    options = ["--manifest", DOZEN, "--backend", "echo", "--transport", TRANSPORT]
    done = run("apply", *options, "--backend-config", "faults=Apply=error:DATA_LOSS")
    assert done.code == 1
    for line in (
        "DATA_LOSS",
        "applied: a1, a2",
        "failed: f1",
        "unattempted: u1",
        "expected e, got g",
    ):
        assert line in done.err


@pytest.mark.traits(isolated=True)
def test_an_apply_whose_plugin_dies_tells_each_job_by_how_far_it_came(
    transport: str, run: Run
) -> None:
    options = ["--manifest", DOZEN, "--backend", "echo", "--transport", transport]
    done = run("apply", *options, "--json", "--backend-config", "faults=Apply=exit_after:2")
    jobs = sorted(job["name"] for job in json.loads(Path(DOZEN).read_text())["jobs"])
    assert done.code == 1
    assert "E-CALL" in done.err
    assert "exit status 1" in done.err
    reached = done.json["error"]["apply"]
    # Two were done; an event that the transport's library still had when the plugin died is lost.
    assert reached["applied"] == jobs[: len(reached["applied"])]
    assert len(reached["applied"]) <= 2
    assert reached["applied"] + reached["unknown"] + reached["unreported"] == jobs
    assert not reached["unattempted"]
    assert f"\n  unreported: {', '.join(reached['unreported'])} (" in done.err


def test_a_deadline_that_passes_tells_whose_it_was_and_how_the_plugin_is(run: Run) -> None:
    options = ["--manifest", ONE_JOB, "--backend", "echo", "--transport", PROCESS[0]]
    faults = ["--backend-config", "faults=Read=block:60", "--timeout", "0.2"]
    done = run("read", *options, *faults)
    assert done.code == 1
    assert "DEADLINE_EXCEEDED" in done.err
    assert 'from backend "echo" (' in done.err
    assert "the plugin still runs" in done.err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["read"], 2, ["required: --manifest, --backend"]),
        (["fly"], 2, ["no such command", "read, plan, apply"]),
        (["read", "--bogus"], 2, ["no such option"]),
        (["plan", "--timeout", "soon"], 2, ["--timeout"]),
        (["plan", "--transport", "pigeon"], 2, ['unknown transport "pigeon"', "direct"]),
        (["plan", "--codec", "morse"], 2, ['no codec "morse"']),
        (["plan", "--backend-config", "novalue"], 2, ["expected NAME=VALUE"]),
        (["plan", "--backend-config", "state=a", "--backend-config", "state=b"], 2, ["twice"]),
        (["plan", "--backend-config", "colour=red"], 1, ["config/colour", "unknown config key"]),
        (["plan", "--backend", "nobody"], 1, ["E-NOT-FOUND", "cronix-backend-nobody"]),
        (["plan", "--manifest", "/nonexistent"], 1, ["/nonexistent"]),
        (["plan", "--manifest", "/"], 1, ["/: "]),
        (["plan", "--manifest", COMMAND], 1, ["JSON"]),
    ],
)
def test_a_wrong_use_is_one_clear_message(
    arguments: list[str], code: int, words: list[str], run: Run
) -> None:
    name, *rest = arguments
    known = {"--manifest": ONE_JOB, "--backend": "echo", "--transport": TRANSPORT}
    if name == "plan":
        given = [
            part
            for option, value in known.items()
            if option not in rest
            for part in (option, value)
        ]
        rest += given
    done = run(name, *rest)
    assert done.code == code
    assert not done.out
    for word in words:
        assert word in done.err


def test_an_error_with_json_is_an_object_on_stdout_too(tmp_path: Path, run: Run) -> None:
    options = ["--backend", "echo", "--transport", TRANSPORT, "--json"]
    done = run("read", "--manifest", ONE_JOB, *options, "--backend-config", "a=b")
    assert done.code == 1
    assert done.json["error"]["code"] == "INVALID_ARGUMENT"
    assert done.json["error"]["details"]["path"] == "config/a"
    done = run("read", "--manifest", ONE_JOB, *options, "--backend", "nobody")
    assert done.json["error"]["code"] == "E-NOT-FOUND"
    bad = tmp_path / "bad.json"
    bad.write_text(
        '{"version": 1, "app": "web", "jobs": [{"name": "a", "schedule": "61 * * * *"}]}'
    )
    done = run("read", "--manifest", str(bad), *options)
    assert done.json["error"]["kind"] == "ManifestError"
    assert "jobs/0/schedule" in done.json["error"]["message"]


def test_a_schedule_that_crontab_cannot_express_is_named(
    call: Call, crontab: Path, tmp_path: Path, transport: str
) -> None:
    manifest = json.loads(Path(ONE_JOB).read_text())
    job = manifest["jobs"][0]
    job.pop("schedule", None)
    job["schedules"] = ["@daily", "@every 7m"]
    file = tmp_path / "inexpressible.json"
    file.write_text(json.dumps(manifest))
    before = crontab.read_bytes()
    for operation in ("plan", "apply"):
        done = call(operation, manifest=str(file), transport=transport)
        assert done.code == 1
        assert "jobs/0/job/schedules/1" in done.err
        assert "@every 7m" in done.err
    assert crontab.read_bytes() == before


def test_a_deadline_is_an_error(run: Run) -> None:
    options = ["--manifest", ONE_JOB, "--backend", "echo", "--transport", TRANSPORT]
    slow = ["--backend-config", "faults=Read=sleep:60", "--timeout", "0.1"]
    done = run("read", *options, *slow)
    assert done.code == 1
    assert "DEADLINE_EXCEEDED" in done.err


@pytest.mark.traits(isolated=True)
def test_a_plugin_that_dies_in_apply_is_told_and_planning_again_converges(
    transport: str, tmp_path: Path, run: Run
) -> None:
    state = tmp_path / "state.json"
    options = ["--manifest", DOZEN, "--backend", "echo", "--transport", transport]
    options += ["--backend-config", f"state={state}"]
    done = run("apply", *options, "--backend-config", "faults=Apply=exit_after:3")
    assert done.code == 1
    assert "E-CALL" in done.err
    assert "exit status 1" in done.err
    assert "read, then plan again" in done.err
    again = run("apply", *options, "--json")
    assert again.json["counts"]["created"] == 12 - 3
    assert again.json["counts"]["skipped"] == 3


def test_a_plugins_print_does_not_spoil_the_json(transport: str, run: Run) -> None:
    options = ["--manifest", ONE_JOB, "--backend", "echo", "--transport", transport, "--json"]
    done = run("read", *options, "--backend-config", "faults=Read=print:{noise}")
    assert done.code == 0
    assert done.json == {"entries": [], "malformed": []}


@pytest.mark.traits(isolated=True)
def test_an_earlier_directory_that_hides_a_plugin_is_noted(
    tmp_path: Path, transport: str, run: Run
) -> None:
    own = Path(COMMAND).with_name("cronix-backend-echo")
    (tmp_path / own.name).symlink_to(own)
    options = ["--manifest", ONE_JOB, "--backend", "echo", "--transport", transport]
    done = run("read", *options, CRONIX_PLUGIN_DIR=str(tmp_path))
    assert done.code == 0
    assert f"{own} is hidden" in done.err


@pytest.mark.parametrize("where", ["manifest", "backend"])
def test_a_line_feed_in_a_path_begins_no_error_of_its_own(
    where: str, run: Run, tmp_path: Path
) -> None:
    path = tmp_path / "x\nerror: nothing was done\nwarning: nothing"
    path.write_text("{}")
    words = {"manifest": ONE_JOB, "backend": "echo"} | {where: str(path)}
    options = [f"--{name}={value}" for name, value in words.items()]
    done = run("read", *options, "--transport", PROCESS[0])
    assert done.code == 1
    own = [line for line in done.err.splitlines() if line.startswith(("error:", "warning:"))]
    assert len(own) == 1
