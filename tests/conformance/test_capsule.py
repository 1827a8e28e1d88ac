"""Capsules: what they hold, that they hide, and that their command repeats the failure."""

import json
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from transportlab.conformance.capsule import Capsules, file_sum, make_folder, versions
from transportlab.conformance.result import Captured, Report
from transportlab.errors import UsageError

Run = Callable[..., Any]

WRONG = """
import sys
from msgspec.structs import replace
from transportlab.backends.echo import PLUGIN
from transportlab.sdk import ConfigKey, run

def create(config):
    print("token is", config["token"], file=sys.stderr)
    backend = PLUGIN.create({})
    backend.read = lambda request, context: 1 / 0
    return backend

run(replace(PLUGIN, create=create, config=(ConfigKey("token", "a key"),)))
"""


@pytest.mark.parametrize(
    "transport", ["jsonrpc", *(pytest.param(n, marks=pytest.mark.slow) for n in ("http", "grpc"))]
)
def test_a_capsule_has_all_of_a_failure_and_no_secret(
    run: Run, tmp_path: Path, transport: str
) -> None:
    plugin, folder = tmp_path / "cronix-backend-wrong", tmp_path / "capsules"
    plugin.write_text(f"#!{sys.executable}{WRONG}")
    plugin.chmod(0o755)
    where = ["--transport", transport, "--plugin", str(plugin), "--vector", "read-empty"]
    token = "f8b0a5e4c1d7-99"  # for a test
    secret = ["--backend-config-env", "token=TL_TOKEN", "--offers", "fresh-store"]
    done = run("conformance", *where, *secret, "--capsules", str(folder), TL_TOKEN=token)
    assert done.code == 1
    path = min(folder.iterdir())
    text = path.read_text()
    assert token not in text
    capsule = json.loads(text)
    assert path.name == f"{transport}-{capsule['codec']}.read-empty.json"
    assert capsule["vector"]["id"] == "read-empty"
    assert capsule["subject"]["config"] == {"token": "[token]"}
    assert capsule["subject"]["sha256"] == file_sum(str(plugin))
    assert "INTERNAL" in capsule["failure"]["problem"]
    by = {line["by"] for line in capsule["transcript"]}
    assert by == {">", "<", "!"}
    said = "\n".join(line["text"] for line in capsule["transcript"])
    assert "OpenSession" in said
    assert "token is [token]" in "\n".join(capsule["log"])
    times = [line["at"] for line in capsule["transcript"]]
    assert times == sorted(times)
    assert capsule["versions"]["transportlab"]
    again = run(*shlex.split(capsule["replay"])[1:], TL_TOKEN=token)
    assert again.code == 1
    assert capsule["failure"]["problem"] in again.out


def test_vectors_that_came_before_in_the_process_are_told(report: Report, tmp_path: Path) -> None:
    arm = report.arms[1]
    arm.outcomes[2].captured = Captured(before=("same", "differs"))
    path = Capsules(tmp_path, {}, ["--plugin", "x"]).write(arm, arm.outcomes[2])
    capsule = json.loads(path.read_text())
    ends = "--vector same --vector differs --vector binding"
    assert capsule["replay_in_order"].endswith(ends)
    assert capsule["failure"]["problem"] == "expected \x00\u2028\\ud800 1, got 2"
    assert "replay_in_order" not in json.loads(
        Capsules(tmp_path, {}, []).write(arm, arm.outcomes[3]).read_text()
    )


def test_what_is_no_folder_is_told_before_anything_runs(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(UsageError, match=r"--capsules: .*file: no folder: "):
        make_folder(file)
    make_folder(None)
    make_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()


def test_versions_are_of_what_the_transport_needs() -> None:
    assert "grpcio" in versions("grpc")["libraries"]
    assert versions("direct")["libraries"] == {}
    assert file_sum("/nowhere") == ""


def test_a_session_that_does_not_open_has_one_capsule(run: Run, tmp_path: Path) -> None:
    plugin, folder = tmp_path / "cronix-backend-none", tmp_path / "capsules"
    plugin.write_text(f"#!{sys.executable}\nimport sys\nsys.exit('no licence')\n")
    plugin.chmod(0o755)
    where = ["--transport", "http", "--codec", "json", "--plugin", str(plugin), "--group", "read"]
    done = run("conformance", *where, "--capsules", str(folder))
    assert done.code == 1
    [path] = folder.iterdir()
    capsule = json.loads(path.read_text())
    assert "E-EXITED" in capsule["failure"]["problem"]
    assert capsule["log"] == ["none - no licence"]
