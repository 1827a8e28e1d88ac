"""The operations of the command line as a user runs them: what they print and do."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from transportlab.channel import EndpointKind
from transportlab.registry import transport_names

MANIFESTS = Path(__file__).resolve().parents[2] / "spec" / "manifests"
ONE_JOB = str(MANIFESTS / "one-job.json")
DOZEN = str(MANIFESTS / "dozen.json")
PROCESS = transport_names(EndpointKind.SOCKET, EndpointKind.STDIO)
TRANSPORT = PROCESS[0]

Call = Callable[..., Any]
Run = Callable[..., Any]


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


def test_a_plan_that_changes_something_is_an_exit_code_only_when_asked_for(call: Call) -> None:
    assert call("plan").code == 0
    assert call("plan", "--detailed-exitcode").code == 5
    assert call("apply").code == 0
    assert call("plan", "--detailed-exitcode").code == 0


def test_json_has_the_contracts_names(call: Call) -> None:
    assert set(call("plan", "--json").json) == {"app", "ops", "state_digest", "warnings"}
    applied = call("apply", "--json").json
    assert applied["counts"] == {"deleted": 0, "updated": 0, "created": 1, "skipped": 0}
    assert [e["kind"] for e in applied["events"]] == ["started", "done", "finished"]
    (entry,) = call("read", "--json").json["entries"]
    assert entry["hash"] == "21c1b02a51242d12"
    assert set(call("prune", "--json").json) == {"removed", "dry_run"}
    (item,) = call("verify-ownership", "--json").json["items"]
    assert item["verdict"] == "owned"
    assert call("adopt", "--json").json["outcome"] == "already_managed"


UNMARKED = "*/15 * * * * cronix trigger billing-service.reconcile-payments >> /dev/null\n"


def test_a_job_that_would_run_twice_is_told_and_an_error_if_one_is_strict(
    call: Call, crontab: Path
) -> None:
    crontab.write_text(UNMARKED)
    for command in ("plan", "apply"):
        done = call(command, "--strict")
        assert (done.code, done.err) == (1, "error: --strict: there are warnings (1)\n")
        assert "warning RUNS_TWICE: line 1: " in done.out
        assert crontab.read_text() == UNMARKED
    done = call("apply", "--json")
    assert done.code == 0
    assert [warning["reason"] for warning in done.json["warnings"]] == ["RUNS_TWICE"]
    assert crontab.read_text().startswith(UNMARKED)
    drift = call("drift", "--exit-on-drift")
    assert drift.code == 5
    assert drift.out.startswith("foreign billing-service.reconcile-payments")


def test_strict_without_a_warning_changes_nothing(call: Call, crontab: Path) -> None:
    crontab.write_text("# mine\n")
    for command in ("plan", "apply", "verify-ownership"):
        assert call(command, "--strict").code == 0
    assert "No drift." in call("drift").out


def test_of_many_warnings_the_first_are_shown_and_the_rest_counted(
    call: Call, crontab: Path
) -> None:
    crontab.write_text(UNMARKED * 30)
    out = call("plan").out
    assert out.count("warning RUNS_TWICE") == 20
    assert "and 10 more warnings" in out


def test_adopt_has_exit_codes_of_its_own(call: Call, crontab: Path) -> None:
    assert call("adopt").code == 7
    line = "/usr/local/bin/cronix trigger billing-service.reconcile-payments\n"
    crontab.write_text(f"*/20 * * * * {line}")
    done = call("adopt")
    assert done.code == 6
    assert "differs from the manifest" in done.out
    crontab.write_text(f"*/15 * * * * {line}")
    assert "would be adopted" in call("adopt", "--dry-run").out
    told = call("adopt", "--dry-run", "--json").json
    assert (told["outcome"], told["dry_run"]) == ("adopted", True)
    assert crontab.read_text() == f"*/15 * * * * {line}"
    told = call("adopt", "--json").json
    assert (told["outcome"], told["dry_run"]) == ("adopted", False)
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
    told = call("prune", "--dry-run", "--json", manifest=str(smaller)).json
    assert told["dry_run"] is True
    assert told["removed"]
    assert crontab.read_bytes() == before
    assert call("prune", "--json", manifest=str(smaller)).json == {**told, "dry_run": False}
    assert "0 entries removed." in call("prune", manifest=str(smaller)).out
    owned = [line for line in crontab.read_text().splitlines() if "cronix:owned" in line]
    assert all(f"job={kept['name']} " in line for line in owned)


def test_every_transport_says_the_same(call: Call, transport: str, crontab: Path) -> None:
    assert call("apply", "--json", transport=transport, manifest=DOZEN).json["counts"]["created"]
    direct = call("read", "--json", transport="direct", manifest=DOZEN)
    assert call("read", "--json", transport=transport, manifest=DOZEN).out == direct.out


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
    assert "    + [0] 7 7 7 7 * /usr/local/bin/cronix" in plan
    assert "Plan: 1 to update, 1 to delete; 10 unchanged." in plan
    drift = call("drift", manifest=str(file)).out
    assert f"modified {app}.{second['name']} [0]" in drift
    assert f"orphan {app}.{first['name']} [0]" in drift
    verify = call("verify-ownership", manifest=str(file)).out
    assert "abandoned" in verify
    assert "owned" in verify
    assert "Applied: 0 created, 1 updated, 1 deleted" in call("apply", manifest=str(file)).out


def test_control_characters_of_a_backend_do_not_reach_the_terminal(
    call: Call, crontab: Path
) -> None:
    crontab.write_bytes(b"# cronix:owned \x1b[31mred\x07\n")
    out = call("read").out
    assert "\x1b" not in out
    assert "\x07" not in out
    assert "\\x1b[31mred\\x07" in out


def test_the_plugins_log_is_shown_on_request(run: Run) -> None:
    options = ["--manifest", ONE_JOB, "--backend", "echo", "--transport", TRANSPORT]
    assert '"rpc"' not in run("read", *options).err
    assert "echo info Read rpc=Read app=" in run("read", *options, "--log").err


def test_transports_shows_the_traits(run: Run) -> None:
    rows = json.loads(run("transports", "--json").out)["transports"]
    assert [row["name"] for row in rows] == transport_names()
    assert {row["endpoint"] for row in rows} == {"socket", "stdio", "library", "object"}
    table = run("transports").out
    assert "enforces_deadline" in table


def test_help_and_version(run: Run) -> None:
    names = run("--help").out
    for name in ("read", "plan", "apply", "drift", "prune", "adopt", "verify-ownership"):
        assert name in names
        help_text = run(name, "--help").out
        assert all(option in help_text for option in ("--manifest", "--backend-config", "--json"))
    assert run("--version").out.startswith("transportlab ")
