"""A secret that was given by file or environment is found in nothing that the command prints."""

import base64
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from transportlab.registry import load_transport, transport_names

MANIFEST = str(Path(__file__).parents[2] / "spec" / "manifests" / "one-job.json")
ISOLATED = [name for name in transport_names() if load_transport(name).traits.isolated]
SECRET = 'Vt9"Kq/7\\wZ é-2f81c0de'
TRACES = ("Vt9", "2f81c0de", base64.b64encode(SECRET.encode()).decode().rstrip("="))
"""What is in it however its other characters are written."""

Run = Callable[..., Any]


def found_in(text: str) -> list[str]:
    return [trace for trace in TRACES if trace in text]


@pytest.fixture
def secret_file(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_text(SECRET + "\n")
    return path


def test_the_command_shows_no_secret(transport: str, secret_file: Path, run: Run) -> None:
    """A log line and an error that hold it, in one run."""
    ways = (
        ["--backend-config-file", f"token={secret_file}"],
        ["--backend-config-env", "token=MY_TOKEN"],
    )
    given = ways[transport_names().index(transport) % len(ways)]
    environment = {"MY_TOKEN": SECRET}
    environment["CRONIX_PLUGIN_ENV"] = os.environ["CRONIX_PLUGIN_ENV"] + ",MY_TOKEN"
    faults = "faults=Read=log:a {token};Read=refuse:r {token}"
    options = ["--manifest", MANIFEST, "--backend", "echo", "--transport", transport, *given]
    done = run("read", *options, "--log", "--json", "--backend-config", faults, **environment)
    assert done.code == 1, done.err
    assert not found_in(done.out + done.err)
    error = done.json["error"]
    assert (error["message"], error["details"]["action"]) == ("r [token]", "r [token]")
    assert "a [token]" in done.err


def test_a_reply_for_people_shows_no_secret(secret_file: Path, run: Run) -> None:
    options = ["--manifest", MANIFEST, "--backend", "echo", "--transport", "direct"]
    options += ["--backend-config-file", f"token={secret_file}"]
    done = run("read", *options, "--backend-config", "faults=Read=say:x {token} y")
    assert done.code == 0, done.err
    assert not found_in(done.out + done.err)
    assert "x [token] y" in done.out


def test_what_only_the_operator_calls_a_secret_is_hidden_too(
    transport: str, tmp_path: Path, run: Run
) -> None:
    """A backend in the host's own process logs to the host's stderr, where no reader hides it."""
    path = tmp_path / "faults"
    path.write_text("Read=log:told 2f81c0de-2f81c0de;Read=panic:2f81c0de-2f81c0de\n")
    options = ["--manifest", MANIFEST, "--backend", "echo", "--transport", transport]
    options += ["--backend-config-file", f"faults={path}"]
    done = run("read", *options, "--log", "--json")
    assert done.code == 1
    assert not found_in(done.out + done.err)
    assert "[faults]" in done.err
    assert "RuntimeError:[faults]" in done.out.replace(" ", "")


def test_with_json_the_log_is_json_as_well(secret_file: Path, run: Run) -> None:
    name = ISOLATED[0]
    options = ["--manifest", MANIFEST, "--backend", "echo", "--transport", name]
    options += ["--backend-config-file", f"token={secret_file}"]
    options += ["--backend-config", "faults=Read=log:a {token};Read=say:x {token} y"]
    done = run("read", *options, "--log", "--json")
    assert done.code == 0, done.err
    (entry,) = done.json["entries"]
    assert entry["command"] == "x [token] y"
    records = [json.loads(line) for line in done.err.splitlines()]
    told = next(one for one in records if one["message"] == "a [token]")
    assert told["plugin"] == "echo"
    assert told["level"] == "warning"
    assert told["fields"] == {"value": "a [token]"}
    assert told["time"] > 1.6e9


def test_the_conformance_report_shows_no_secret(
    secret_file: Path, tmp_path: Path, run: Run
) -> None:
    name = ISOLATED[0]
    path = tmp_path / "cronix-backend-telling"
    path.write_text(TELLING.format(python=sys.executable))
    path.chmod(0o755)
    lines, junit = tmp_path / "lines", tmp_path / "junit.xml"
    options = ["--transport", name, "--plugin", str(path), "--vector", "read-empty"]
    options += ["--backend-config-file", f"token={secret_file}"]
    done = run("conformance", *options, "--json-file", str(lines), "--junit", str(junit))
    assert done.code == 1
    assert f"--backend-config-file token={secret_file}" in done.out.replace("'", "")
    everything = done.out + done.err + lines.read_text() + junit.read_text()
    assert "[token]" in done.out
    assert "[token]" in lines.read_text()
    assert "[token]" in junit.read_text()
    assert not found_in(everything)


TELLING = """#!{python}
from msgspec.structs import replace
from transportlab.backends import echo
from transportlab.errors import Code, RpcError
from transportlab.sdk import run

class Telling:
    def __init__(self, token):
        self.token = token

    def read(self, request, context):
        raise RpcError(Code.ABORTED, self.token)

    plan = apply = drift = prune = adopt = verify_ownership = read

keys = tuple(replace(key, secret=False) for key in echo.PLUGIN.config)
create = lambda config: Telling(config["token"])
run(replace(echo.PLUGIN, name="telling", config=keys, create=create))
"""
