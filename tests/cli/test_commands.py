"""The command line as a user runs it: a process, its output, its exit code."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from transportlab.channel import EndpointKind
from transportlab.registry import load_transport, transport_names

SPEC = Path(__file__).resolve().parents[2] / "spec"
COMMAND = str(Path(sys.executable).with_name("transportlab"))
ONE_JOB = str(SPEC / "manifests" / "one-job.json")
DOZEN = str(SPEC / "manifests" / "dozen.json")
PROCESS = [
    n
    for n in transport_names()
    if load_transport(n).traits.endpoint in (EndpointKind.SOCKET, EndpointKind.STDIO)
]
TRANSPORT = PROCESS[0]


@dataclass
class Done:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        assert self.out.count("\n") == 1, "one object on one line"
        return json.loads(self.out)


def run(*arguments: str, **environment: str) -> Done:
    done = subprocess.run(
        [COMMAND, *arguments],
        capture_output=True,
        check=False,
        env={**os.environ, "NO_COLOR": "1", **environment},
        stdin=subprocess.DEVNULL,
    )
    assert b"Traceback" not in done.stderr
    return Done(done.returncode, done.stdout.decode(), done.stderr.decode())


Call = Callable[..., Done]


@pytest.fixture
def crontab(tmp_path: Path) -> Path:
    file = tmp_path / "crontab"
    file.write_bytes((SPEC / "crontabs" / "personal").read_bytes())
    return file


@pytest.fixture
def call(crontab: Path) -> Call:
    """Run an operation on the crontab with the manifest of one job."""

    def operation(
        name: str, *more: str, manifest: str = ONE_JOB, transport: str = TRANSPORT
    ) -> Done:
        options = ["--manifest", manifest, "--backend", "crontab", "--transport", transport]
        return run(name, *options, "--backend-config", f"path={crontab}", *more)

    return operation


def test_plan_apply_read_drift_for_people(call: Call, crontab: Path) -> None:
    before = crontab.read_bytes()
    plan = call("plan")
    assert "+ create billing-service.reconcile-payments" in plan.out
    assert "Plan: 1 to create; 0 unchanged." in plan.out
    assert crontab.read_bytes() == before
    assert "Applied: 1 created" in call("apply").out
    assert crontab.read_bytes().startswith(before)
    assert "*/15 * * * *" in call("read").out
    assert "No drift." in call("drift", "--exit-on-drift").out


def test_drift_is_an_exit_code_only_when_asked_for(call: Call) -> None:
    assert call("drift").code == 0
    done = call("drift", "--exit-on-drift", "--json")
    assert done.code == 5
    assert [item["kind"] for item in done.json["items"]] == ["missing"]


def test_json_has_the_contracts_names(call: Call) -> None:
    assert set(call("plan", "--json").json) == {"app", "ops", "state_digest"}
    applied = call("apply", "--json").json
    assert applied["counts"] == {"deleted": 0, "updated": 0, "created": 1, "skipped": 0}
    assert [e["kind"] for e in applied["events"]] == ["started", "done", "finished"]
    (entry,) = call("read", "--json").json["entries"]
    assert entry["hash"] == "21c1b02a51242d12"
    assert set(call("prune", "--json").json) == {"removed"}
    (item,) = call("verify-ownership", "--json").json["items"]
    assert item["verdict"] == "owned"
    assert call("adopt", "--json").json["outcome"] == "already_managed"


def test_adopt_has_exit_codes_of_its_own(call: Call, crontab: Path) -> None:
    assert call("adopt").code == 7
    line = "cronix trigger billing-service.reconcile-payments\n"
    crontab.write_text(f"*/20 * * * * {line}")
    done = call("adopt")
    assert done.code == 6
    assert "diverged" in done.out
    crontab.write_text(f"*/15 * * * * {line}")
    assert "would be adopted" in call("adopt", "--dry-run").out
    assert crontab.read_text() == f"*/15 * * * * {line}"
    assert call("adopt").code == 0
    assert "# cronix:owned" in crontab.read_text()


def test_adopt_of_several_jobs_asks_which(call: Call) -> None:
    done = call("adopt", manifest=DOZEN)
    assert done.code == 2
    assert "give --job with one of" in done.err
    assert call("adopt", "--job", "nope", manifest=DOZEN).code == 2
    name = json.loads(Path(DOZEN).read_text())["jobs"][0]["name"]
    assert call("adopt", "--job", name, manifest=DOZEN).code == 7


def test_prune_removes_what_the_manifest_does_not_hold(
    call: Call, crontab: Path, tmp_path: Path
) -> None:
    call("apply", manifest=DOZEN)
    manifest = json.loads(Path(DOZEN).read_text())
    kept = manifest["jobs"][0]
    smaller = tmp_path / "smaller.json"
    smaller.write_text(json.dumps({**manifest, "jobs": [kept]}))
    before = crontab.read_bytes()
    assert "would be removed" in call("prune", "--dry-run", manifest=str(smaller)).out
    assert crontab.read_bytes() == before
    assert "removed." in call("prune", manifest=str(smaller)).out
    owned = [line for line in crontab.read_text().splitlines() if "cronix:owned" in line]
    assert all(f"job={kept['name']} " in line for line in owned)


@pytest.mark.parametrize("transport", transport_names())
def test_every_transport_says_the_same(call: Call, transport: str, crontab: Path) -> None:
    if "libraries" in str(missing(transport)):
        pytest.skip("not run: the libraries were not built (no C compiler)")
    assert call("apply", "--json", transport=transport, manifest=DOZEN).json["counts"]["created"]
    direct = call("read", "--json", transport="direct", manifest=DOZEN)
    assert call("read", "--json", transport=transport, manifest=DOZEN).out == direct.out


def missing(transport: str) -> str:
    traits = load_transport(transport).traits
    library = Path(COMMAND).with_name("cronix-backend-crontab.so")
    return "libraries" if traits.endpoint is EndpointKind.LIBRARY and not library.exists() else ""


def test_what_has_changed_is_shown_as_a_diff_for_people(
    call: Call, crontab: Path, tmp_path: Path
) -> None:
    call("apply", manifest=DOZEN)
    manifest = json.loads(Path(DOZEN).read_text())
    first, second, *rest = sorted(manifest["jobs"], key=lambda job: job["name"])
    second.pop("schedules", None)
    second["schedule"] = "7 7 7 7 *"
    file = tmp_path / "changed.json"
    file.write_text(json.dumps({**manifest, "jobs": [second, *rest]}))
    app = manifest["app"]
    plan = call("plan", manifest=str(file)).out
    assert f"- delete {app}.{first['name']}" in plan
    assert f"~ update {app}.{second['name']}" in plan
    assert "    + [0] 7 7 7 7 * cronix" in plan
    assert "Plan: 1 to update, 1 to delete; 10 unchanged." in plan
    drift = call("drift", manifest=str(file)).out
    assert f"modified {app}.{second['name']} [0]" in drift
    assert f"orphan {app}.{first['name']} [0]" in drift
    verify = call("verify-ownership", manifest=str(file)).out
    assert "abandoned" in verify
    assert "owned" in verify
    assert "Applied: 0 created, 1 updated, 1 deleted" in call("apply", manifest=str(file)).out


def test_a_failed_apply_names_what_was_done_and_what_was_not(tmp_path: Path) -> None:
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


@pytest.mark.parametrize("name", PROCESS)
def test_an_apply_whose_plugin_dies_tells_each_job_by_how_far_it_came(name: str) -> None:
    options = ["--manifest", DOZEN, "--backend", "echo", "--transport", name]
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


def test_a_deadline_that_passes_tells_whose_it_was_and_how_the_plugin_is() -> None:
    options = ["--manifest", ONE_JOB, "--backend", "echo", "--transport", PROCESS[0]]
    faults = ["--backend-config", "faults=Read=block:60", "--timeout", "0.2"]
    done = run("read", *options, *faults)
    assert done.code == 1
    assert "DEADLINE_EXCEEDED" in done.err
    assert 'from backend "echo" (' in done.err
    assert "the plugin still runs" in done.err


# ---- errors


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["read"], 2, ["Missing option"]),
        (["fly"], 2, ["No such command"]),
        (["read", "--bogus"], 2, ["No such option"]),
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
    arguments: list[str], code: int, words: list[str]
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


def test_an_error_with_json_is_an_object_on_stdout_too(tmp_path: Path) -> None:
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


@pytest.mark.parametrize("transport", transport_names())
def test_a_schedule_that_crontab_cannot_express_is_named(
    call: Call, crontab: Path, tmp_path: Path, transport: str
) -> None:
    if missing(transport):
        pytest.skip("not run: the libraries were not built (no C compiler)")
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


def test_control_characters_of_a_backend_do_not_reach_the_terminal(
    call: Call, crontab: Path
) -> None:
    crontab.write_bytes(b"# cronix:owned \x1b[31mred\x07\n")
    out = call("read").out
    assert "\x1b" not in out
    assert "\x07" not in out
    assert "\\x1b[31mred\\x07" in out


def test_the_plugins_log_is_shown_on_request() -> None:
    options = ["--manifest", ONE_JOB, "--backend", "echo", "--transport", TRANSPORT]
    assert '"rpc"' not in run("read", *options).err
    assert "echo info Read rpc=Read app=" in run("read", *options, "--log").err


def test_a_deadline_is_an_error() -> None:
    options = ["--manifest", ONE_JOB, "--backend", "echo", "--transport", TRANSPORT]
    slow = ["--backend-config", "faults=Read=sleep:60", "--timeout", "0.1"]
    done = run("read", *options, *slow)
    assert done.code == 1
    assert "DEADLINE_EXCEEDED" in done.err


@pytest.mark.parametrize("transport", PROCESS)
def test_a_plugin_that_dies_in_apply_is_told_and_planning_again_converges(
    transport: str, tmp_path: Path
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


def test_a_plugins_print_does_not_spoil_the_json() -> None:
    for transport in transport_names():
        if missing(transport):
            continue
        options = ["--manifest", ONE_JOB, "--backend", "echo", "--transport", transport, "--json"]
        done = run("read", *options, "--backend-config", "faults=Read=print:{noise}")
        assert done.code == 0
        assert done.json == {"entries": [], "malformed": []}


@pytest.mark.parametrize("transport", PROCESS)
def test_an_earlier_directory_that_hides_a_plugin_is_noted(tmp_path: Path, transport: str) -> None:
    own = Path(COMMAND).with_name("cronix-backend-echo")
    (tmp_path / own.name).symlink_to(own)
    options = ["--manifest", ONE_JOB, "--backend", "echo", "--transport", transport]
    done = run("read", *options, CRONIX_PLUGIN_DIR=str(tmp_path))
    assert done.code == 0
    assert f"{own} is hidden" in done.err


@pytest.mark.parametrize("transport", transport_names())
def test_ctrl_c_stops_cleanly_and_the_plugin_with_it(transport: str) -> None:
    if missing(transport):
        pytest.skip("not run: the libraries were not built (no C compiler)")
    command = [COMMAND, "apply", "--manifest", DOZEN, "--backend", "echo", "--transport", transport]
    faults = ["--backend-config", "faults=Apply=sleep:60", "--log"]
    running = subprocess.Popen(
        [*command, *faults], stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )
    assert running.stderr is not None
    if transport in PROCESS:
        assert b" rpc=Plan " in running.stderr.readline()
    time.sleep(0.5 if transport in PROCESS else 1.5)
    plugins = [pid for pid in descendants(running.pid) if pid != running.pid]
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=60)
    assert running.returncode == 130
    assert b"interrupted" in err
    assert b"Traceback" not in err
    assert bool(plugins) == (transport in PROCESS)
    assert not [pid for pid in plugins if Path(f"/proc/{pid}").exists()]


def descendants(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return [int(child) for task in tasks for child in (task / "children").read_text().split()]


def test_transports_shows_the_traits() -> None:
    rows = json.loads(run("transports", "--json").out)["transports"]
    assert [row["name"] for row in rows] == transport_names()
    assert {row["endpoint"] for row in rows} == {"socket", "stdio", "library", "object"}
    table = run("transports").out
    assert "enforces_deadline" in table


def test_help_and_version() -> None:
    names = run("--help").out
    for name in ("read", "plan", "apply", "drift", "prune", "adopt", "verify-ownership"):
        assert name in names
        help_text = run(name, "--help").out
        assert all(option in help_text for option in ("--manifest", "--backend-config", "--json"))
    assert run("--version").out.startswith("transportlab ")


def test_a_long_apply_shows_progress_on_a_terminal(tmp_path: Path) -> None:
    master, slave = os.openpty()
    command = [COMMAND, "apply", "--manifest", DOZEN, "--backend", "echo", "--transport", TRANSPORT]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=slave)
    os.close(slave)
    shown = bytearray()
    while True:
        try:
            data = os.read(master, 4096)
        except OSError:
            break
        if not data:
            break
        shown += data
    os.close(master)
    out, _ = running.communicate(timeout=60)
    assert running.returncode == 0
    assert b"applying" in shown
    assert b"12/12" in shown
    assert b"Applied: 12 created" in out
